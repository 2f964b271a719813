-- migrate:up
SET lock_timeout = '3s';

-- As before, but for "lookalike", which is left out where it is not so: who is like nobody keeps the bytes, and so the
-- hash, that he had.
CREATE OR REPLACE FUNCTION roster_project(p_community uuid, p_subjects uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    v_base bigint;
    v_changed bigint;
BEGIN
    -- Said here and not left to the policies: a cascade runs past them, and PostgreSQL may keep its plan for later.
    IF p_community IS DISTINCT FROM scope_community() THEN
        RAISE EXCEPTION 'the roster changes within its community''s scope only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM roster_hold();
    SELECT version INTO STRICT v_base FROM roster_head WHERE community_id = p_community;
    WITH wanted AS (
        SELECT s.subject_id,
            CASE WHEN g.grants IS NOT NULL THEN convert_to(
                (jsonb_build_object('subject', s.subject_id, 'grants', g.grants, 'template', c.template)
                    || jsonb_strip_nulls(jsonb_build_object('keys', k.keys, 'tokens', t.tokens, 'card', d.card))
                    || CASE WHEN c.lookalike THEN '{"lookalike": true}'::jsonb ELSE '{}' END)::text,
                'UTF8'
            ) END AS body
        FROM (SELECT DISTINCT unnest(p_subjects) AS subject_id) s
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(
                jsonb_build_object(
                    'kind', ag.kind, 'from_us', epoch_us(ag.valid_from), 'until_us', epoch_us(ag.valid_until)
                ) || CASE WHEN ag.door_groups IS NULL THEN '{}' ELSE jsonb_build_object('doors', ag.door_groups) END
                ORDER BY ag.valid_from, ag.grant_id
            ) AS grants
            FROM access_grant ag
            WHERE ag.community_id = p_community AND ag.subject_id = s.subject_id AND ag.state = 'present'
        ) g ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_build_object('pack', fc.pack, 'sha256', encode(fc.template_sha256, 'hex')) AS template, fc.lookalike
            FROM face_credential fc
            WHERE fc.community_id = p_community AND fc.subject_id = s.subject_id
                AND NOT EXISTS (
                    SELECT FROM face_restriction fr
                    WHERE fr.community_id = p_community AND fr.subject_id = s.subject_id
                )
        ) c ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(
                jsonb_build_object('id', encode(pk.key_id, 'base64'), 'key', encode(pk.public_key, 'base64'))
                ORDER BY pk.key_id
            ) AS keys
            FROM phone_key pk WHERE pk.community_id = p_community AND pk.subject_id = s.subject_id
        ) k ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(encode(vt.token_id, 'base64') ORDER BY vt.token_id) AS tokens
            FROM visitor_token vt
            WHERE vt.community_id = p_community AND vt.subject_id = s.subject_id
                AND EXISTS (
                    SELECT FROM access_grant ag
                    WHERE ag.community_id = p_community AND ag.subject_id = s.subject_id AND ag.state = 'present'
                        AND ag.source = 'pass' AND ag.source_id = vt.pass_id
                )
        ) t ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_build_object(
                'hash', encode(pc.card_hash, 'base64'), 'pin', encode(pc.pin_verifier, 'base64'), 'log_n', pc.log_n
            ) AS card
            FROM pin_card pc WHERE pc.community_id = p_community AND pc.subject_id = s.subject_id
        ) d ON true
    ), changed AS (
        SELECT w.subject_id, w.body, v_base + row_number() OVER (ORDER BY w.subject_id) AS version
        FROM wanted w
        LEFT JOIN roster r ON r.community_id = p_community AND r.subject_id = w.subject_id
        WHERE w.body IS DISTINCT FROM r.body
    )
    INSERT INTO roster (community_id, subject_id, version, body)
    SELECT p_community, subject_id, version, body FROM changed
    ON CONFLICT (community_id, subject_id)
    DO UPDATE SET version = excluded.version, body = excluded.body, changed_at = clock_timestamp();
    GET DIAGNOSTICS v_changed = ROW_COUNT;
    IF v_changed > 0 THEN
        UPDATE roster_head SET version = v_base + v_changed WHERE community_id = p_community;
        PERFORM pg_notify('roster', p_community::text);
    END IF;
END
$$;

-- A score says something only beside the number of people it is the best of. What was counted without that is of no
-- use, and goes. An enrolment that the release before this one completes meanwhile is answered with an error once, after
-- its template was made; repeated, it is completed, and its scores are not counted.
TRUNCATE impostor_histogram;
ALTER TABLE impostor_histogram
    ADD COLUMN kind text NOT NULL CHECK (kind IN ('resident', 'staff', 'guest', 'courier', 'unknown')),
    ADD COLUMN age_band text NOT NULL CHECK (age_band IN ('under_14', '14_17', 'adult', 'unknown')),
    ADD COLUMN comparisons bigint NOT NULL CHECK (comparisons >= count),
    DROP CONSTRAINT impostor_histogram_pkey,
    ADD PRIMARY KEY (community_id, pack, kind, age_band, bin);
GRANT UPDATE (comparisons) ON impostor_histogram TO doorward_api;

