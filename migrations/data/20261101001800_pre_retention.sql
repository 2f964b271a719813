-- migrate:up
SET lock_timeout = '3s';

-- How long a community keeps something, where it wants another time than the rules' own (backend.privacy.retention).
CREATE TABLE retention_setting (
    community_id uuid NOT NULL REFERENCES community,
    rule text NOT NULL CHECK (rule ~ '^[a-z_]{1,40}$'),
    days integer NOT NULL CHECK (days BETWEEN 1 AND 3650),
    set_at timestamptz NOT NULL,
    set_by uuid NOT NULL,
    PRIMARY KEY (community_id, rule)
);
ALTER TABLE retention_setting ENABLE ROW LEVEL SECURITY;
ALTER TABLE retention_setting FORCE ROW LEVEL SECURITY;
CREATE POLICY retention_setting_scope ON retention_setting
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT ON retention_setting TO doorward_api;
GRANT UPDATE (days, set_at, set_by) ON retention_setting TO doorward_api;
GRANT SELECT ON retention_setting TO doorward_worker;

-- When a rule was last enforced to its end, and what it has removed so far; written with each batch, in its
-- transaction. What belongs to no community stands under the zero uuid.
CREATE TABLE retention_run (
    community_id uuid NOT NULL,
    rule text NOT NULL CHECK (rule ~ '^[a-z_]{1,40}$'),
    removed bigint NOT NULL DEFAULT 0,
    removed_at timestamptz,
    enforced_at timestamptz,
    PRIMARY KEY (community_id, rule)
);
ALTER TABLE retention_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE retention_run FORCE ROW LEVEL SECURITY;
CREATE POLICY retention_run_scope ON retention_run
    USING (
        community_id = scope_community() OR (community_id = '00000000-0000-0000-0000-000000000000' AND scope_platform())
    )
    WITH CHECK (
        community_id = scope_community() OR (community_id = '00000000-0000-0000-0000-000000000000' AND scope_platform())
    );
GRANT SELECT ON retention_run TO doorward_api;
GRANT SELECT, INSERT, UPDATE (removed, removed_at, enforced_at) ON retention_run TO doorward_worker;

-- The version of the newest removal that the roster no longer remembers: a gate that stands before it gets a snapshot,
-- since a delta could not tell it of that removal.
ALTER TABLE roster_head ADD COLUMN forgotten_version bigint NOT NULL DEFAULT 0;

-- Forgets removals older than that, at most p_limit; never one that a gate with its roster unwiped may not have heard
-- of: the wiping time of the community and a day on top are kept whatever p_before says.
CREATE FUNCTION roster_forget(p_before timestamptz, p_now timestamptz, p_limit integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    v_before timestamptz;
    v_forgotten bigint;
    v_newest bigint;
BEGIN
    PERFORM roster_hold();
    SELECT least(p_before, p_now - make_interval(secs => wipe_after_s) - interval '1 day') INTO STRICT v_before
    FROM community WHERE community_id = scope_community();
    WITH old AS (
        SELECT subject_id FROM roster
        WHERE community_id = scope_community() AND body IS NULL AND changed_at < v_before
        ORDER BY version LIMIT p_limit
    ), gone AS (
        DELETE FROM roster r USING old
        WHERE r.community_id = scope_community() AND r.subject_id = old.subject_id AND r.body IS NULL
        RETURNING r.version
    )
    SELECT count(*), max(version) INTO v_forgotten, v_newest FROM gone;
    UPDATE roster_head SET forgotten_version = greatest(forgotten_version, v_newest)
    WHERE community_id = scope_community() AND v_newest IS NOT NULL;
    RETURN v_forgotten;
END
$$;
REVOKE EXECUTE ON FUNCTION roster_forget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION roster_forget TO doorward_worker;
CREATE INDEX roster_removed ON roster (community_id, changed_at) WHERE body IS NULL;

-- What the worker may remove, and only once its time can have come.
GRANT SELECT, DELETE ON gate_claim, gate_assertion TO doorward_worker;
GRANT DELETE ON roster_receipt, member, tenancy, consent, erasure TO doorward_worker;
-- Who is looked for may be nobody's member any more.
CREATE POLICY member_idle ON member FOR SELECT TO doorward_worker USING (scope_platform());
CREATE POLICY consent_forget ON consent FOR DELETE TO doorward_worker
    USING (scope_platform() AND withdrawn_at IS NOT NULL);
CREATE POLICY erasure_forget ON erasure FOR DELETE TO doorward_worker
    USING (scope_platform() AND completed_at IS NOT NULL);
CREATE INDEX access_grant_ended ON access_grant (community_id, ended_at) WHERE state = 'ended';
CREATE INDEX guest_pass_over ON guest_pass (community_id, valid_until);
CREATE INDEX courier_shift_over ON courier_shift (community_id, ends_at);
CREATE INDEX delivery_over ON delivery (community_id, expected_until);

-- migrate:down
DROP INDEX delivery_over, courier_shift_over, guest_pass_over, access_grant_ended, roster_removed;
DROP POLICY erasure_forget ON erasure;
DROP POLICY consent_forget ON consent;
DROP POLICY member_idle ON member;
REVOKE DELETE ON roster_receipt, member, tenancy, consent, erasure FROM doorward_worker;
REVOKE SELECT, DELETE ON gate_claim, gate_assertion FROM doorward_worker;
DROP FUNCTION roster_forget;
ALTER TABLE roster_head DROP COLUMN forgotten_version;
DROP TABLE retention_run, retention_setting;
