-- migrate:up
SET lock_timeout = '3s';

-- A grant lets a subject pass in [valid_from, valid_until). It stands in the roster only in
-- [present_from, present_until), so that a courier's template is on a gate for his shift and no longer.
-- "state" is what the roster is projected from, never now(): a projection that looked at the clock would differ from
-- the digest signed a moment earlier. access_tick() moves it when its time comes.
CREATE TABLE access_grant (
    community_id uuid NOT NULL,
    grant_id uuid NOT NULL DEFAULT gen_random_uuid(),
    subject_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('resident', 'staff', 'guest', 'courier')),
    -- What the grant rests on (a member, a pass, a shift, a delivery): ending the source ends the grant.
    source text NOT NULL CHECK (source IN ('member', 'pass', 'shift', 'delivery', 'staff')),
    source_id uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    present_from timestamptz NOT NULL,
    present_until timestamptz,
    state text NOT NULL CHECK (state IN ('scheduled', 'present', 'ended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    PRIMARY KEY (community_id, grant_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE,
    -- Infinity has no microseconds: it would fail in the projection, far from whoever wrote it.
    CHECK (isfinite(valid_from) AND isfinite(present_from)),
    CHECK (valid_until IS NULL OR (isfinite(valid_until) AND valid_until > valid_from)),
    CHECK (present_from <= valid_from),
    CHECK ((valid_until IS NULL) = (present_until IS NULL)),
    CHECK (present_until IS NULL OR (isfinite(present_until) AND present_until >= valid_until)),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL))
);
CREATE INDEX access_grant_subject ON access_grant (community_id, subject_id);
CREATE INDEX access_grant_source ON access_grant (community_id, source, source_id);
CREATE INDEX access_grant_to_begin ON access_grant (present_from) WHERE state = 'scheduled';
CREATE INDEX access_grant_to_end ON access_grant (present_until) WHERE state <> 'ended' AND present_until IS NOT NULL;

-- A subject's right to be recognised by face in this community: which template the gates get. Never the template.
CREATE TABLE face_credential (
    community_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    template_id uuid NOT NULL,
    pack text NOT NULL,
    template_sha256 bytea NOT NULL CHECK (length(template_sha256) = 32),
    activated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, subject_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE
);

CREATE TABLE roster_head (
    community_id uuid PRIMARY KEY REFERENCES community,
    epoch bigint NOT NULL DEFAULT 1,
    version bigint NOT NULL DEFAULT 0
);

-- The roster, one row per subject that is or was in it. A row without body is the memory of a removal: subject and
-- version, nothing else. "body" holds the entry's bytes as gates get and hash them.
CREATE TABLE roster (
    community_id uuid NOT NULL REFERENCES community,
    subject_id uuid NOT NULL,
    version bigint NOT NULL,
    body bytea,
    entry_hash bytea GENERATED ALWAYS AS (sha256(body)) STORED,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (community_id, subject_id)
);
CREATE UNIQUE INDEX roster_version ON roster (community_id, version);

ALTER TABLE access_grant ENABLE ROW LEVEL SECURITY;
ALTER TABLE access_grant FORCE ROW LEVEL SECURITY;
CREATE POLICY access_grant_scope ON access_grant
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE face_credential ENABLE ROW LEVEL SECURITY;
ALTER TABLE face_credential FORCE ROW LEVEL SECURITY;
CREATE POLICY face_credential_scope ON face_credential
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE roster_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE roster_head FORCE ROW LEVEL SECURITY;
CREATE POLICY roster_head_scope ON roster_head
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE roster ENABLE ROW LEVEL SECURITY;
ALTER TABLE roster FORCE ROW LEVEL SECURITY;
CREATE POLICY roster_scope ON roster
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());

GRANT SELECT, INSERT, DELETE ON access_grant, face_credential TO doorward_api, doorward_worker;
-- A grant or credential never moves to another subject, so the triggers below need to look at new rows only.
GRANT UPDATE (valid_from, valid_until, present_from, present_until, state, ended_at) ON access_grant
    TO doorward_api, doorward_worker;
GRANT UPDATE (template_id, pack, template_sha256, activated_at) ON face_credential TO doorward_api, doorward_worker;
-- Nobody writes the roster but roster_project(): no slice can bump a version or skip one.
GRANT SELECT ON roster, roster_head TO doorward_api, doorward_worker;
GRANT INSERT (community_id) ON roster_head TO doorward_api;

-- Takes the community's roster for this transaction. Every change of a grant or credential begins here, so versions are
-- given in commit order and without gaps, and nobody waits for the roster while he holds a row that another, who has the
-- roster, waits for. Services call it in a statement of its own before they read what they decide on: a statement's
-- snapshot is older than the lock that its own trigger waits for.
-- A second community in one transaction is refused: two such transactions could wait for each other.
CREATE FUNCTION roster_hold() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    v_community text := scope_community()::text;
    v_held text := nullif(current_setting('doorward.roster_held', true), '');
