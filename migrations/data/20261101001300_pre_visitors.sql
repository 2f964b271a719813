-- migrate:up
SET lock_timeout = '3s';

-- What was sent to somebody's phone so that he opens it: a guest's pass, a courier's enrolment. Only the keyed hash of
-- its token is kept. It has no community where it is a courier's, so it is no community-owned table.
CREATE TABLE visitor_link (
    link_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    kind text NOT NULL CHECK (kind IN ('guest', 'courier')),
    -- The pass or the courier behind it, and who sent it: a community's resident or a company.
    invitation_id uuid NOT NULL,
    inviting_community_id uuid REFERENCES community,
    inviting_partner_id uuid REFERENCES partner ON DELETE CASCADE,
    -- A guest has none until he opens the link.
    person_id uuid REFERENCES person ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    -- The one session that accepted; from then on the token alone opens nothing.
    held_by uuid,
    closed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'guest') = (inviting_community_id IS NOT NULL)),
    CHECK ((kind = 'courier') = (inviting_partner_id IS NOT NULL)),
    CHECK (kind = 'guest' OR person_id IS NOT NULL)
);
CREATE INDEX visitor_link_invitation ON visitor_link (invitation_id) WHERE closed_at IS NULL;
CREATE INDEX visitor_link_person ON visitor_link (person_id);

CREATE TABLE visitor_session (
    session_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    link_id uuid NOT NULL REFERENCES visitor_link ON DELETE CASCADE,
    refresh_hash bytea NOT NULL UNIQUE CHECK (length(refresh_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX visitor_session_link ON visitor_session (link_id);

-- A resident lets somebody in for one window. The guest is nobody in the community until he accepts.
CREATE TABLE guest_pass (
    community_id uuid NOT NULL,
    pass_id uuid NOT NULL DEFAULT gen_random_uuid(),
    home_id uuid NOT NULL,
    -- Who answers for the guest; the pass outlives him in the register for as long as entries are kept.
    host_person_id uuid REFERENCES person ON DELETE SET NULL,
    guest_name text NOT NULL CHECK (length(guest_name) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (kind IN ('guest', 'family', 'helper')),
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    subject_id uuid,
    accepted_at timestamptz,
    ended_at timestamptz,
    ended_by text CHECK (ended_by IN ('host', 'guest', 'staff')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, pass_id),
    FOREIGN KEY (community_id, home_id) REFERENCES home,
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE SET NULL (subject_id),
    CHECK (valid_until > valid_from),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE INDEX guest_pass_home ON guest_pass (community_id, home_id, valid_until);
CREATE INDEX guest_pass_subject ON guest_pass (community_id, subject_id);

ALTER TABLE visitor_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE visitor_link FORCE ROW LEVEL SECURITY;
CREATE POLICY visitor_link_scope ON visitor_link
    USING (scope_platform() OR inviting_community_id = scope_community() OR person_id = scope_person())
    WITH CHECK (scope_platform() OR inviting_community_id = scope_community());
ALTER TABLE visitor_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE visitor_session FORCE ROW LEVEL SECURITY;
CREATE POLICY visitor_session_scope ON visitor_session USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE guest_pass ENABLE ROW LEVEL SECURITY;
ALTER TABLE guest_pass FORCE ROW LEVEL SECURITY;
CREATE POLICY guest_pass_scope ON guest_pass
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());

GRANT SELECT, INSERT, DELETE ON visitor_link, visitor_session, guest_pass TO doorward_api, doorward_worker;
GRANT UPDATE (person_id, expires_at, held_by, closed_at) ON visitor_link TO doorward_api;
GRANT UPDATE (closed_at) ON visitor_link TO doorward_worker;
GRANT UPDATE (valid_from, valid_until, subject_id, accepted_at, ended_at, ended_by) ON guest_pass TO doorward_api;
GRANT UPDATE (subject_id, ended_at, ended_by) ON guest_pass TO doorward_worker;

-- migrate:down
DROP TABLE visitor_session, visitor_link, guest_pass;
