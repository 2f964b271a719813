-- migrate:up
SET lock_timeout = '3s';

-- The request whose effect a transaction is about to commit; see idempotent_request.
CREATE FUNCTION scope_request() RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
    AS $$SELECT decode(nullif(current_setting('doorward.request', true), ''), 'hex')$$;

-- Requests that carried an Idempotency-Key. Who sent which key stands here as a keyed hash, what he sent likewise, and
-- the answer sealed under a key that is not in this database.
CREATE TABLE idempotent_request (
    request_hash bytea PRIMARY KEY CHECK (length(request_hash) = 32),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    -- Which try has the request in hand, and until when another one waits for it.
    attempt uuid NOT NULL,
    began_at timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    -- Set in the same transaction as the effect, so that no crash leaves one without the other.
    committed_at timestamptz,
    answer bytea
);
CREATE INDEX idempotent_request_began ON idempotent_request (began_at);

ALTER TABLE idempotent_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotent_request FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotent_request_scope ON idempotent_request
    USING (scope_platform() OR request_hash = scope_request()) WITH CHECK (scope_platform() OR request_hash = scope_request());

GRANT SELECT, INSERT, DELETE ON idempotent_request TO doorward_api;
GRANT UPDATE (fingerprint, attempt, began_at, lease_until, committed_at, answer) ON idempotent_request TO doorward_api;
GRANT SELECT, DELETE ON idempotent_request TO doorward_worker;

-- migrate:down
DROP TABLE idempotent_request;
DROP FUNCTION scope_request();
