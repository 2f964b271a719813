-- migrate:up
SET lock_timeout = '3s';

-- The person himself goes with the last right that he had, or when he deletes his account.
ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted')
);
ALTER TABLE erasure_step DROP CONSTRAINT erasure_step_name_check;
ALTER TABLE erasure_step ADD CONSTRAINT erasure_step_name_check CHECK (
    name IN ('grants', 'credentials', 'templates', 'photos', 'key', 'person', 'gates')
);
-- What there was when the erasure began: kinds and counts, versions where they tell something; nothing of the content.
ALTER TABLE erasure ADD COLUMN existed jsonb NOT NULL DEFAULT '[]';
-- What the person still was when the rest went, so that some of it had to stay.
ALTER TABLE erasure ADD COLUMN kept_roles text[] NOT NULL DEFAULT '{}'
    CHECK (kept_roles <@ ARRAY['resident', 'staff', 'guest', 'courier']);
-- After how long without contact the community's gates wiped themselves, as it was when the face was taken off them.
ALTER TABLE erasure_place ADD COLUMN wipe_after_s integer;
GRANT UPDATE (existed, kept_roles) ON erasure TO doorward_worker;
GRANT UPDATE (wipe_after_s) ON erasure_place TO doorward_worker;

-- What is handed out about an erasure, signed. One for the person, with all of it, and one for each community, with its
-- own gates alone: a community does not learn where else somebody belonged. The id is made when the erasure begins, so
-- that the person can be told where to look after his account is gone. A complete one never changes.
CREATE TABLE erasure_certificate (
    certificate_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    erasure_id uuid NOT NULL REFERENCES erasure ON DELETE CASCADE,
    person_id uuid NOT NULL,
    about_community uuid REFERENCES community,
    status text NOT NULL DEFAULT 'awaited' CHECK (status IN ('awaited', 'provisional', 'complete')),
    -- The JSON as it was signed and is handed out, UTF-8.
    document bytea,
    made_at timestamptz,
    UNIQUE NULLS NOT DISTINCT (erasure_id, about_community),
    CHECK ((status = 'awaited') = (document IS NULL)),
    CHECK ((document IS NULL) = (made_at IS NULL))
);
CREATE INDEX erasure_certificate_person ON erasure_certificate (person_id);
ALTER TABLE erasure_certificate ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure_certificate FORCE ROW LEVEL SECURITY;
-- The platform's scope is for whoever holds a link and has no account any more.
CREATE POLICY erasure_certificate_read ON erasure_certificate FOR SELECT
    USING (about_community = scope_community() OR person_id = scope_person() OR scope_platform());
CREATE POLICY erasure_certificate_write ON erasure_certificate
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());
GRANT SELECT, INSERT ON erasure_certificate TO doorward_api, doorward_worker;
GRANT UPDATE (status, document, made_at) ON erasure_certificate TO doorward_worker;

-- That a person who is gone had agreed, to which text and when (PIPL art. 69, GDPR art. 7(1)): all that is left of his
-- consents. No foreign key to him: person_id is a number that leads nowhere. It goes with its erasure.
CREATE TABLE consent_proof (
    consent_id uuid PRIMARY KEY,
    erasure_id uuid NOT NULL REFERENCES erasure ON DELETE CASCADE,
    person_id uuid NOT NULL,
    purpose text NOT NULL,
    version integer NOT NULL,
    language text NOT NULL,
    text_sha256 bytea NOT NULL CHECK (length(text_sha256) = 32),
    surface text NOT NULL,
    given_at timestamptz NOT NULL,
    withdrawn_at timestamptz
);
CREATE INDEX consent_proof_erasure ON consent_proof (erasure_id);
ALTER TABLE consent_proof ENABLE ROW LEVEL SECURITY;
ALTER TABLE consent_proof FORCE ROW LEVEL SECURITY;
CREATE POLICY consent_proof_scope ON consent_proof
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());
GRANT SELECT ON consent_proof TO doorward_api;
GRANT SELECT, INSERT ON consent_proof TO doorward_worker;

-- Names go with whom they belonged to.
GRANT UPDATE (name, person_id) ON member TO doorward_worker;
GRANT UPDATE (guest_name) ON guest_pass TO doorward_worker;
-- The worker finds the communities that have names of guests to forget, and forgets them under each one's scope.
CREATE POLICY guest_pass_due ON guest_pass FOR SELECT TO doorward_worker USING (scope_platform());
CREATE INDEX guest_pass_named ON guest_pass (least(ended_at, valid_until)) WHERE guest_name <> '—';

-- migrate:down
DROP INDEX guest_pass_named;
DROP POLICY guest_pass_due ON guest_pass;
REVOKE UPDATE (guest_name) ON guest_pass FROM doorward_worker;
REVOKE UPDATE (name, person_id) ON member FROM doorward_worker;
DROP TABLE consent_proof, erasure_certificate;
REVOKE UPDATE (wipe_after_s) ON erasure_place FROM doorward_worker;
REVOKE UPDATE (existed, kept_roles) ON erasure FROM doorward_worker;
ALTER TABLE erasure_place DROP COLUMN wipe_after_s;
ALTER TABLE erasure DROP COLUMN kept_roles, DROP COLUMN existed;
DELETE FROM erasure_step WHERE name = 'person';
DELETE FROM erasure WHERE reason = 'account_deleted';
ALTER TABLE erasure_step DROP CONSTRAINT erasure_step_name_check;
ALTER TABLE erasure_step ADD CONSTRAINT erasure_step_name_check CHECK (
    name IN ('grants', 'credentials', 'templates', 'photos', 'key', 'gates')
);
ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused')
);
