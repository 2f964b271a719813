-- migrate:up
SET lock_timeout = '3s';

-- A guest who withdraws is forgotten at once, with all that refers to him. His phone can go on reading how far that is
-- and fetch the certificate: his link then names him here, where nothing keeps him and nothing is deleted with him.
ALTER TABLE visitor_link ADD COLUMN withdrawn_by uuid;
ALTER TABLE visitor_link ADD CHECK (withdrawn_by IS NULL OR (person_id IS NULL AND closed_at IS NOT NULL));
CREATE INDEX visitor_link_withdrawn ON visitor_link (withdrawn_by) WHERE withdrawn_by IS NOT NULL;
GRANT UPDATE (withdrawn_by) ON visitor_link TO doorward_api;

ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted',
        'consent_lapsed', 'invitation_withdrawn')
);

-- A pass may be for some doors, recur, and open a little before and after its window. "valid_from" and "valid_until" of
-- one that recurs span all of its windows; "first_until" is where the first one ends.
ALTER TABLE guest_pass DROP CONSTRAINT guest_pass_kind_check;
ALTER TABLE guest_pass ADD CONSTRAINT guest_pass_kind_check CHECK (kind IN ('guest', 'family', 'helper', 'delivery'));
ALTER TABLE guest_pass
    ADD COLUMN door_groups uuid[] CHECK (cardinality(door_groups) BETWEEN 1 AND 16),
    ADD COLUMN grace_minutes smallint NOT NULL DEFAULT 0 CHECK (grace_minutes BETWEEN 0 AND 60),
    ADD COLUMN recurrence text CHECK (length(recurrence) BETWEEN 1 AND 200),
    ADD COLUMN except_dates date[] NOT NULL DEFAULT '{}',
    ADD COLUMN first_until timestamptz,
    -- Keyed hashes, by which a home's next pass for the same guest is found out: of his name, for this home alone, and
    -- of his number, for this community alone. Neither is kept itself for that.
    ADD COLUMN name_hash bytea CHECK (length(name_hash) = 32),
    ADD COLUMN phone_hash bytea CHECK (length(phone_hash) = 32),
    ADD CHECK ((recurrence IS NULL) = (first_until IS NULL));
GRANT UPDATE (door_groups, grace_minutes, recurrence, except_dates, first_until) ON guest_pass TO doorward_api;

-- The windows of a pass that recurs, which the rule was expanded into.
CREATE TABLE guest_pass_window (
    community_id uuid NOT NULL,
    pass_id uuid NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > begins_at),
    PRIMARY KEY (community_id, pass_id, begins_at),
    FOREIGN KEY (community_id, pass_id) REFERENCES guest_pass ON DELETE CASCADE
);

-- What a community allows its homes; without a row, what the software says.
CREATE TABLE guest_policy (
    community_id uuid PRIMARY KEY REFERENCES community,
    open_passes integer NOT NULL CHECK (open_passes BETWEEN 1 AND 100),
    home_days integer NOT NULL CHECK (home_days BETWEEN 1 AND 366),
    guest_days integer NOT NULL CHECK (guest_days BETWEEN 1 AND 366),
    phone_required boolean NOT NULL,
    -- How long a guest's face may lie after his last pass; the text that he agrees to says 24 hours at most.
    grace_hours integer NOT NULL CHECK (grace_hours BETWEEN 1 AND 24),
    set_at timestamptz NOT NULL
);

-- Whom a community does not admit as anybody's guest, for a while: the keyed hash of a number, and no name.
CREATE TABLE guest_block (
    community_id uuid NOT NULL REFERENCES community,
    block_id uuid NOT NULL DEFAULT gen_random_uuid(),
    phone_hash bytea NOT NULL CHECK (length(phone_hash) = 32),
    reason text NOT NULL CHECK (reason IN ('threat', 'damage', 'trade', 'subletting', 'order')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at AND expires_at <= created_at + interval '366 days'),
    PRIMARY KEY (community_id, block_id),
    CONSTRAINT guest_block_phone UNIQUE (community_id, phone_hash)
);
CREATE INDEX guest_block_over ON guest_block (community_id, expires_at);

ALTER TABLE guest_pass_window ENABLE ROW LEVEL SECURITY;
ALTER TABLE guest_pass_window FORCE ROW LEVEL SECURITY;
CREATE POLICY guest_pass_window_scope ON guest_pass_window
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE guest_policy ENABLE ROW LEVEL SECURITY;
ALTER TABLE guest_policy FORCE ROW LEVEL SECURITY;
CREATE POLICY guest_policy_scope ON guest_policy
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE guest_block ENABLE ROW LEVEL SECURITY;
ALTER TABLE guest_block FORCE ROW LEVEL SECURITY;
CREATE POLICY guest_block_scope ON guest_block
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, DELETE ON guest_pass_window TO doorward_api;
GRANT SELECT, DELETE ON guest_pass_window TO doorward_worker;
GRANT SELECT, INSERT ON guest_policy TO doorward_api;
GRANT UPDATE (open_passes, home_days, guest_days, phone_required, grace_hours, set_at) ON guest_policy TO doorward_api;
GRANT SELECT ON guest_policy TO doorward_worker;
-- The worker looks for faces without a right in all communities at once.
CREATE POLICY guest_policy_grace ON guest_policy FOR SELECT TO doorward_worker USING (scope_platform());
GRANT SELECT, INSERT, DELETE ON guest_block TO doorward_api;
GRANT UPDATE (reason, created_at, expires_at) ON guest_block TO doorward_api;
GRANT SELECT, DELETE ON guest_block TO doorward_worker;

-- migrate:down
DROP TABLE guest_block, guest_policy, guest_pass_window;
ALTER TABLE guest_pass DROP COLUMN door_groups, DROP COLUMN grace_minutes, DROP COLUMN recurrence,
    DROP COLUMN except_dates, DROP COLUMN first_until, DROP COLUMN name_hash, DROP COLUMN phone_hash;
UPDATE guest_pass SET kind = 'guest' WHERE kind = 'delivery';
ALTER TABLE guest_pass DROP CONSTRAINT guest_pass_kind_check;
ALTER TABLE guest_pass ADD CONSTRAINT guest_pass_kind_check CHECK (kind IN ('guest', 'family', 'helper'));
DELETE FROM erasure WHERE reason = 'invitation_withdrawn';
ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted',
        'consent_lapsed')
);
DELETE FROM visitor_link WHERE withdrawn_by IS NOT NULL;
ALTER TABLE visitor_link DROP COLUMN withdrawn_by;
