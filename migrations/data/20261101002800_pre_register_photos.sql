-- migrate:up
SET lock_timeout = '3s';

-- A photograph that the office holds of somebody on the register: what a first face is compared with, and nothing else.
-- It never stands in a gallery and never reaches a gate. Sealed under a key of its own, which photo_id names in the key
-- store: the member may never become a person of ours.
CREATE TABLE register_photo (
    community_id uuid NOT NULL,
    photo_id uuid NOT NULL,
    member_id uuid NOT NULL,
    object_key text NOT NULL UNIQUE,
    pack text NOT NULL,
    -- Sealed: embedding, its norm, landmarks.
    features bytea NOT NULL,
    -- Cosine from which a template is the same person's, by the pack's calibration.
    match_from real NOT NULL CHECK (match_from > 0 AND match_from <= 1),
    kept_at timestamptz NOT NULL,
    kept_by uuid NOT NULL,
    -- Not used from here on: decided, replaced, over its time, or its member has left. A job destroys key and object.
    gone_at timestamptz,
    PRIMARY KEY (community_id, photo_id),
    FOREIGN KEY (community_id, member_id) REFERENCES member ON DELETE CASCADE
);
CREATE UNIQUE INDEX register_photo_member ON register_photo (community_id, member_id) WHERE gone_at IS NULL;
CREATE INDEX register_photo_kept ON register_photo (community_id, kept_at) WHERE gone_at IS NULL;
CREATE INDEX register_photo_gone ON register_photo (gone_at) WHERE gone_at IS NOT NULL;

-- Photographs of many members in one archive. The archive rests in sealed pieces, under a key that import_id names,
-- until it has been read.
CREATE TABLE register_photo_import (
    community_id uuid NOT NULL REFERENCES community,
    import_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('receiving', 'waiting', 'working', 'done', 'failed')),
    pieces integer NOT NULL DEFAULT 0,
    size bigint NOT NULL DEFAULT 0,
    files integer,
    failure text CHECK (failure ~ '^[a-z_]{1,40}$'),
    created_at timestamptz NOT NULL,
    created_by uuid NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (community_id, import_id)
);
CREATE INDEX register_photo_import_open ON register_photo_import (created_at)
    WHERE state IN ('receiving', 'waiting', 'working');

CREATE TABLE register_photo_line (
    community_id uuid NOT NULL,
    import_id uuid NOT NULL,
    line integer NOT NULL,
    file_name text NOT NULL CHECK (length(file_name) <= 200),
    outcome text NOT NULL CHECK (outcome ~ '^[a-z_]{1,40}$'),
    member_id uuid,
    PRIMARY KEY (community_id, import_id, line),
    FOREIGN KEY (community_id, import_id) REFERENCES register_photo_import ON DELETE CASCADE
);

ALTER TABLE register_photo ENABLE ROW LEVEL SECURITY;
ALTER TABLE register_photo FORCE ROW LEVEL SECURITY;
CREATE POLICY register_photo_scope ON register_photo
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- A person finds the photographs that are held of him, for his copy and for his erasure.
CREATE POLICY register_photo_self ON register_photo FOR SELECT USING (
    EXISTS (
        SELECT FROM member m
        WHERE m.community_id = register_photo.community_id AND m.member_id = register_photo.member_id
            AND m.person_id = scope_person()
    )
);
CREATE POLICY register_photo_due ON register_photo FOR SELECT TO doorward_worker USING (scope_platform());
ALTER TABLE register_photo_import ENABLE ROW LEVEL SECURITY;
ALTER TABLE register_photo_import FORCE ROW LEVEL SECURITY;
CREATE POLICY register_photo_import_scope ON register_photo_import
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
CREATE POLICY register_photo_import_due ON register_photo_import FOR SELECT TO doorward_worker USING (scope_platform());
ALTER TABLE register_photo_line ENABLE ROW LEVEL SECURITY;
ALTER TABLE register_photo_line FORCE ROW LEVEL SECURITY;
CREATE POLICY register_photo_line_scope ON register_photo_line
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, UPDATE (gone_at) ON register_photo TO doorward_api, doorward_worker;
GRANT DELETE ON register_photo TO doorward_worker;
GRANT SELECT, INSERT ON register_photo_import TO doorward_api;
GRANT UPDATE (state, pieces, size, failure, finished_at) ON register_photo_import TO doorward_api;
GRANT SELECT, UPDATE (state, files, failure, finished_at), DELETE ON register_photo_import TO doorward_worker;
GRANT SELECT ON register_photo_line TO doorward_api;
GRANT SELECT, INSERT, DELETE ON register_photo_line TO doorward_worker;

