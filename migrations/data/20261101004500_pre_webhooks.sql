-- migrate:up
SET lock_timeout = '3s';

-- Where a company wants to be told. The secret that it checks signatures with is sealed by a key made of the key
-- store's; during a rotation the former one signs, too.
CREATE TABLE webhook_endpoint (
    partner_id uuid NOT NULL REFERENCES partner ON DELETE CASCADE,
    endpoint_id uuid NOT NULL,
    url text NOT NULL CHECK (length(url) BETWEEN 10 AND 1000 AND url LIKE 'https://%'),
    -- Kinds of events that go there; NULL is all.
    kinds text[] CHECK (cardinality(kinds) BETWEEN 1 AND 20),
    secret_sealed bytea NOT NULL CHECK (length(secret_sealed) BETWEEN 29 AND 200),
    previous_sealed bytea CHECK (length(previous_sealed) BETWEEN 29 AND 200),
    previous_until timestamptz,
    created_at timestamptz NOT NULL,
    disabled_at timestamptz,
    disabled_by text CHECK (disabled_by IN ('company', 'failures', 'gone')),
    -- Since when every attempt has failed.
    failing_since timestamptz,
    PRIMARY KEY (partner_id, endpoint_id),
    CHECK ((previous_sealed IS NULL) = (previous_until IS NULL)),
    CHECK ((disabled_at IS NULL) = (disabled_by IS NULL))
);

-- One event on its way to one endpoint. "next_attempt_at" is moved on before each attempt, which is at once the claim
-- of whoever makes it and, where he is killed, the time of the next one.
CREATE TABLE webhook_delivery (
    partner_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    -- The event's, which is the order in which they go out.
    seq bigint NOT NULL,
    attempts smallint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    -- The HTTP status of the last answer; NULL where there was none.
    last_status smallint,
    settled_at timestamptz,
    outcome text CHECK (outcome IN ('delivered', 'dead')),
    PRIMARY KEY (partner_id, endpoint_id, event_id),
    FOREIGN KEY (partner_id, endpoint_id) REFERENCES webhook_endpoint ON DELETE CASCADE,
    FOREIGN KEY (partner_id, event_id) REFERENCES partner_event ON DELETE CASCADE,
    CHECK ((settled_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (partner_id, endpoint_id, next_attempt_at, seq)
    WHERE settled_at IS NULL;
CREATE INDEX webhook_delivery_dead ON webhook_delivery (partner_id, endpoint_id, seq) WHERE outcome = 'dead';
CREATE INDEX webhook_delivery_event ON webhook_delivery (partner_id, event_id);

ALTER TABLE webhook_endpoint ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoint FORCE ROW LEVEL SECURITY;
CREATE POLICY webhook_endpoint_scope ON webhook_endpoint USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY webhook_delivery_scope ON webhook_delivery USING (scope_platform()) WITH CHECK (scope_platform());

GRANT SELECT, INSERT, DELETE ON webhook_endpoint TO doorward_api;
GRANT UPDATE (url, kinds, secret_sealed, previous_sealed, previous_until, disabled_at, disabled_by, failing_since)
    ON webhook_endpoint TO doorward_api;
GRANT SELECT ON webhook_endpoint TO doorward_worker;
GRANT UPDATE (disabled_at, disabled_by, failing_since) ON webhook_endpoint TO doorward_worker;
GRANT SELECT ON webhook_delivery TO doorward_api;
GRANT UPDATE (attempts, next_attempt_at, settled_at, outcome) ON webhook_delivery TO doorward_api;
GRANT SELECT, INSERT ON webhook_delivery TO doorward_worker;
GRANT UPDATE (attempts, next_attempt_at, last_status, settled_at, outcome) ON webhook_delivery TO doorward_worker;

-- migrate:down
DROP TABLE webhook_delivery, webhook_endpoint;
