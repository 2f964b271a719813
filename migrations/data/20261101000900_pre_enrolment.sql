-- migrate:up
SET lock_timeout = '3s';

-- A person's faces are his, not a community's: he enrols once for all the communities that know him. What is biometric
-- stands here sealed under his own key; see docs/adr/0003-list-partitioned-unlogged-gallery.md.
CREATE TABLE enrolment (
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    enrolment_id uuid NOT NULL DEFAULT gen_random_uuid(),
    pack text NOT NULL,
    capture_policy text NOT NULL CHECK (capture_policy IN ('guided', 'photos')),
    -- refused: its photos and template are gone; the row tells the person so.
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'completed', 'refused')),
    -- Photographs looked at, good or bad: each costs a tenth of a second of a core.
    attempts integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > started_at),
    completed_at timestamptz CHECK ((state = 'open') = (completed_at IS NULL)),
    PRIMARY KEY (person_id, enrolment_id)
);
CREATE UNIQUE INDEX enrolment_one_open ON enrolment (person_id) WHERE state = 'open';
CREATE INDEX enrolment_to_expire ON enrolment (expires_at) WHERE state = 'open';

CREATE TABLE enrolment_photo (
    person_id uuid NOT NULL,
    enrolment_id uuid NOT NULL,
    slot smallint NOT NULL CHECK (slot BETWEEN 1 AND 3),
    object_id uuid NOT NULL,
    object_key text NOT NULL UNIQUE,
    -- Sealed: embedding, its norm, landmarks.
    features bytea NOT NULL,
    -- Numbers about the picture (size, light, sharpness), nothing that tells one face from another.
    quality jsonb NOT NULL,
    taken_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, enrolment_id, slot),
    FOREIGN KEY (person_id, enrolment_id) REFERENCES enrolment ON DELETE CASCADE
);

CREATE TABLE template (
    person_id uuid NOT NULL,
    template_id uuid NOT NULL,
    enrolment_id uuid NOT NULL,
    pack text NOT NULL,
    -- Sealed: float16, little-endian, unit length. The hash is over these bytes in the clear, as gates check it.
    sealed bytea NOT NULL,
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    -- False while nobody has confirmed that a changed face is still the same person's.
    accepted boolean NOT NULL,
    -- Cosine from which another subject's template is probably the same person's, by the pack's calibration.
    duplicate_from real NOT NULL CHECK (duplicate_from > 0 AND duplicate_from <= 1),
    made_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, template_id),
    UNIQUE (person_id, enrolment_id),
    FOREIGN KEY (person_id, enrolment_id) REFERENCES enrolment ON DELETE CASCADE
);

-- A face that somebody of the community's staff has to look at before its gates may know it.
CREATE TABLE face_review (
    community_id uuid NOT NULL,
    review_id uuid NOT NULL DEFAULT gen_random_uuid(),
    subject_id uuid NOT NULL,
    person_id uuid NOT NULL,
    enrolment_id uuid NOT NULL,
    template_id uuid NOT NULL,
    findings text[] NOT NULL DEFAULT '{}'
        CHECK (findings <@ ARRAY['possible_duplicate', 'look_alike', 'changed_face']),
    -- superseded: the person enrolled again before anybody had looked.
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'refused', 'superseded')),
    basis text CHECK (basis IN ('seen_in_person', 'register_photo')),
    reason text CHECK (length(reason) BETWEEN 1 AND 200),
    opened_at timestamptz NOT NULL,
    decided_at timestamptz CHECK ((state = 'pending') = (decided_at IS NULL)),
    decided_by uuid,
    PRIMARY KEY (community_id, review_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE
);
CREATE UNIQUE INDEX face_review_one_pending ON face_review (community_id, subject_id) WHERE state = 'pending';
CREATE INDEX face_review_queue ON face_review (community_id, opened_at, review_id) WHERE state = 'pending';
CREATE INDEX face_review_person ON face_review (person_id);

-- How like the most alike other person a new face is, counted by hundredths of cosine: the community's own FPIR curve.
CREATE TABLE impostor_histogram (
    community_id uuid NOT NULL REFERENCES community,
    pack text NOT NULL,
    bin smallint NOT NULL CHECK (bin BETWEEN -100 AND 100),
    count bigint NOT NULL CHECK (count > 0),
    PRIMARY KEY (community_id, pack, bin)
);

-- The searchable projection of the templates that are active in a community. Its partitions are UNLOGGED: not in the
-- WAL, not on a replica, not in a dump, and empty after a crash, when they are filled again from ciphertext. No foreign
-- keys: attaching a partition would lock the tables they point to, for all communities.
CREATE TABLE gallery (
    community_id uuid NOT NULL,
    pack text NOT NULL,
    subject_id uuid NOT NULL,
    template_id uuid NOT NULL,
    embedding halfvec NOT NULL,
    PRIMARY KEY (community_id, pack, subject_id)
) PARTITION BY LIST (community_id);

