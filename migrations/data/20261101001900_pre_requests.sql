-- migrate:up
SET lock_timeout = '3s';

-- What people ask about their data, and what became of it. The person's own, and it outlives him as proof: no foreign
-- key. Without a community it is about all that is kept of him; with one, that community's staff decide.
CREATE TABLE subject_request (
    request_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL,
    about_community_id uuid REFERENCES community,
    kind text NOT NULL CHECK (kind IN ('access', 'correction', 'restriction', 'objection', 'erasure')),
    surface text NOT NULL CHECK (surface IN ('resident', 'visitor')),
    -- The session that asked: an export may be fetched by it, or by one that has just begun.
    session_id uuid,
    text text CHECK (length(text) BETWEEN 1 AND 1000),
    -- The name as it should read, in a correction.
    name text CHECK (length(name) BETWEEN 1 AND 200),
    opened_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL CHECK (due_at > opened_at),
    state text NOT NULL CHECK (state IN ('open', 'granted', 'refused', 'lifted')),
    decided_at timestamptz CHECK ((state = 'open') = (decided_at IS NULL)),
    -- Of the staff; nobody where the rules decide by themselves.
    decided_by uuid,
    answer text CHECK (length(answer) BETWEEN 1 AND 1000),
    export_until timestamptz,
    CHECK (about_community_id IS NOT NULL OR kind IN ('access', 'correction', 'erasure')),
    CHECK ((kind = 'correction') = (name IS NOT NULL)),
    CHECK ((kind = 'access') = (export_until IS NOT NULL)),
    CHECK (state <> 'lifted' OR kind = 'restriction')
);
CREATE INDEX subject_request_person ON subject_request (person_id, opened_at);
CREATE INDEX subject_request_queue ON subject_request (about_community_id, due_at, request_id);
ALTER TABLE subject_request ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject_request FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_request_read ON subject_request FOR SELECT
    USING (person_id = scope_person() OR about_community_id = scope_community());
CREATE POLICY subject_request_ask ON subject_request FOR INSERT WITH CHECK (person_id = scope_person());
CREATE POLICY subject_request_decide ON subject_request FOR UPDATE
    USING (person_id = scope_person() OR about_community_id = scope_community())
    WITH CHECK (person_id = scope_person() OR about_community_id = scope_community());
CREATE POLICY subject_request_old ON subject_request FOR SELECT TO doorward_worker USING (scope_platform());
CREATE POLICY subject_request_forget ON subject_request FOR DELETE TO doorward_worker
    USING (scope_platform() AND state <> 'open');
GRANT SELECT, INSERT ON subject_request TO doorward_api;
GRANT UPDATE (state, decided_at, decided_by, answer) ON subject_request TO doorward_api;
GRANT SELECT, DELETE ON subject_request TO doorward_worker;

-- A subject whose face the community's gates must not use (PIPL art. 44, GDPR art. 18): credential and template stay,
-- the roster names him without a template, and he passes by QR code.
CREATE TABLE face_restriction (
    community_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    since timestamptz NOT NULL,
    PRIMARY KEY (community_id, subject_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE
);
ALTER TABLE face_restriction ENABLE ROW LEVEL SECURITY;
ALTER TABLE face_restriction FORCE ROW LEVEL SECURITY;
CREATE POLICY face_restriction_scope ON face_restriction
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, DELETE ON face_restriction TO doorward_api;
GRANT SELECT ON face_restriction TO doorward_worker;

CREATE TRIGGER roster_lock BEFORE INSERT OR DELETE ON face_restriction
    FOR EACH STATEMENT EXECUTE FUNCTION roster_lock();
CREATE TRIGGER roster_follow_insert AFTER INSERT ON face_restriction
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_delete AFTER DELETE ON face_restriction
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
-- Not searched for doubles either. Whoever puts a row into the gallery leaves restricted subjects out; this takes the
-- one that is there.
CREATE TRIGGER gallery_follow AFTER INSERT ON face_restriction
    REFERENCING NEW TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION gallery_follow();

-- The office puts a name right, in its register.
GRANT UPDATE (name) ON member TO doorward_api;
-- What was done by and to a person is found for his export.
CREATE INDEX audit_entry_actor ON audit_entry (actor);
CREATE INDEX audit_entry_target ON audit_entry (target);

-- migrate:down
DROP INDEX audit_entry_target, audit_entry_actor;
REVOKE UPDATE (name) ON member FROM doorward_api;
DROP TRIGGER gallery_follow ON face_restriction;
DROP TABLE subject_request;
DROP TABLE face_restriction;
