-- migrate:up
SET lock_timeout = '3s';

-- An erasure: the person whose data go, why, and how far. It is the person's, and outlives him: no foreign key, so that
-- the proof stays when the person is deleted. What it does stands in erasure_step, where in erasure_place.
CREATE TABLE erasure (
    erasure_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL,
    reason text NOT NULL CHECK (reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused')),
    -- everything: template, photographs and key; community: what one community had, because another right of the person
    -- still needs the rest; photos: the photographs alone.
    extent text NOT NULL CHECK (extent IN ('everything', 'community', 'photos')),
    started_at timestamptz NOT NULL,
    -- The worker's memory between attempts.
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    last_error text CHECK (length(last_error) <= 100),
    completed_at timestamptz
);
CREATE INDEX erasure_person ON erasure (person_id, started_at);
CREATE INDEX erasure_unfinished ON erasure (next_attempt_at) WHERE completed_at IS NULL;

-- The steps in their order. Each is done in transactions of its own, may be repeated, and is then marked; so that
-- whatever is cut off goes on where it stood.
CREATE TABLE erasure_step (
    erasure_id uuid NOT NULL REFERENCES erasure ON DELETE CASCADE,
    position smallint NOT NULL,
    name text NOT NULL CHECK (name IN ('grants', 'credentials', 'templates', 'photos', 'key', 'gates')),
    done_at timestamptz,
    PRIMARY KEY (erasure_id, position),
    UNIQUE (erasure_id, name)
);

-- A community whose gates have to let go of the person: what they must have acknowledged, and when they had.
CREATE TABLE erasure_place (
    community_id uuid NOT NULL REFERENCES community,
    erasure_id uuid NOT NULL REFERENCES erasure ON DELETE CASCADE,
    person_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    roster_epoch bigint,
    roster_version bigint,
    detached_at timestamptz,
    acknowledged_at timestamptz,
    PRIMARY KEY (community_id, erasure_id),
    CHECK ((roster_epoch IS NULL) = (detached_at IS NULL) AND (roster_version IS NULL) = (detached_at IS NULL))
);
CREATE INDEX erasure_place_erasure ON erasure_place (erasure_id);

ALTER TABLE erasure_place ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure_place FORCE ROW LEVEL SECURITY;
CREATE POLICY erasure_place_read ON erasure_place FOR SELECT
    USING (community_id = scope_community() OR person_id = scope_person());
CREATE POLICY erasure_place_write ON erasure_place
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());
ALTER TABLE erasure ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure FORCE ROW LEVEL SECURITY;
CREATE POLICY erasure_read ON erasure FOR SELECT
    USING (
        person_id = scope_person() OR scope_platform() OR EXISTS (
            SELECT FROM erasure_place p
            WHERE p.community_id = scope_community() AND p.erasure_id = erasure.erasure_id
        )
    );
CREATE POLICY erasure_write ON erasure
    USING (person_id = scope_person()) WITH CHECK (person_id = scope_person());
ALTER TABLE erasure_step ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure_step FORCE ROW LEVEL SECURITY;
CREATE POLICY erasure_step_read ON erasure_step FOR SELECT
    USING (EXISTS (SELECT FROM erasure e WHERE e.erasure_id = erasure_step.erasure_id));
CREATE POLICY erasure_step_write ON erasure_step
    USING (EXISTS (
        SELECT FROM erasure e WHERE e.erasure_id = erasure_step.erasure_id AND e.person_id = scope_person()
    ))
    WITH CHECK (EXISTS (
        SELECT FROM erasure e WHERE e.erasure_id = erasure_step.erasure_id AND e.person_id = scope_person()
    ));

-- Only the worker says that something is done; the API says what is to be done.
GRANT SELECT, INSERT ON erasure, erasure_step, erasure_place TO doorward_api, doorward_worker;
GRANT UPDATE (attempts, next_attempt_at, last_error, completed_at) ON erasure TO doorward_worker;
GRANT UPDATE (done_at) ON erasure_step TO doorward_worker;
GRANT UPDATE (roster_epoch, roster_version, detached_at, acknowledged_at) ON erasure_place TO doorward_worker;

-- The worker looks for faces that nobody needs any more, whatever community they belonged to.
CREATE POLICY subject_unused ON subject FOR SELECT TO doorward_worker USING (scope_platform());

-- migrate:down
DROP POLICY subject_unused ON subject;
DROP POLICY erasure_read ON erasure;
DROP TABLE erasure_place, erasure_step, erasure;
