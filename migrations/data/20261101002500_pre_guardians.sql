-- migrate:up
SET lock_timeout = '3s';

-- Children and old people without a phone: on the office's approval they are somebody, and live there, without a code.
ALTER TABLE member ADD COLUMN without_phone boolean NOT NULL DEFAULT false;
-- That somebody's child is no minor, staff have said; of other relations it is taken for granted.
ALTER TABLE member ADD COLUMN of_age boolean NOT NULL DEFAULT false;
GRANT UPDATE (of_age) ON member TO doorward_api;

-- A member who is under age, by a birth date that staff have seen. Of adults no birth date is kept: the row goes when
-- he comes of age, or leaves.
CREATE TABLE minor (
    community_id uuid NOT NULL,
    member_id uuid NOT NULL,
    -- None until he has joined.
    person_id uuid REFERENCES person ON DELETE CASCADE,
    birth_date date NOT NULL,
    basis text NOT NULL CHECK (basis IN ('document', 'register')),
    confirmed_by uuid NOT NULL,
    confirmed_at timestamptz NOT NULL,
    -- When he was asked, at fourteen, to decide for himself; when he or his household was written to; when he decided;
    -- when the time for that was over.
    asked_at timestamptz,
    told_at timestamptz,
    answered_at timestamptz,
    settled_at timestamptz,
    -- When to look again whether his face has outgrown its photographs, and when he was reminded last.
    look_at timestamptz NOT NULL,
    reminded_at timestamptz,
    PRIMARY KEY (community_id, member_id),
    FOREIGN KEY (community_id, member_id) REFERENCES member ON DELETE CASCADE
);
CREATE INDEX minor_person ON minor (person_id);
CREATE INDEX minor_birth ON minor (birth_date);
CREATE INDEX minor_to_ask ON minor (birth_date) WHERE asked_at IS NULL;
CREATE INDEX minor_to_tell ON minor (asked_at) WHERE asked_at IS NOT NULL AND told_at IS NULL;
CREATE INDEX minor_to_settle ON minor (asked_at) WHERE asked_at IS NOT NULL AND settled_at IS NULL;
CREATE INDEX minor_to_look_at ON minor (look_at);

-- Who acts for him, by which tie, and how the office knows.
CREATE TABLE guardianship (
    community_id uuid NOT NULL,
    guardianship_id uuid NOT NULL DEFAULT gen_random_uuid(),
    member_id uuid NOT NULL,
    person_id uuid REFERENCES person ON DELETE CASCADE,
    guardian_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    relation text NOT NULL CHECK (relation IN ('mother', 'father', 'parent', 'grandparent', 'sibling', 'other')),
    -- register: the tenant, whose child the register says he is. staff: by papers that the office has seen.
    basis text NOT NULL CHECK (basis IN ('register', 'staff')),
    recorded_by uuid NOT NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (community_id, guardianship_id),
    FOREIGN KEY (community_id, member_id) REFERENCES member ON DELETE CASCADE
);
CREATE UNIQUE INDEX guardianship_once ON guardianship (community_id, member_id, guardian_id) WHERE ended_at IS NULL;
CREATE INDEX guardianship_person ON guardianship (person_id);
CREATE INDEX guardianship_guardian ON guardianship (guardian_id);

-- One guardian's no, which no other guardian's yes outweighs. It goes with his guardianship.
CREATE TABLE guardian_refusal (
    community_id uuid NOT NULL,
    guardianship_id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('face_access', 'photo_retention')),
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    refused_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, guardianship_id, purpose),
    FOREIGN KEY (community_id, guardianship_id) REFERENCES guardianship ON DELETE CASCADE
);
CREATE INDEX guardian_refusal_person ON guardian_refusal (person_id);

ALTER TABLE guardianship ENABLE ROW LEVEL SECURITY;
ALTER TABLE guardianship FORCE ROW LEVEL SECURITY;
CREATE POLICY guardianship_scope ON guardianship
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- The child sees who acts for him, the guardian for whom he acts.
CREATE POLICY guardianship_parties ON guardianship FOR SELECT
    USING (person_id = scope_person() OR guardian_id = scope_person());
CREATE POLICY guardianship_due ON guardianship FOR SELECT TO doorward_worker USING (scope_platform());
ALTER TABLE minor ENABLE ROW LEVEL SECURITY;
ALTER TABLE minor FORCE ROW LEVEL SECURITY;
CREATE POLICY minor_scope ON minor
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
CREATE POLICY minor_self ON minor FOR SELECT USING (person_id = scope_person());
-- That he has decided for himself is his own to say.
CREATE POLICY minor_answer ON minor FOR UPDATE
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());
CREATE POLICY minor_guarded ON minor FOR SELECT USING (EXISTS (
    SELECT FROM guardianship g
    WHERE g.community_id = minor.community_id AND g.member_id = minor.member_id
        AND g.guardian_id = scope_person() AND g.ended_at IS NULL
));
CREATE POLICY minor_due ON minor FOR SELECT TO doorward_worker USING (scope_platform());
ALTER TABLE guardian_refusal ENABLE ROW LEVEL SECURITY;
ALTER TABLE guardian_refusal FORCE ROW LEVEL SECURITY;
CREATE POLICY guardian_refusal_scope ON guardian_refusal
    USING (community_id = scope_community() OR person_id = scope_person())
    WITH CHECK (person_id = scope_person());
