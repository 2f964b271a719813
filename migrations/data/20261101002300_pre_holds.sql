-- migrate:up
SET lock_timeout = '3s';

-- Whoever may have photographs kept against an erasure: an officer of the authority's, and nobody else.
ALTER TABLE staff_role DROP CONSTRAINT staff_role_role_check;
ALTER TABLE staff_role ADD CONSTRAINT staff_role_role_check CHECK (
    role IN ('authority_administrator', 'community_manager', 'front_desk', 'auditor', 'legal_officer')
);
ALTER TABLE staff_role DROP CONSTRAINT staff_role_check;
ALTER TABLE staff_role ADD CONSTRAINT staff_role_check CHECK (
    role NOT IN ('authority_administrator', 'legal_officer') OR reach IS NULL
);

-- An order to keep a person's photographs. They are copied under a key of the hold's own (in the key store by hold_id),
-- which opens nothing else; so the person's key, his template and the photographs themselves go as without it. No
-- foreign key to the person: the hold outlives him, and the record of it both.
CREATE TABLE legal_hold (
    community_id uuid NOT NULL REFERENCES community,
    hold_id uuid NOT NULL,
    person_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    basis text NOT NULL CHECK (
        basis IN ('criminal_investigation', 'court_preservation', 'supervisory_authority', 'legal_claim')
    ),
    -- The order's or the case's own number.
    reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 100),
    -- False where the order forbids to tell the person while it stands.
    told boolean NOT NULL,
    photographs integer NOT NULL CHECK (photographs > 0),
    set_by uuid NOT NULL,
    set_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > set_at),
    -- When it was lifted, or its time was over.
    ended_at timestamptz,
    ended_by uuid,
    -- When what was kept, and its key, were destroyed.
    released_at timestamptz,
    PRIMARY KEY (community_id, hold_id),
    UNIQUE (hold_id),
    CHECK (ended_by IS NULL OR ended_at IS NOT NULL),
    CHECK (released_at IS NULL OR ended_at IS NOT NULL)
);
CREATE INDEX legal_hold_person ON legal_hold (person_id);
CREATE INDEX legal_hold_standing ON legal_hold (ends_at) WHERE released_at IS NULL;
CREATE INDEX legal_hold_page ON legal_hold (community_id, set_at DESC, hold_id);

CREATE TABLE hold_photo (
    community_id uuid NOT NULL,
    hold_id uuid NOT NULL,
    photo_id uuid NOT NULL,
    object_key text NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, hold_id, photo_id),
    FOREIGN KEY (community_id, hold_id) REFERENCES legal_hold ON DELETE CASCADE
);

ALTER TABLE legal_hold ENABLE ROW LEVEL SECURITY;
ALTER TABLE legal_hold FORCE ROW LEVEL SECURITY;
CREATE POLICY legal_hold_scope ON legal_hold
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- In the person's scope, and so in his copy, his erasures and his certificate, one that he must not know of is not there.
CREATE POLICY legal_hold_person ON legal_hold FOR SELECT
    USING (person_id = scope_person() AND (told OR released_at IS NOT NULL));
CREATE POLICY legal_hold_worker ON legal_hold TO doorward_worker USING (scope_platform());
ALTER TABLE hold_photo ENABLE ROW LEVEL SECURITY;
ALTER TABLE hold_photo FORCE ROW LEVEL SECURITY;
CREATE POLICY hold_photo_scope ON hold_photo
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());

GRANT SELECT, INSERT ON legal_hold, hold_photo TO doorward_api;
GRANT UPDATE (ends_at, reference, ended_at, ended_by) ON legal_hold TO doorward_api;
GRANT SELECT, DELETE ON legal_hold, hold_photo TO doorward_worker;
GRANT UPDATE (ended_at, released_at) ON legal_hold TO doorward_worker;

-- migrate:down
DROP TABLE hold_photo, legal_hold;
DELETE FROM staff_role WHERE role = 'legal_officer';
ALTER TABLE staff_role DROP CONSTRAINT staff_role_check;
ALTER TABLE staff_role ADD CONSTRAINT staff_role_check CHECK (role <> 'authority_administrator' OR reach IS NULL);
ALTER TABLE staff_role DROP CONSTRAINT staff_role_role_check;
ALTER TABLE staff_role ADD CONSTRAINT staff_role_role_check CHECK (
    role IN ('authority_administrator', 'community_manager', 'front_desk', 'auditor')
);
