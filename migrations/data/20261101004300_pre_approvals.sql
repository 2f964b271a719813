-- migrate:up
SET lock_timeout = '3s';

-- Whoever comes by such a right is let in only once somebody of the home has said yes, each time.
ALTER TABLE guest_pass ADD COLUMN ask_first boolean NOT NULL DEFAULT false;
GRANT UPDATE (ask_first) ON guest_pass TO doorward_api;
-- When the link was sent to the number that the host gave: so many a day, or a stranger's telephone could be rung up, or
-- numbers that cost be written to, by making passes.
ALTER TABLE guest_pass ADD COLUMN link_sent_at timestamptz;
CREATE INDEX guest_pass_link_sent ON guest_pass (community_id, link_sent_at) WHERE link_sent_at IS NOT NULL;
GRANT UPDATE (link_sent_at) ON guest_pass TO doorward_api;
ALTER TABLE delivery ADD COLUMN ask_first boolean NOT NULL DEFAULT false;
ALTER TABLE access_grant ADD COLUMN ask_first boolean NOT NULL DEFAULT false;

-- A gate's question to a home. Who of it answered stands in the audit trail alone.
CREATE TABLE approval (
    community_id uuid NOT NULL,
    approval_id uuid NOT NULL DEFAULT gen_random_uuid(),
    gate_id uuid NOT NULL,
    -- The gate's own number of the approach: asked again, it is the same question.
    approach_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    home_id uuid NOT NULL,
    source text NOT NULL CHECK (source IN ('pass', 'delivery')),
    source_id uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    outcome text CHECK (outcome IN ('approved', 'denied')),
    answered_at timestamptz,
    PRIMARY KEY (community_id, approval_id),
    CONSTRAINT approval_approach UNIQUE (community_id, gate_id, approach_id),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate,
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE,
    FOREIGN KEY (community_id, home_id) REFERENCES home,
    CHECK ((outcome IS NULL) = (answered_at IS NULL))
);
CREATE INDEX approval_of_home ON approval (community_id, home_id, expires_at);
CREATE INDEX approval_of_source ON approval (community_id, source, source_id, asked_at);
CREATE INDEX approval_subject ON approval (community_id, subject_id);
CREATE INDEX approval_over ON approval (community_id, expires_at);
ALTER TABLE approval ENABLE ROW LEVEL SECURITY;
ALTER TABLE approval FORCE ROW LEVEL SECURITY;
CREATE POLICY approval_scope ON approval
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, DELETE ON approval TO doorward_api;
GRANT UPDATE (expires_at, outcome, answered_at) ON approval TO doorward_api;
GRANT SELECT, DELETE ON approval TO doorward_worker;

-- As before, but for "ask_first" of a grant, which is left out where it is not so: everybody else keeps the bytes, and
-- so the hash, that he had.
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
                    || CASE WHEN ag.ask_first THEN '{"ask_first": true}'::jsonb ELSE '{}' END
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

-- migrate:down
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
DROP TABLE approval;
ALTER TABLE access_grant DROP COLUMN ask_first;
ALTER TABLE delivery DROP COLUMN ask_first;
ALTER TABLE guest_pass DROP COLUMN ask_first, DROP COLUMN link_sent_at;
