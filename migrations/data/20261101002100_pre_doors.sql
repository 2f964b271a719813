-- migrate:up
SET lock_timeout = '3s';

-- A door is a place in the wall; gates are the devices that stand at it. Groups are what rights and hours speak of.
CREATE TABLE door (
    community_id uuid NOT NULL REFERENCES community,
    door_id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, door_id),
    CONSTRAINT door_name UNIQUE (community_id, name)
);
CREATE TABLE door_group (
    community_id uuid NOT NULL REFERENCES community,
    group_id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, group_id),
    CONSTRAINT door_group_name UNIQUE (community_id, name)
);
CREATE TABLE door_in_group (
    community_id uuid NOT NULL,
    door_id uuid NOT NULL,
    group_id uuid NOT NULL,
    PRIMARY KEY (community_id, door_id, group_id),
    FOREIGN KEY (community_id, door_id) REFERENCES door ON DELETE CASCADE,
    FOREIGN KEY (community_id, group_id) REFERENCES door_group ON DELETE CASCADE
);
CREATE INDEX door_in_group_group ON door_in_group (community_id, group_id);

ALTER TABLE gate ADD COLUMN door_id uuid;
ALTER TABLE gate ADD CONSTRAINT gate_door FOREIGN KEY (community_id, door_id) REFERENCES door;
-- The revision of the plan that the gate last said it goes by: how staff see that an order has arrived.
ALTER TABLE gate ADD COLUMN acked_plan bigint;
CREATE INDEX gate_at_door ON gate (community_id, door_id) WHERE door_id IS NOT NULL;
GRANT UPDATE (door_id, acked_plan) ON gate TO doorward_api;

-- Weekly hours, by the community's own clocks. "week" is a list of {day, begin, until} in minutes; a day of "holiday"
-- goes for holidays. Without "own_holidays" a holiday is a day like any other.
CREATE TABLE schedule (
    community_id uuid NOT NULL REFERENCES community,
    schedule_id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    week jsonb NOT NULL CHECK (jsonb_typeof(week) = 'array'),
    own_holidays boolean NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, schedule_id),
    CONSTRAINT schedule_name UNIQUE (community_id, name)
);

-- Days that are not what the calendar says: holidays, and days off that are worked like some weekday instead.
CREATE TABLE calendar_day (
    community_id uuid NOT NULL REFERENCES community,
    day date NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    works_as text CHECK (works_as IN ('mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun')),
    PRIMARY KEY (community_id, day)
);

-- Which schedule goes for a kind of person at the doors of a group, or at every door.
CREATE TABLE door_hours (
    community_id uuid NOT NULL,
    hours_id uuid NOT NULL DEFAULT gen_random_uuid(),
    group_id uuid,
    kind text NOT NULL CHECK (kind IN ('resident', 'staff', 'guest', 'courier')),
    schedule_id uuid NOT NULL,
    PRIMARY KEY (community_id, hours_id),
    UNIQUE NULLS NOT DISTINCT (community_id, group_id, kind),
    FOREIGN KEY (community_id, group_id) REFERENCES door_group ON DELETE CASCADE,
    FOREIGN KEY (community_id, schedule_id) REFERENCES schedule
);
CREATE INDEX door_hours_schedule ON door_hours (community_id, schedule_id);