ALTER TABLE enrolment ENABLE ROW LEVEL SECURITY;
ALTER TABLE enrolment FORCE ROW LEVEL SECURITY;
CREATE POLICY enrolment_read ON enrolment FOR SELECT USING (scope_sees_person(person_id));
CREATE POLICY enrolment_write ON enrolment
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());
ALTER TABLE enrolment_photo ENABLE ROW LEVEL SECURITY;
ALTER TABLE enrolment_photo FORCE ROW LEVEL SECURITY;
CREATE POLICY enrolment_photo_read ON enrolment_photo FOR SELECT USING (scope_sees_person(person_id));
CREATE POLICY enrolment_photo_write ON enrolment_photo
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());
ALTER TABLE template ENABLE ROW LEVEL SECURITY;
ALTER TABLE template FORCE ROW LEVEL SECURITY;
-- scope_sees_person() written out: a function that looks something up is called for every row, a fifth of the time that
-- filling a gallery takes; this is planned as part of the query.
CREATE POLICY template_read ON template FOR SELECT USING (
    scope_platform() OR person_id = scope_person()
    OR EXISTS (SELECT FROM subject s WHERE s.community_id = scope_community() AND s.person_id = template.person_id)
);
CREATE POLICY template_write ON template
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());

-- A person sees what is said about his face, and his data's end takes it along; the decision is the community's.
ALTER TABLE face_review ENABLE ROW LEVEL SECURITY;
ALTER TABLE face_review FORCE ROW LEVEL SECURITY;
CREATE POLICY face_review_read ON face_review FOR SELECT
    USING (community_id = scope_community() OR person_id = scope_person());
CREATE POLICY face_review_write ON face_review
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
CREATE POLICY face_review_erase ON face_review FOR DELETE USING (person_id = scope_person());
ALTER TABLE impostor_histogram ENABLE ROW LEVEL SECURITY;
ALTER TABLE impostor_histogram FORCE ROW LEVEL SECURITY;
CREATE POLICY impostor_histogram_scope ON impostor_histogram
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE gallery ENABLE ROW LEVEL SECURITY;
ALTER TABLE gallery FORCE ROW LEVEL SECURITY;
CREATE POLICY gallery_scope ON gallery
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());

GRANT SELECT, INSERT, DELETE ON enrolment, enrolment_photo, template, face_review, gallery
    TO doorward_api, doorward_worker;
GRANT UPDATE (state, attempts, completed_at) ON enrolment TO doorward_api, doorward_worker;
GRANT UPDATE (object_id, object_key, features, quality, taken_at) ON enrolment_photo TO doorward_api;
GRANT UPDATE (accepted) ON template TO doorward_api, doorward_worker;
GRANT UPDATE (findings, state, basis, reason, decided_at, decided_by) ON face_review TO doorward_api, doorward_worker;
GRANT UPDATE (template_id, embedding) ON gallery TO doorward_api, doorward_worker;
GRANT SELECT ON impostor_histogram TO doorward_api, doorward_worker;
GRANT INSERT, UPDATE (count) ON impostor_histogram TO doorward_api;

-- Makes the partition of the community in scope; answers whether there was none. Made apart and then attached:
-- CREATE TABLE ... PARTITION OF would lock the whole gallery against everybody's reading until the transaction's end,
-- ATTACH only against other changes of its definition.
CREATE FUNCTION gallery_ensure() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    v_community uuid := scope_community();
    v_name text := 'gallery_' || replace(v_community::text, '-', '');
BEGIN
    IF v_community IS NULL THEN
        RAISE EXCEPTION 'no community in scope' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF to_regclass(v_name) IS NOT NULL THEN
        RETURN false;
    END IF;
    PERFORM FROM community WHERE community_id = v_community;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such community' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(v_name, 0));
    -- By a query: to_regclass() answers from a cache that an advisory lock does not bring up to date.
    PERFORM FROM pg_class WHERE relname = v_name AND relnamespace = 'public'::regnamespace;
    IF FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE UNLOGGED TABLE %I (LIKE gallery INCLUDING ALL, CHECK (community_id = %L))', v_name, v_community
    );
    -- Nobody has rights on a partition; the policy holds all the same, should somebody be given any.
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', v_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', v_name);
    EXECUTE format('CREATE POLICY gallery_scope ON %I USING (community_id = scope_community())', v_name);
    EXECUTE format('ALTER TABLE gallery ATTACH PARTITION %I FOR VALUES IN (%L)', v_name, v_community);
    RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION gallery_ensure FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gallery_ensure TO doorward_api, doorward_worker;

-- A credential's end, whoever brings it about, takes the embedding with it in the same transaction.
CREATE FUNCTION gallery_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT community_id, array_agg(subject_id) AS subjects FROM gone GROUP BY community_id LOOP
        DELETE FROM gallery WHERE community_id = r.community_id AND subject_id = ANY (r.subjects);
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER gallery_follow AFTER DELETE ON face_credential
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION gallery_follow();

-- migrate:down
DROP TRIGGER gallery_follow ON face_credential;
DROP TABLE gallery, impostor_histogram, face_review, template, enrolment_photo, enrolment;
DROP FUNCTION gallery_follow, gallery_ensure;
