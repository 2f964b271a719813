-- migrate:up
SET lock_timeout = '3s';

-- Companies that sign instead of sending a secret (RFC 7523): their public keys. Nothing here can log in as anybody.
CREATE TABLE partner_key (
    key_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    partner_id uuid NOT NULL REFERENCES partner ON DELETE CASCADE,
    -- The company's own name for it, or the RFC 7638 thumbprint.
    kid text NOT NULL CHECK (length(kid) BETWEEN 1 AND 200),
    alg text NOT NULL CHECK (alg IN ('EdDSA', 'ES256')),
    -- SubjectPublicKeyInfo, DER.
    public_key bytea NOT NULL CHECK (length(public_key) BETWEEN 40 AND 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE UNIQUE INDEX partner_key_live ON partner_key (partner_id, kid) WHERE revoked_at IS NULL;

-- Ids of assertions that were taken, until they would have expired: none is taken twice, by whichever process.
CREATE TABLE partner_assertion (
    partner_id uuid NOT NULL REFERENCES partner ON DELETE CASCADE,
    jti_hash bytea NOT NULL CHECK (length(jti_hash) = 32),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, jti_hash)
);
CREATE INDEX partner_assertion_expiry ON partner_assertion (partner_id, expires_at);

-- How many requests were handed out to processes in the present window. Worth nothing after a crash, so not logged.
CREATE UNLOGGED TABLE rate_window (
    client text PRIMARY KEY CHECK (length(client) BETWEEN 1 AND 100),
    began_at timestamptz NOT NULL,
    taken integer NOT NULL CHECK (taken >= 0)
);

ALTER TABLE partner_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner_key FORCE ROW LEVEL SECURITY;
CREATE POLICY partner_key_scope ON partner_key USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE partner_assertion ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner_assertion FORCE ROW LEVEL SECURITY;
CREATE POLICY partner_assertion_scope ON partner_assertion USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE rate_window ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_window FORCE ROW LEVEL SECURITY;
CREATE POLICY rate_window_scope ON rate_window USING (scope_platform()) WITH CHECK (scope_platform());

GRANT SELECT, INSERT ON partner_key TO doorward_api;
GRANT UPDATE (revoked_at) ON partner_key TO doorward_api;
GRANT SELECT, INSERT, DELETE ON partner_assertion TO doorward_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_window TO doorward_api;

-- migrate:down
DROP TABLE rate_window, partner_assertion, partner_key;