-- The threshold fitted to a community's own impostor scores, for single frames; gates get it with the signed head. No
-- row while there are too few scores: then the pack's calibration goes.
CREATE TABLE community_threshold (
    community_id uuid NOT NULL REFERENCES community,
    pack text NOT NULL,
    threshold double precision NOT NULL CHECK (threshold > 0 AND threshold < 1),
    estimate double precision NOT NULL,
    uncertainty double precision NOT NULL CHECK (uncertainty >= 0),
    tail_from double precision NOT NULL,
    exceedances bigint NOT NULL,
    probes bigint NOT NULL,
    gallery_size bigint NOT NULL CHECK (gallery_size > 0),
    fpir double precision NOT NULL CHECK (fpir > 0 AND fpir < 1),
    fitted_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, pack)
);
ALTER TABLE community_threshold ENABLE ROW LEVEL SECURITY;
ALTER TABLE community_threshold FORCE ROW LEVEL SECURITY;
CREATE POLICY community_threshold_scope ON community_threshold
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, DELETE ON community_threshold TO doorward_api, doorward_worker;
GRANT UPDATE (threshold, estimate, uncertainty, tail_from, exceedances, probes, gallery_size, fpir, fitted_at)
    ON community_threshold TO doorward_api, doorward_worker;

-- migrate:down
DROP TABLE community_threshold;
TRUNCATE impostor_histogram;
ALTER TABLE impostor_histogram
    DROP CONSTRAINT impostor_histogram_pkey,
    DROP COLUMN kind,
    DROP COLUMN age_band,
    DROP COLUMN comparisons,
    ADD PRIMARY KEY (community_id, pack, bin);
CREATE OR REPLACE FUNCTION roster_project(p_community uuid, p_subjects uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    v_base bigint;
    v_changed bigint;
BEGIN
    -- Said here and not left to the policies: a cascade runs past them, and PostgreSQL may keep its plan for later.
    IF p_community IS DISTINCT FROM scope_community() THEN
        RAISE EXCEPTION 'the roster changes within its community''s scope only' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM roster_hold();
    SELECT version INTO STRICT v_base FROM roster_head WHERE community_id = p_community;
    WITH wanted AS (
        SELECT s.subject_id,
            CASE WHEN g.grants IS NOT NULL THEN convert_to(
                (jsonb_build_object('subject', s.subject_id, 'grants', g.grants, 'template', c.template)
                    || jsonb_strip_nulls(jsonb_build_object('keys', k.keys, 'tokens', t.tokens, 'card', d.card)))::text,
                'UTF8'
            ) END AS body
        FROM (SELECT DISTINCT unnest(p_subjects) AS subject_id) s
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(
                jsonb_build_object(
                    'kind', ag.kind, 'from_us', epoch_us(ag.valid_from), 'until_us', epoch_us(ag.valid_until)
                ) || CASE WHEN ag.door_groups IS NULL THEN '{}' ELSE jsonb_build_object('doors', ag.door_groups) END
                ORDER BY ag.valid_from, ag.grant_id
            ) AS grants
            FROM access_grant ag
            WHERE ag.community_id = p_community AND ag.subject_id = s.subject_id AND ag.state = 'present'
        ) g ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_build_object('pack', fc.pack, 'sha256', encode(fc.template_sha256, 'hex')) AS template
            FROM face_credential fc
            WHERE fc.community_id = p_community AND fc.subject_id = s.subject_id
                AND NOT EXISTS (
                    SELECT FROM face_restriction fr
                    WHERE fr.community_id = p_community AND fr.subject_id = s.subject_id
                )
        ) c ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(
                jsonb_build_object('id', encode(pk.key_id, 'base64'), 'key', encode(pk.public_key, 'base64'))
                ORDER BY pk.key_id
            ) AS keys
            FROM phone_key pk WHERE pk.community_id = p_community AND pk.subject_id = s.subject_id
        ) k ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(encode(vt.token_id, 'base64') ORDER BY vt.token_id) AS tokens
            FROM visitor_token vt
            WHERE vt.community_id = p_community AND vt.subject_id = s.subject_id
                AND EXISTS (
                    SELECT FROM access_grant ag
                    WHERE ag.community_id = p_community AND ag.subject_id = s.subject_id AND ag.state = 'present'
                        AND ag.source = 'pass' AND ag.source_id = vt.pass_id
                )
        ) t ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_build_object(
                'hash', encode(pc.card_hash, 'base64'), 'pin', encode(pc.pin_verifier, 'base64'), 'log_n', pc.log_n
            ) AS card
            FROM pin_card pc WHERE pc.community_id = p_community AND pc.subject_id = s.subject_id
        ) d ON true
    ), changed AS (
        SELECT w.subject_id, w.body, v_base + row_number() OVER (ORDER BY w.subject_id) AS version
        FROM wanted w
        LEFT JOIN roster r ON r.community_id = p_community AND r.subject_id = w.subject_id
        WHERE w.body IS DISTINCT FROM r.body
    )
    INSERT INTO roster (community_id, subject_id, version, body)
    SELECT p_community, subject_id, version, body FROM changed
    ON CONFLICT (community_id, subject_id)
    DO UPDATE SET version = excluded.version, body = excluded.body, changed_at = clock_timestamp();
    GET DIAGNOSTICS v_changed = ROW_COUNT;
    IF v_changed > 0 THEN
        UPDATE roster_head SET version = v_base + v_changed WHERE community_id = p_community;
        PERFORM pg_notify('roster', p_community::text);
    END IF;
END
$$;