BEGIN
    IF v_held = v_community THEN
        RETURN;
    END IF;
    IF v_held IS NOT NULL THEN
        RAISE EXCEPTION 'one community per transaction: another one''s roster is held'
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM FROM roster_head WHERE community_id = scope_community() FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no roster head for the community in scope' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('doorward.roster_held', v_community, true);
END
$$;

-- Statement-level, so that a chunk of an import projects once. What it calls, roster_project(), comes with the last of
-- the things that entries are made of (20261101004902).
CREATE FUNCTION roster_follow() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT community_id, array_agg(DISTINCT subject_id) AS subjects FROM changed GROUP BY community_id LOOP
        PERFORM roster_project(r.community_id, r.subjects);
    END LOOP;
    RETURN NULL;
END
$$;

-- The head is held before the first row is: a transaction that held a grant while it waited for the head, and one
-- that held the head while it waited for that grant, would deadlock. Without a scope no row will be touched either.
CREATE FUNCTION roster_lock() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF scope_community() IS NOT NULL THEN
        PERFORM roster_hold();
    END IF;
    RETURN NULL;
END
$$;

-- Deleting a person would cascade through all his communities at once, past their locks. So each community lets its
-- subject go in a transaction of its own first, and the person is deleted when nobody knows him any more.
CREATE FUNCTION subject_leave() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.community_id IS DISTINCT FROM scope_community() THEN
        RAISE EXCEPTION 'a subject is deleted within its community''s scope, before its person'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$;

-- A database that was restored from a backup begins a new epoch: gates hold versions that it does not remember, and
-- would rightly refuse to go back to an older one. Seconds since 1970, so that restoring the same backup twice never
-- gives the same epoch to two histories.
CREATE FUNCTION roster_new_epoch() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    v_epoch bigint;
BEGIN
    PERFORM roster_hold();
    UPDATE roster_head SET epoch = greatest(epoch + 1, extract(epoch FROM clock_timestamp())::bigint)
    WHERE community_id = scope_community() RETURNING epoch INTO STRICT v_epoch;
    PERFORM pg_notify('roster', scope_community()::text);
    RETURN v_epoch;
END
$$;

REVOKE EXECUTE ON FUNCTION roster_hold, roster_new_epoch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION roster_hold TO doorward_api, doorward_worker;
GRANT EXECUTE ON FUNCTION roster_new_epoch TO doorward_worker;

CREATE TRIGGER roster_lock BEFORE INSERT OR UPDATE OR DELETE ON access_grant
    FOR EACH STATEMENT EXECUTE FUNCTION roster_lock();
CREATE TRIGGER roster_lock BEFORE INSERT OR UPDATE OR DELETE ON face_credential
    FOR EACH STATEMENT EXECUTE FUNCTION roster_lock();
CREATE TRIGGER roster_lock BEFORE DELETE ON subject
    FOR EACH STATEMENT EXECUTE FUNCTION roster_lock();
CREATE TRIGGER subject_leave BEFORE DELETE ON subject
    FOR EACH ROW EXECUTE FUNCTION subject_leave();

CREATE TRIGGER roster_follow_insert AFTER INSERT ON access_grant
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_update AFTER UPDATE ON access_grant
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_delete AFTER DELETE ON access_grant
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_insert AFTER INSERT ON face_credential
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_update AFTER UPDATE ON face_credential
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_delete AFTER DELETE ON face_credential
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();

-- Moves the community's grants whose time has come, at most p_limit of them; answers how many.
-- SKIP LOCKED: whoever holds a grant's row without having the roster would be waited for with the roster in hand.
CREATE FUNCTION access_tick(p_community uuid, p_at timestamptz, p_limit integer) RETURNS bigint LANGUAGE plpgsql
AS $$
DECLARE
    v_moved bigint;
BEGIN
    PERFORM roster_hold();
    WITH due AS (
        SELECT grant_id FROM access_grant
        WHERE community_id = p_community
            AND ((state = 'scheduled' AND present_from <= p_at) OR (state <> 'ended' AND present_until <= p_at))
        ORDER BY grant_id LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    UPDATE access_grant ag
    SET state = CASE WHEN present_until <= p_at THEN 'ended' ELSE 'present' END,
        ended_at = CASE WHEN present_until <= p_at THEN p_at END
    FROM due
    WHERE ag.community_id = p_community AND ag.grant_id = due.grant_id;
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    RETURN v_moved;
END
$$;

-- The worker finds the communities that have something due, and then ticks each in a transaction of its own.
CREATE POLICY access_grant_due ON access_grant FOR SELECT TO doorward_worker USING (scope_platform());

-- migrate:down
DROP TRIGGER roster_lock ON subject;
DROP TRIGGER subject_leave ON subject;
DROP TABLE roster, roster_head, face_credential, access_grant CASCADE;
DROP FUNCTION access_tick, roster_follow, roster_lock, subject_leave, roster_new_epoch, roster_hold;
