-- migrate:up
SET lock_timeout = '3s';

-- Pictures of denied approaches are kept nowhere, unless a community turns that on: for one purpose of a closed list,
-- for hours, and for at most 90 days, after which it ends by itself. Without a row nothing is kept.
CREATE TABLE denied_frame_policy (
    community_id uuid PRIMARY KEY REFERENCES community,
    -- A new one each time that it is turned on: keys of an earlier time are destroyed and never made again.
    policy_id uuid NOT NULL DEFAULT gen_random_uuid(),
    purpose text NOT NULL CHECK (purpose IN ('wrong_refusals', 'attempted_intrusion')),
    hours integer NOT NULL CHECK (hours BETWEEN 1 AND 24),
    set_at timestamptz NOT NULL,
    set_by uuid NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > set_at AND ends_at <= set_at + interval '90 days')
);

-- One key for the frames that expire within the same hour, wrapped by the community's. It is destroyed with that hour,
-- so that a backup made meanwhile cannot be read for longer either.
CREATE TABLE denied_frame_key (
    community_id uuid NOT NULL REFERENCES community,
    key_id uuid NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (community_id, key_id)
);
CREATE INDEX denied_frame_key_due ON denied_frame_key (until);

-- The picture itself lies among the objects, sealed. (gate_id, store_epoch, seq) is the denied approach's own event.
CREATE TABLE denied_frame (
    community_id uuid NOT NULL,
    frame_id uuid NOT NULL DEFAULT gen_random_uuid(),
    gate_id uuid NOT NULL,
    store_epoch bigint NOT NULL,
    seq bigint NOT NULL,
    reason text NOT NULL CHECK (reason IN ('unknown', 'ambiguous', 'not_live')),
    key_id uuid NOT NULL,
    taken_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at <= taken_at + interval '24 hours'),
    PRIMARY KEY (community_id, frame_id),
    UNIQUE (community_id, gate_id, store_epoch, seq),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate,
    FOREIGN KEY (community_id, key_id) REFERENCES denied_frame_key
);
CREATE INDEX denied_frame_due ON denied_frame (expires_at);
CREATE INDEX denied_frame_of_key ON denied_frame (community_id, key_id);
CREATE INDEX denied_frame_newest ON denied_frame (community_id, taken_at, frame_id);

ALTER TABLE denied_frame_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE denied_frame_policy FORCE ROW LEVEL SECURITY;
CREATE POLICY denied_frame_policy_scope ON denied_frame_policy
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE denied_frame_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE denied_frame_key FORCE ROW LEVEL SECURITY;
CREATE POLICY denied_frame_key_scope ON denied_frame_key
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- The worker looks for what is due in all communities, and enters each to delete it.
CREATE POLICY denied_frame_key_due ON denied_frame_key FOR SELECT TO doorward_worker USING (scope_platform());
ALTER TABLE denied_frame ENABLE ROW LEVEL SECURITY;
ALTER TABLE denied_frame FORCE ROW LEVEL SECURITY;
CREATE POLICY denied_frame_scope ON denied_frame
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
CREATE POLICY denied_frame_due ON denied_frame FOR SELECT TO doorward_worker USING (scope_platform());

GRANT SELECT, INSERT, DELETE, UPDATE (purpose, hours, set_at, set_by, ends_at) ON denied_frame_policy TO doorward_api;
GRANT SELECT, INSERT, UPDATE (until) ON denied_frame_key TO doorward_api;
GRANT SELECT, INSERT, UPDATE (expires_at) ON denied_frame TO doorward_api;
GRANT SELECT, DELETE ON denied_frame_key, denied_frame TO doorward_worker;

-- migrate:down
DROP TABLE denied_frame, denied_frame_key, denied_frame_policy;
