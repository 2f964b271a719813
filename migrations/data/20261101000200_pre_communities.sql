-- migrate:up
SET lock_timeout = '3s';

CREATE TABLE authority (
    authority_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE authority ENABLE ROW LEVEL SECURITY;
ALTER TABLE authority FORCE ROW LEVEL SECURITY;
CREATE POLICY authority_scope ON authority USING (scope_platform()) WITH CHECK (scope_platform());
GRANT SELECT, INSERT ON authority TO doorward_api;
GRANT SELECT ON authority TO doorward_worker;

CREATE TABLE community (
    community_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    authority_id uuid NOT NULL REFERENCES authority,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    time_zone text NOT NULL DEFAULT 'Asia/Shanghai',
    -- guided: front, left, right, moving like a solid head; photos: any three (staff desks, imports, demos).
    capture_policy text NOT NULL DEFAULT 'guided' CHECK (capture_policy IN ('guided', 'photos')),
    -- What the signed head tells the gates; see gate_sdk.wire.head.Policy.
    fpir double precision NOT NULL DEFAULT 0.001 CHECK (fpir > 0 AND fpir < 1),
    standing_lease_s integer NOT NULL DEFAULT 259200 CHECK (standing_lease_s BETWEEN 60 AND 604800),
    visiting_lease_s integer NOT NULL DEFAULT 3600 CHECK (visiting_lease_s BETWEEN 60 AND 86400),
    wipe_after_s integer NOT NULL DEFAULT 604800 CHECK (wipe_after_s BETWEEN 3600 AND 2592000),
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE community ENABLE ROW LEVEL SECURITY;
ALTER TABLE community FORCE ROW LEVEL SECURITY;
-- A community's name and rules are no secret to anybody who is logged in; which ones a query lists is the query's.
CREATE POLICY community_read ON community FOR SELECT USING (scope_any());
CREATE POLICY community_write ON community FOR ALL
    USING (community_id = scope_community() OR scope_platform())
    WITH CHECK (community_id = scope_community() OR scope_platform());
GRANT SELECT, INSERT ON community TO doorward_api;
GRANT UPDATE (name, time_zone, capture_policy, fpir, standing_lease_s, visiting_lease_s, wipe_after_s)
    ON community TO doorward_api;
GRANT SELECT ON community TO doorward_worker;

-- migrate:down
DROP TABLE community, authority;
