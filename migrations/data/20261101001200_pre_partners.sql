-- migrate:up
SET lock_timeout = '3s';

-- A courier company, admitted by an authority to some of its communities.
CREATE TABLE partner (
    partner_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    authority_id uuid NOT NULL REFERENCES authority,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    client_id text NOT NULL UNIQUE CHECK (length(client_id) BETWEEN 8 AND 64),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX partner_authority ON partner (authority_id);

-- Two may live at once, so that a company changes its secret without an hour in which neither works.
CREATE TABLE partner_secret (
    secret_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    partner_id uuid NOT NULL REFERENCES partner ON DELETE CASCADE,
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX partner_secret_partner ON partner_secret (partner_id) WHERE revoked_at IS NULL;

CREATE TABLE partner_community (
    community_id uuid NOT NULL REFERENCES community,
    partner_id uuid NOT NULL REFERENCES partner ON DELETE CASCADE,
    admitted_at timestamptz NOT NULL DEFAULT now(),
    suspended_at timestamptz,
    PRIMARY KEY (community_id, partner_id)
);
CREATE INDEX partner_community_partner ON partner_community (partner_id);

ALTER TABLE partner_community ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner_community FORCE ROW LEVEL SECURITY;
CREATE POLICY partner_community_scope ON partner_community
    USING (community_id = scope_community() OR scope_platform())
    WITH CHECK (community_id = scope_community() OR scope_platform());
ALTER TABLE partner ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner FORCE ROW LEVEL SECURITY;
-- A community sees the companies that come to it, and no others.
CREATE POLICY partner_read ON partner FOR SELECT USING (
    scope_platform()
    OR EXISTS (
        SELECT FROM partner_community pc
        WHERE pc.community_id = scope_community() AND pc.partner_id = partner.partner_id
    )
);
CREATE POLICY partner_write ON partner FOR ALL USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE partner_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY partner_secret_scope ON partner_secret USING (scope_platform()) WITH CHECK (scope_platform());

GRANT SELECT, INSERT ON partner, partner_secret, partner_community TO doorward_api;
-- On "name" also for the row lock under which secrets are counted.
GRANT UPDATE (name) ON partner TO doorward_api;
GRANT UPDATE (revoked_at) ON partner_secret TO doorward_api;
GRANT UPDATE (suspended_at) ON partner_community TO doorward_api;
GRANT SELECT ON partner, partner_community TO doorward_worker;

-- migrate:down
DROP TABLE partner, partner_secret, partner_community CASCADE;
