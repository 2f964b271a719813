-- migrate:up
SET lock_timeout = '3s';

-- What a session's owner recognises it by, when its tokens were last renewed, and until when a second factor holds.
-- used_at is null for sessions of the release before; their beginning is asked instead.
ALTER TABLE session
    ADD COLUMN device text CHECK (length(device) BETWEEN 1 AND 80),
    ADD COLUMN used_at timestamptz,
    ADD COLUMN elevated_until timestamptz,
    DROP CONSTRAINT session_ended_by_check,
    ADD CONSTRAINT session_ended_by_check
        CHECK (ended_by IN ('logout', 'reuse', 'removed', 'reset', 'revoked', 'number'));

-- Codes that prove a number to which an account is to move; both numbers get one.
ALTER TABLE login_challenge
    DROP CONSTRAINT login_challenge_surface_check,
    ADD CONSTRAINT login_challenge_surface_check CHECK (surface IN ('resident', 'staff', 'number'));

-- The second factor of a member of staff (RFC 6238). Both secrets are sealed under a key that is not in this database.
CREATE TABLE second_factor (
    staff_id uuid PRIMARY KEY REFERENCES staff ON DELETE CASCADE,
    secret bytea,
    confirmed_at timestamptz,
    -- Offered, and in force once a code of it has come back.
    pending bytea,
    pending_until timestamptz,
    -- The time step of the last code that was accepted: neither it nor an earlier one is accepted again.
    last_step bigint NOT NULL DEFAULT 0,
    -- Attempts that failed within the last day, the oldest first.
    failed_at timestamptz[] NOT NULL DEFAULT '{}' CHECK (cardinality(failed_at) <= 20),
    CHECK ((secret IS NULL) = (confirmed_at IS NULL)),
    CHECK ((pending IS NULL) = (pending_until IS NULL))
);

CREATE TABLE recovery_code (
    staff_id uuid NOT NULL REFERENCES second_factor ON DELETE CASCADE,
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    used_at timestamptz,
    PRIMARY KEY (staff_id, code_hash)
);

ALTER TABLE second_factor ENABLE ROW LEVEL SECURITY;
ALTER TABLE second_factor FORCE ROW LEVEL SECURITY;
CREATE POLICY second_factor_scope ON second_factor USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE recovery_code ENABLE ROW LEVEL SECURITY;
ALTER TABLE recovery_code FORCE ROW LEVEL SECURITY;
CREATE POLICY recovery_code_scope ON recovery_code USING (scope_platform()) WITH CHECK (scope_platform());

GRANT UPDATE (used_at, elevated_until) ON session TO doorward_api;
GRANT UPDATE (phone) ON account TO doorward_api, doorward_worker;
GRANT SELECT, INSERT, DELETE ON second_factor, recovery_code TO doorward_api;
GRANT UPDATE (secret, confirmed_at, pending, pending_until, last_step, failed_at) ON second_factor TO doorward_api;
GRANT UPDATE (used_at) ON recovery_code TO doorward_api;
GRANT SELECT ON second_factor, recovery_code TO doorward_worker;

-- migrate:down
DROP TABLE recovery_code, second_factor;
DELETE FROM login_challenge WHERE surface = 'number';
REVOKE UPDATE (phone) ON account FROM doorward_api, doorward_worker;
ALTER TABLE login_challenge
    DROP CONSTRAINT login_challenge_surface_check,
    ADD CONSTRAINT login_challenge_surface_check CHECK (surface IN ('resident', 'staff'));
UPDATE session SET ended_by = 'removed' WHERE ended_by IN ('reset', 'revoked', 'number');
ALTER TABLE session
    DROP COLUMN device,
    DROP COLUMN used_at,
    DROP COLUMN elevated_until,
    DROP CONSTRAINT session_ended_by_check,
    ADD CONSTRAINT session_ended_by_check CHECK (ended_by IN ('logout', 'reuse', 'removed'));
