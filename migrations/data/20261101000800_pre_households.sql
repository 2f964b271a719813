-- migrate:up
SET lock_timeout = '3s';

-- The register: who lives where, and until when.
CREATE TABLE building (
    community_id uuid NOT NULL REFERENCES community,
    building_id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, building_id),
    UNIQUE (community_id, name)
);

CREATE TABLE home (
    community_id uuid NOT NULL,
    home_id uuid NOT NULL DEFAULT gen_random_uuid(),
    building_id uuid NOT NULL,
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 50),
    member_limit integer NOT NULL CHECK (member_limit BETWEEN 1 AND 30),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, home_id),
    UNIQUE (community_id, building_id, label),
    FOREIGN KEY (community_id, building_id) REFERENCES building
);

CREATE TABLE tenancy (
    community_id uuid NOT NULL,
    tenancy_id uuid NOT NULL DEFAULT gen_random_uuid(),
    home_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    -- When it is to end; ended_at says that it has.
    ends_at timestamptz,
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, tenancy_id),
    FOREIGN KEY (community_id, home_id) REFERENCES home,
    CHECK (ends_at > starts_at)
);
CREATE INDEX tenancy_home ON tenancy (community_id, home_id);
CREATE INDEX tenancy_to_end ON tenancy (ends_at) WHERE ended_at IS NULL AND ends_at IS NOT NULL;

-- proposed: by the tenant, waits for staff. invited: stands on the register, has not come with his code yet.
CREATE TABLE member (
    community_id uuid NOT NULL,
    member_id uuid NOT NULL DEFAULT gen_random_uuid(),
    tenancy_id uuid NOT NULL,
    person_id uuid REFERENCES person,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    relation text NOT NULL CHECK (relation IN ('tenant', 'spouse', 'child', 'parent', 'sibling', 'other')),
    -- E.164. Needed until he has joined or left, and only to see that a code is used by whom it was meant for.
    phone text CHECK (phone ~ '^\+[1-9][0-9]{5,14}$'),
    state text NOT NULL CHECK (state IN ('proposed', 'invited', 'active', 'ended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    joined_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (community_id, member_id),
    FOREIGN KEY (community_id, tenancy_id) REFERENCES tenancy,
    CHECK (state <> 'active' OR person_id IS NOT NULL),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX member_tenancy ON member (community_id, tenancy_id);
CREATE INDEX member_person ON member (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX member_state ON member (community_id, state, created_at);
-- One person stands once in a household, also when two codes are used at the same moment.
CREATE UNIQUE INDEX member_once ON member (community_id, tenancy_id, person_id) WHERE state = 'active';

-- The code with which a member shows that he is the one whom the office gave it to. One per member; a new one replaces
-- the old. Only its keyed hash is kept.
CREATE TABLE activation (
    community_id uuid NOT NULL,
    member_id uuid NOT NULL,
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (community_id, member_id),
    FOREIGN KEY (community_id, member_id) REFERENCES member
);
CREATE INDEX activation_code ON activation (code_hash);

ALTER TABLE building ENABLE ROW LEVEL SECURITY;
ALTER TABLE building FORCE ROW LEVEL SECURITY;
CREATE POLICY building_scope ON building
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE home ENABLE ROW LEVEL SECURITY;
ALTER TABLE home FORCE ROW LEVEL SECURITY;
CREATE POLICY home_scope ON home
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE tenancy ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenancy FORCE ROW LEVEL SECURITY;
CREATE POLICY tenancy_scope ON tenancy
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- The worker finds the communities in which a tenancy is due to end, and then ends each under its community's scope.
CREATE POLICY tenancy_due ON tenancy FOR SELECT TO doorward_worker USING (scope_platform());
ALTER TABLE member ENABLE ROW LEVEL SECURITY;
ALTER TABLE member FORCE ROW LEVEL SECURITY;
CREATE POLICY member_scope ON member
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- A resident finds the homes he belongs to, whatever their community.
CREATE POLICY member_self ON member FOR SELECT USING (person_id = scope_person());
ALTER TABLE activation ENABLE ROW LEVEL SECURITY;
ALTER TABLE activation FORCE ROW LEVEL SECURITY;
CREATE POLICY activation_scope ON activation
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- A code is looked up before anybody knows which community it belongs to.
CREATE POLICY activation_lookup ON activation FOR SELECT USING (scope_platform());

GRANT SELECT, INSERT ON building, home, tenancy, member TO doorward_api;
GRANT SELECT, INSERT, DELETE ON activation TO doorward_api;
GRANT UPDATE (member_limit) ON home TO doorward_api;
GRANT UPDATE (ends_at, ended_at) ON tenancy TO doorward_api, doorward_worker;
GRANT UPDATE (person_id, phone, state, joined_at, ended_at) ON member TO doorward_api;
GRANT UPDATE (code_hash, expires_at, used_at) ON activation TO doorward_api;
GRANT SELECT ON building, home, tenancy, member TO doorward_worker;
GRANT UPDATE (phone, state, ended_at) ON member TO doorward_worker;
GRANT SELECT, DELETE ON activation TO doorward_worker;

-- migrate:down
DROP TABLE activation, member, tenancy, home, building;
