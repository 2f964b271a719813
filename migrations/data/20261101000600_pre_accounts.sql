-- migrate:up
SET lock_timeout = '3s';

-- Who may log in. Phone numbers stand here and nowhere else.
CREATE TABLE account (
    account_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- None for staff who have never logged in as residents.
    person_id uuid UNIQUE REFERENCES person ON DELETE CASCADE,
    phone text NOT NULL UNIQUE CHECK (phone ~ '^\+[1-9][0-9]{5,14}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A one-time code that was asked for. Neither the code nor the number can be read from it: the number travels sealed
-- in the challenge's public id. Made for every number alike, whether or not anybody has it.
CREATE TABLE login_challenge (
    challenge_id uuid PRIMARY KEY,
    surface text NOT NULL CHECK (surface IN ('resident', 'staff')),
    phone_hash bytea NOT NULL CHECK (length(phone_hash) = 32),
    address_hash bytea NOT NULL CHECK (length(address_hash) = 32),
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    attempts smallint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX login_challenge_phone ON login_challenge (phone_hash, created_at);
CREATE INDEX login_challenge_address ON login_challenge (address_hash, created_at);
CREATE INDEX login_challenge_created ON login_challenge (created_at);

CREATE TABLE session (
    session_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    surface text NOT NULL CHECK (surface IN ('resident', 'staff')),
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text CHECK (ended_by IN ('logout', 'reuse', 'removed')),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX session_account ON session (account_id);

-- Used tokens are kept until they would have expired: one that comes a second time shows that it was stolen.
CREATE TABLE refresh_token (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    session_id uuid NOT NULL REFERENCES session ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_token_session ON refresh_token (session_id);
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);

CREATE TABLE staff (
    staff_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    authority_id uuid NOT NULL REFERENCES authority,
    account_id uuid NOT NULL UNIQUE REFERENCES account ON DELETE CASCADE,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX staff_authority ON staff (authority_id);

-- What somebody may do, and within which community; where none is named, in all of the authority's.
CREATE TABLE staff_role (
    staff_id uuid NOT NULL REFERENCES staff ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('authority_administrator', 'community_manager', 'front_desk', 'auditor')),
    reach uuid REFERENCES community,
    UNIQUE NULLS NOT DISTINCT (staff_id, role, reach),
    CHECK (role <> 'authority_administrator' OR reach IS NULL)
);
CREATE INDEX staff_role_reach ON staff_role (reach);

ALTER TABLE account ENABLE ROW LEVEL SECURITY;
ALTER TABLE account FORCE ROW LEVEL SECURITY;
CREATE POLICY account_scope ON account
    USING (scope_platform() OR person_id = scope_person()) WITH CHECK (scope_platform());
ALTER TABLE login_challenge ENABLE ROW LEVEL SECURITY;
ALTER TABLE login_challenge FORCE ROW LEVEL SECURITY;
CREATE POLICY login_challenge_scope ON login_challenge USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE session ENABLE ROW LEVEL SECURITY;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
CREATE POLICY session_scope ON session USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE refresh_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_token FORCE ROW LEVEL SECURITY;
CREATE POLICY refresh_token_scope ON refresh_token USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE staff ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff FORCE ROW LEVEL SECURITY;
CREATE POLICY staff_scope ON staff USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE staff_role ENABLE ROW LEVEL SECURITY;
ALTER TABLE staff_role FORCE ROW LEVEL SECURITY;
CREATE POLICY staff_role_scope ON staff_role USING (scope_platform()) WITH CHECK (scope_platform());

GRANT SELECT, INSERT, DELETE ON account TO doorward_api;
GRANT UPDATE (person_id) ON account TO doorward_api;
GRANT SELECT, INSERT ON login_challenge, session, refresh_token TO doorward_api;
GRANT UPDATE (attempts, used_at) ON login_challenge TO doorward_api;
GRANT UPDATE (ended_at, ended_by) ON session TO doorward_api;
GRANT UPDATE (used_at) ON refresh_token TO doorward_api;
GRANT SELECT, INSERT, DELETE ON staff, staff_role TO doorward_api;
GRANT UPDATE (name) ON staff TO doorward_api;
-- The worker sweeps what has expired, erases people, and finds the number to write to.
GRANT SELECT, DELETE ON account, login_challenge, session, refresh_token TO doorward_worker;
GRANT UPDATE (person_id) ON account TO doorward_worker;
GRANT UPDATE (ended_at, ended_by) ON session TO doorward_worker;
GRANT SELECT ON staff, staff_role TO doorward_worker;

-- migrate:down
DROP TABLE staff_role, staff, refresh_token, session, login_challenge, account;
