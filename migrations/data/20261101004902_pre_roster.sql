-- migrate:up
SET lock_timeout = '3s';

-- Brings the roster of these subjects up to what their entries are made of, in the caller's transaction: grants, faces
-- but for restricted ones, phones' keys, visitors' tokens, cards. The head is held before anything is read, so what a
-- concurrent transaction has just committed is seen.
-- What an entry may lack ("doors", "ask_first", "keys", "tokens", "card", "next_template", "lookalike") is left out where
-- there is none: somebody's bytes, and so their hash, change only with what concerns him.
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
                    || jsonb_strip_nulls(jsonb_build_object('next_template', c.next_template))
                    || CASE WHEN c.lookalike THEN '{"lookalike": true}'::jsonb ELSE '{}' END)::text,
                'UTF8'
            ) END AS body
        FROM (SELECT DISTINCT unnest(p_subjects) AS subject_id) s
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(
                jsonb_build_object(
                    'kind', ag.kind, 'from_us', epoch_us(ag.valid_from), 'until_us', epoch_us(ag.valid_until)
                ) || CASE WHEN ag.door_groups IS NULL THEN '{}' ELSE jsonb_build_object('doors', ag.door_groups) END
                    || CASE WHEN ag.ask_first THEN '{"ask_first": true}'::jsonb ELSE '{}' END
                ORDER BY ag.valid_from, ag.grant_id
            ) AS grants
            FROM access_grant ag
            WHERE ag.community_id = p_community AND ag.subject_id = s.subject_id AND ag.state = 'present'
        ) g ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_build_object('pack', fc.pack, 'sha256', encode(fc.template_sha256, 'hex')) AS template, fc.lookalike,
                CASE WHEN fc.next_template_id IS NOT NULL
                    THEN jsonb_build_object('pack', fc.next_pack, 'sha256', encode(fc.next_sha256, 'hex'))
                END AS next_template
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

REVOKE EXECUTE ON FUNCTION roster_project FROM PUBLIC;

-- migrate:down
DROP FUNCTION roster_project;