CREATE POLICY guardian_refusal_own ON guardian_refusal FOR SELECT USING (EXISTS (
    SELECT FROM guardianship g
    WHERE g.community_id = guardian_refusal.community_id
        AND g.guardianship_id = guardian_refusal.guardianship_id AND g.guardian_id = scope_person()
));

GRANT SELECT, INSERT, DELETE ON minor, guardianship, guardian_refusal TO doorward_api;
GRANT UPDATE (person_id, birth_date, basis, confirmed_by, confirmed_at, asked_at, told_at, answered_at, settled_at,
    look_at, reminded_at) ON minor TO doorward_api;
GRANT UPDATE (person_id, ended_at) ON guardianship TO doorward_api;
GRANT SELECT, DELETE ON minor, guardianship, guardian_refusal TO doorward_worker;
GRANT UPDATE (asked_at, told_at, answered_at, settled_at, look_at, reminded_at) ON minor TO doorward_worker;
GRANT UPDATE (ended_at) ON guardianship TO doorward_worker;

-- Whose word a consent is where it is not the person's own. The guardian may be gone one day, the tie stays as proof.
ALTER TABLE consent ADD COLUMN given_by uuid REFERENCES person ON DELETE SET NULL;
ALTER TABLE consent ADD COLUMN guardian_relation text
    CHECK (guardian_relation IN ('mother', 'father', 'parent', 'grandparent', 'sibling', 'other'));
ALTER TABLE consent ADD CONSTRAINT consent_guardian CHECK (given_by IS NULL OR guardian_relation IS NOT NULL);
CREATE INDEX consent_given_by ON consent (given_by) WHERE given_by IS NOT NULL;
ALTER TABLE consent_proof ADD COLUMN given_by uuid;
ALTER TABLE consent_proof ADD COLUMN guardian_relation text;

-- Which guardian asked, where it was not the person himself.
ALTER TABLE subject_request ADD COLUMN asked_by uuid;

-- The consent that a face rested on lapsed: a guardian's thirty days after the fourteenth birthday, or with the last
-- guardian.
ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted',
        'consent_lapsed')
);
-- Whoever acts for a child keeps his account, also where he has moved away himself.
ALTER TABLE erasure DROP CONSTRAINT erasure_kept_roles_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_kept_roles_check
    CHECK (kept_roles <@ ARRAY['resident', 'staff', 'guest', 'courier', 'guardian']);

-- A link with which a young person without an account decides for himself, on any phone.
ALTER TABLE visitor_link DROP CONSTRAINT visitor_link_kind_check;
ALTER TABLE visitor_link ADD CONSTRAINT visitor_link_kind_check CHECK (kind IN ('guest', 'courier', 'young'));
ALTER TABLE visitor_link DROP CONSTRAINT visitor_link_check;
ALTER TABLE visitor_link ADD CONSTRAINT visitor_link_check
    CHECK ((kind IN ('guest', 'young')) = (inviting_community_id IS NOT NULL));

-- migrate:down
DELETE FROM visitor_link WHERE kind = 'young';
ALTER TABLE visitor_link DROP CONSTRAINT visitor_link_check;
ALTER TABLE visitor_link ADD CONSTRAINT visitor_link_check
    CHECK ((kind = 'guest') = (inviting_community_id IS NOT NULL));
ALTER TABLE visitor_link DROP CONSTRAINT visitor_link_kind_check;
ALTER TABLE visitor_link ADD CONSTRAINT visitor_link_kind_check CHECK (kind IN ('guest', 'courier'));
UPDATE erasure SET kept_roles = array_remove(kept_roles, 'guardian');
ALTER TABLE erasure DROP CONSTRAINT erasure_kept_roles_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_kept_roles_check
    CHECK (kept_roles <@ ARRAY['resident', 'staff', 'guest', 'courier']);
DELETE FROM erasure WHERE reason = 'consent_lapsed';
ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted')
);
ALTER TABLE subject_request DROP COLUMN asked_by;
ALTER TABLE consent_proof DROP COLUMN guardian_relation, DROP COLUMN given_by;
ALTER TABLE consent DROP COLUMN guardian_relation, DROP COLUMN given_by;
DROP TABLE guardian_refusal, guardianship, minor CASCADE;
ALTER TABLE member DROP COLUMN of_age, DROP COLUMN without_phone;
