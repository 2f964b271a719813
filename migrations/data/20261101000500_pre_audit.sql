-- migrate:up
SET lock_timeout = '3s';

-- Who did what, one hash chain per community; the platform's own chain has the zero uuid. An entry's hash covers the
-- one before, so that a changed, removed or inserted entry shows. Ids only: an entry outlives the people it speaks of.
CREATE TABLE audit_entry (
    community_id uuid NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    reason text,
    previous_hash bytea NOT NULL CHECK (length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (community_id, seq)
);

-- Where each chain ends, so that one cut off at its end shows as well.
CREATE TABLE audit_head (
    community_id uuid PRIMARY KEY,
    seq bigint NOT NULL DEFAULT 0,
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
);

-- What the open transactions want to have written; empty between transactions. An entry is chained only when its
-- transaction commits: the chain's lock is then the last that is taken, after roster_head and every row lock, so it
-- can deadlock with none of them, wherever in a transaction an action was recorded, and is held for a moment only.
CREATE TABLE audit_intent (
    community_id uuid NOT NULL,
    intent_id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL CHECK (actor ~ '^[a-z]+(:[A-Za-z0-9_-]{1,64})?$'),
    action text NOT NULL CHECK (action ~ '^[a-z][a-z0-9_.-]{0,63}$'),
    target text NOT NULL CHECK (target ~ '^[A-Za-z0-9_.:/@-]{1,200}$'),
    reason text CHECK (length(reason) BETWEEN 1 AND 500),
    PRIMARY KEY (community_id, intent_id)
);

-- The same bytes as backend.audit.chain.entry_hash: each field as its length in bytes, a colon, the bytes and a comma
-- (netstrings), so that no two entries read alike; an absent reason is a single minus sign.
CREATE FUNCTION audit_hash(
    p_previous bytea, p_community uuid, p_seq bigint, p_at timestamptz,
    p_actor text, p_action text, p_target text, p_reason text
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT sha256(p_previous || string_agg(
        CASE WHEN field IS NULL THEN '-'::bytea
        ELSE convert_to(octet_length(convert_to(field, 'UTF8'))::text || ':', 'UTF8') || convert_to(field || ',', 'UTF8')
        END, ''::bytea ORDER BY position))
    FROM unnest(ARRAY[
        p_community::text, p_seq::text, epoch_us(p_at)::text, p_actor, p_action, p_target, p_reason
    ]) WITH ORDINALITY AS f (field, position)
$$;

-- Chains all that this transaction recorded, at the first of its entries. The chains' heads are locked in the order
-- of their ids: two transactions that write to the same two chains cannot wait for each other.
CREATE FUNCTION audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    r record;
    v_seq bigint;
    v_previous bytea;
    v_hash bytea;
BEGIN
    FOR r IN SELECT * FROM audit_intent ORDER BY community_id, intent_id LOOP
        INSERT INTO audit_head (community_id) VALUES (r.community_id) ON CONFLICT DO NOTHING;
        SELECT seq + 1, hash INTO v_seq, v_previous
        FROM audit_head WHERE community_id = r.community_id FOR UPDATE;
        v_hash = audit_hash(v_previous, r.community_id, v_seq, r.at, r.actor, r.action, r.target, r.reason);
        INSERT INTO audit_entry (community_id, seq, at, actor, action, target, reason, previous_hash, hash)
        VALUES (r.community_id, v_seq, r.at, r.actor, r.action, r.target, r.reason, v_previous, v_hash);
        UPDATE audit_head SET seq = v_seq, hash = v_hash WHERE community_id = r.community_id;
        DELETE FROM audit_intent WHERE community_id = r.community_id AND intent_id = r.intent_id;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON audit_intent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_chain();

-- Not even the owner rewrites what happened, short of dropping this trigger.
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_head FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_intent ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_intent FORCE ROW LEVEL SECURITY;

-- A community reads its own chain, the platform's is the platform's. The auditor's role reads every chain: that is
-- what it is for, and it sees ids only.
CREATE POLICY audit_entry_read ON audit_entry FOR SELECT
    USING (community_id = scope_community() OR scope_platform());
CREATE POLICY audit_entry_auditor ON audit_entry FOR SELECT TO doorward_audit USING (true);
CREATE POLICY audit_head_read ON audit_head FOR SELECT
    USING (community_id = scope_community() OR scope_platform());
CREATE POLICY audit_head_auditor ON audit_head FOR SELECT TO doorward_audit USING (true);
-- Everybody who may act writes to the platform's chain, and to a community's only within its scope.
CREATE POLICY audit_intent_write ON audit_intent FOR INSERT WITH CHECK (
    community_id = scope_community() OR scope_platform()
    OR (community_id = '00000000-0000-0000-0000-000000000000' AND scope_any())
);
-- audit_chain() runs as the owner and must see all that its transaction recorded, whatever the scope is by then.
CREATE POLICY audit_chain_intent ON audit_intent TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY audit_chain_head ON audit_head TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY audit_chain_entry ON audit_entry FOR INSERT TO CURRENT_USER WITH CHECK (true);

GRANT SELECT ON audit_entry, audit_head TO doorward_api, doorward_worker, doorward_audit;
GRANT INSERT (community_id, actor, action, target, reason) ON audit_intent TO doorward_api, doorward_worker;

-- migrate:down
DROP TABLE audit_intent, audit_head, audit_entry;
DROP FUNCTION audit_chain, audit_hash, audit_refuse;
