-- migrate:up
SET lock_timeout = '3s';

-- Where each chain ended on a day, signed with a key that this database has not: whoever rewrites a chain as a whole,
-- hashes and all, cannot make the signature that belongs to it. Exported, it holds against whoever has the key, too.
CREATE TABLE audit_checkpoint (
    community_id uuid NOT NULL,
    -- In UTC.
    day date NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    signed_at timestamptz NOT NULL,
    kid text NOT NULL CHECK (length(kid) BETWEEN 1 AND 100),
    -- Ed25519 over the head's canonical JSON, see backend.audit.heads.
    signature bytea NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (community_id, day)
);
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

ALTER TABLE audit_checkpoint ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_checkpoint FORCE ROW LEVEL SECURITY;
CREATE POLICY audit_checkpoint_read ON audit_checkpoint FOR SELECT
    USING (community_id = scope_community() OR scope_platform());
CREATE POLICY audit_checkpoint_auditor ON audit_checkpoint FOR SELECT TO doorward_audit USING (true);
CREATE POLICY audit_checkpoint_sign ON audit_checkpoint FOR INSERT WITH CHECK (scope_platform());
GRANT SELECT ON audit_checkpoint TO doorward_api, doorward_worker, doorward_audit;
GRANT INSERT ON audit_checkpoint TO doorward_worker;

-- migrate:down
DROP TABLE audit_checkpoint;
