-- migrate:up
SET lock_timeout = '3s';

-- A community's change from its model pack to another: for at most thirty days its people have templates of both.
-- running: templates are made, gates get them beside the old ones. finishing, cancelling: each credential is left with
-- one of the two. erasing: what nobody uses any more is erased, person by person. ended.
CREATE TABLE model_change (
    community_id uuid NOT NULL REFERENCES community,
    change_id uuid NOT NULL DEFAULT gen_random_uuid(),
    to_pack text NOT NULL CHECK (length(to_pack) BETWEEN 1 AND 64),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finishing', 'cancelling', 'erasing', 'ended')),
    cancelled boolean NOT NULL DEFAULT false,
    begun_at timestamptz NOT NULL,
    begun_by uuid NOT NULL,
    ends_at timestamptz NOT NULL CHECK (ends_at > begun_at AND ends_at <= begun_at + interval '30 days'),
    -- How often everybody who is waited for was asked, and the subject up to which the present pass has come.
    asked smallint NOT NULL DEFAULT 0,
    after_subject uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    ended_at timestamptz CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    PRIMARY KEY (community_id, change_id)
);
CREATE UNIQUE INDEX model_change_one_open ON model_change (community_id) WHERE state <> 'ended';
CREATE INDEX model_change_newest ON model_change (community_id, begun_at DESC);
ALTER TABLE model_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE model_change FORCE ROW LEVEL SECURITY;
CREATE POLICY model_change_scope ON model_change
    USING (community_id = scope_community() OR scope_platform()) WITH CHECK (community_id = scope_community());
GRANT SELECT ON model_change TO doorward_api, doorward_worker;
GRANT INSERT ON model_change TO doorward_api;
GRANT UPDATE (state, cancelled, asked, after_subject, ended_at) ON model_change TO doorward_api, doorward_worker;
GRANT DELETE ON model_change TO doorward_worker;

-- Of the same photographs by another pack; "made_at" is then that of the enrolment's first.
ALTER TABLE template ADD COLUMN renewed boolean NOT NULL DEFAULT false;
ALTER TABLE template DROP CONSTRAINT template_person_id_enrolment_id_key;
ALTER TABLE template ADD CONSTRAINT template_person_id_enrolment_id_pack_key UNIQUE (person_id, enrolment_id, pack);

ALTER TABLE face_credential
    ADD COLUMN next_template_id uuid,
    ADD COLUMN next_pack text,
    ADD COLUMN next_sha256 bytea CHECK (length(next_sha256) = 32),
    ADD CONSTRAINT face_credential_next_whole CHECK (num_nulls(next_template_id, next_pack, next_sha256) IN (0, 3)),
    ADD CONSTRAINT face_credential_next_other CHECK (next_pack <> pack);
GRANT UPDATE (next_template_id, next_pack, next_sha256) ON face_credential TO doorward_api, doorward_worker;
CREATE INDEX face_credential_pack ON face_credential (community_id, pack, subject_id);

-- Each template that a community's gates go by.
CREATE VIEW face_in_use WITH (security_invoker) AS
SELECT community_id, subject_id, template_id, pack, template_sha256 FROM face_credential
UNION ALL
SELECT community_id, subject_id, next_template_id, next_pack, next_sha256
FROM face_credential WHERE next_template_id IS NOT NULL;
GRANT SELECT ON face_in_use TO doorward_api, doorward_worker;

-- Active faces, and whether the photographs that they were made of are there. Without those of people who have their
-- face left out of use: neither their photographs nor they themselves are looked at.
CREATE VIEW face_to_renew WITH (security_invoker) AS
SELECT fc.community_id, fc.subject_id, s.person_id, fc.template_id, t.enrolment_id, fc.pack, fc.next_pack,
    (
        SELECT count(*) >= 3 FROM enrolment_photo p
        WHERE p.person_id = t.person_id AND p.enrolment_id = t.enrolment_id
    ) AS photographs
FROM face_credential fc
JOIN subject s USING (community_id, subject_id)
LEFT JOIN template t ON t.person_id = s.person_id AND t.template_id = fc.template_id
WHERE NOT EXISTS (
    SELECT FROM face_restriction fr WHERE fr.community_id = fc.community_id AND fr.subject_id = fc.subject_id
);
GRANT SELECT ON face_to_renew TO doorward_api, doorward_worker;

-- A template that a credential no longer names leaves the gallery in the same transaction.
CREATE FUNCTION gallery_leave() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    DELETE FROM gallery g USING changed c
    WHERE g.community_id = c.community_id AND g.community_id = scope_community() AND g.subject_id = c.subject_id
        AND g.template_id <> c.template_id AND g.template_id IS DISTINCT FROM c.next_template_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER gallery_leave AFTER UPDATE ON face_credential
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION gallery_leave();

-- migrate:down
DROP TRIGGER gallery_leave ON face_credential;
DROP FUNCTION gallery_leave;
DROP VIEW face_to_renew, face_in_use;
DROP INDEX face_credential_pack;
ALTER TABLE face_credential DISABLE TRIGGER USER;
ALTER TABLE face_credential
    DROP CONSTRAINT face_credential_next_other,
    DROP CONSTRAINT face_credential_next_whole,
    DROP COLUMN next_sha256,
    DROP COLUMN next_pack,
    DROP COLUMN next_template_id;
ALTER TABLE face_credential ENABLE TRIGGER USER;
DELETE FROM template WHERE renewed;
ALTER TABLE template DROP CONSTRAINT template_person_id_enrolment_id_pack_key;
ALTER TABLE template ADD CONSTRAINT template_person_id_enrolment_id_key UNIQUE (person_id, enrolment_id);
ALTER TABLE template DROP COLUMN renewed;
DROP TABLE model_change;