-- Whoever leaves the register takes his photograph along, whichever statement ends his membership.
CREATE FUNCTION register_photo_leave() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE register_photo SET gone_at = NEW.ended_at
    WHERE community_id = NEW.community_id AND member_id = NEW.member_id AND gone_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER register_photo_leave AFTER UPDATE OF state ON member
    FOR EACH ROW WHEN (NEW.state = 'ended' AND OLD.state <> 'ended') EXECUTE FUNCTION register_photo_leave();

-- retake: somebody looked and asked for new photographs.
ALTER TABLE face_review
    DROP CONSTRAINT face_review_findings_check,
    ADD CONSTRAINT face_review_findings_check CHECK (
        findings <@ ARRAY['possible_duplicate', 'look_alike', 'changed_face', 'unlike_register']
    ),
    DROP CONSTRAINT face_review_state_check,
    ADD CONSTRAINT face_review_state_check CHECK (
        state IN ('pending', 'approved', 'refused', 'superseded', 'retake')
    ),
    ADD COLUMN reason_code text CHECK (reason_code ~ '^[a-z_]{1,40}$');
GRANT UPDATE (reason_code) ON face_review TO doorward_api, doorward_worker;

-- So like somebody else's in this community that a gate should not tell them apart by face alone.
ALTER TABLE face_credential ADD COLUMN lookalike boolean NOT NULL DEFAULT false;
-- Somebody, or the register's photograph, has said whose face it is. A guest's needs nobody's word; who comes to live
-- here by a face that he enrolled as a guest or courier would otherwise bring another's face in past every look.
ALTER TABLE face_credential ADD COLUMN vouched boolean NOT NULL DEFAULT true;
ALTER TABLE face_credential DISABLE TRIGGER USER;
UPDATE face_credential fc SET vouched = false WHERE NOT EXISTS (
    SELECT FROM access_grant ag
    WHERE ag.community_id = fc.community_id AND ag.subject_id = fc.subject_id AND ag.kind IN ('resident', 'staff')
);
ALTER TABLE face_credential ENABLE TRIGGER USER;
GRANT UPDATE (lookalike, vouched) ON face_credential TO doorward_api, doorward_worker;
CREATE INDEX face_credential_lookalike ON face_credential (community_id, subject_id) WHERE lookalike;

-- Such a face goes with the grant that makes its owner a resident; enrolled again, it is looked at.
CREATE FUNCTION face_unvouched_leave() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM face_credential fc USING (
        SELECT DISTINCT community_id, subject_id FROM changed WHERE kind IN ('resident', 'staff')
    ) c
    WHERE fc.community_id = c.community_id AND fc.subject_id = c.subject_id AND NOT fc.vouched;
    RETURN NULL;
END
$$;
CREATE TRIGGER face_unvouched_leave AFTER INSERT ON access_grant
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION face_unvouched_leave();

-- Taken at an office's desk, by its staff, of somebody who stands there. Such an enrolment decides nothing elsewhere.
ALTER TABLE enrolment ADD COLUMN desk_community uuid REFERENCES community, ADD COLUMN desk_staff uuid;
ALTER TABLE consent
    DROP CONSTRAINT consent_surface_check,
    ADD CONSTRAINT consent_surface_check CHECK (surface IN ('resident', 'visitor', 'desk')),
    -- Signed on paper: the number under which the office keeps the sheet, and who recorded it.
    ADD COLUMN paper_reference text CHECK (length(paper_reference) BETWEEN 1 AND 60),
    ADD COLUMN recorded_by uuid,
    ADD CONSTRAINT consent_desk CHECK (
        (surface = 'desk') = (paper_reference IS NOT NULL) AND (surface = 'desk') = (recorded_by IS NOT NULL)
    );

-- migrate:down
ALTER TABLE consent
    DROP CONSTRAINT consent_desk,
    DROP COLUMN recorded_by,
    DROP COLUMN paper_reference,
    DROP CONSTRAINT consent_surface_check,
    ADD CONSTRAINT consent_surface_check CHECK (surface IN ('resident', 'visitor'));
ALTER TABLE enrolment DROP COLUMN desk_staff, DROP COLUMN desk_community;
DROP TRIGGER face_unvouched_leave ON access_grant;
DROP FUNCTION face_unvouched_leave;
ALTER TABLE face_credential DROP COLUMN vouched, DROP COLUMN lookalike;
ALTER TABLE face_review
    DROP COLUMN reason_code,
    DROP CONSTRAINT face_review_state_check,
    ADD CONSTRAINT face_review_state_check CHECK (state IN ('pending', 'approved', 'refused', 'superseded')),
    DROP CONSTRAINT face_review_findings_check,
    ADD CONSTRAINT face_review_findings_check CHECK (
        findings <@ ARRAY['possible_duplicate', 'look_alike', 'changed_face']
    );
DROP TRIGGER register_photo_leave ON member;
DROP FUNCTION register_photo_leave;
DROP TABLE register_photo_line, register_photo_import, register_photo;