-- Orders of the staff that stand above hours, doors and faces. They end by themselves.
CREATE TABLE emergency (
    community_id uuid NOT NULL REFERENCES community,
    emergency_id uuid NOT NULL DEFAULT gen_random_uuid(),
    mode text NOT NULL CHECK (mode IN ('lockdown', 'unlock')),
    -- Null is every door of the community. No reference: the record outlives its group.
    group_id uuid,
    admits text[] NOT NULL CHECK (cardinality(admits) <= 4),
    reason text NOT NULL CHECK (reason IN ('fire', 'medical', 'intrusion', 'violence', 'hazard', 'authority_order',
        'drill', 'other')),
    note text CHECK (length(note) BETWEEN 1 AND 200),
    declared_by uuid NOT NULL,
    declared_at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    ended_by uuid,
    ended_at timestamptz,
    PRIMARY KEY (community_id, emergency_id),
    CHECK (until > declared_at AND until <= declared_at + interval '24 hours'),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX emergency_until ON emergency (community_id, until);
CREATE INDEX emergency_newest ON emergency (community_id, declared_at DESC, emergency_id);

-- What gates are told of all this, expanded into intervals: the bytes that the signed head names by their hash.
-- Revision 0 has none: nothing was ever said about the community's doors.
CREATE TABLE door_plan (
    community_id uuid PRIMARY KEY REFERENCES community,
    revision bigint NOT NULL DEFAULT 0,
    body bytea,
    sha256 bytea GENERATED ALWAYS AS (sha256(body)) STORED,
    -- By what it was expanded, to see when it is to be expanded anew; "hours_until" is null where there are no hours.
    time_zone text,
    hours_until timestamptz,
    built_at timestamptz,
    CHECK ((revision = 0) = (body IS NULL))
);
CREATE INDEX door_plan_due ON door_plan (hours_until) WHERE hours_until IS NOT NULL;

ALTER TABLE door ENABLE ROW LEVEL SECURITY;
ALTER TABLE door FORCE ROW LEVEL SECURITY;
CREATE POLICY door_scope ON door
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE door_group ENABLE ROW LEVEL SECURITY;
ALTER TABLE door_group FORCE ROW LEVEL SECURITY;
CREATE POLICY door_group_scope ON door_group
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE door_in_group ENABLE ROW LEVEL SECURITY;
ALTER TABLE door_in_group FORCE ROW LEVEL SECURITY;
CREATE POLICY door_in_group_scope ON door_in_group
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE schedule ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedule FORCE ROW LEVEL SECURITY;
CREATE POLICY schedule_scope ON schedule
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE calendar_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE calendar_day FORCE ROW LEVEL SECURITY;
CREATE POLICY calendar_day_scope ON calendar_day
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE door_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE door_hours FORCE ROW LEVEL SECURITY;
CREATE POLICY door_hours_scope ON door_hours
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE emergency ENABLE ROW LEVEL SECURITY;
ALTER TABLE emergency FORCE ROW LEVEL SECURITY;
CREATE POLICY emergency_scope ON emergency
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE door_plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE door_plan FORCE ROW LEVEL SECURITY;
CREATE POLICY door_plan_scope ON door_plan
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- The worker looks for plans whose hours run out, and then builds each within its community.
CREATE POLICY door_plan_due ON door_plan FOR SELECT TO doorward_worker USING (scope_platform());

GRANT SELECT, INSERT, DELETE ON door, door_group, door_in_group, schedule, calendar_day, door_hours TO doorward_api;
GRANT UPDATE (name) ON door, door_group TO doorward_api;
GRANT UPDATE (name, week, own_holidays) ON schedule TO doorward_api;
GRANT SELECT, INSERT ON emergency TO doorward_api;
GRANT UPDATE (ended_by, ended_at) ON emergency TO doorward_api;
GRANT SELECT ON door, door_group, door_in_group, schedule, calendar_day, door_hours TO doorward_worker;
GRANT SELECT, DELETE ON emergency TO doorward_worker;
GRANT SELECT, INSERT ON door_plan TO doorward_api, doorward_worker;
GRANT UPDATE (revision, body, time_zone, hours_until, built_at) ON door_plan TO doorward_api, doorward_worker;

-- A right may be limited to the doors of some groups. Null is every door.
ALTER TABLE access_grant ADD COLUMN door_groups uuid[] CHECK (cardinality(door_groups) BETWEEN 1 AND 16);
CREATE INDEX access_grant_door_groups ON access_grant (community_id)
    WHERE door_groups IS NOT NULL AND state <> 'ended';
GRANT UPDATE (door_groups) ON access_grant TO doorward_api, doorward_worker;

-- migrate:down
DROP INDEX access_grant_door_groups;
ALTER TABLE access_grant DROP COLUMN door_groups;
ALTER TABLE gate DROP COLUMN acked_plan, DROP COLUMN door_id;
DROP TABLE door_plan, emergency, door_hours, calendar_day, schedule, door_in_group, door_group, door;
