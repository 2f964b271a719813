-- migrate:up
SET lock_timeout = '3s';

-- What gates reported, each event once: its identity is the gate's. No reference to subjects, since a gate may report
-- somebody who was erased while it had no network; and nothing that could recognise anybody.
CREATE TABLE entry (
    community_id uuid NOT NULL REFERENCES community,
    gate_id uuid NOT NULL,
    store_epoch bigint NOT NULL CHECK (store_epoch >= 0),
    seq bigint NOT NULL CHECK (seq > 0),
    kind text NOT NULL CHECK (kind IN ('entry', 'alarm')),
    -- When it happened by the gate's clock; where that cannot be, when we heard of it, and "clock_wrong" says so.
    at timestamptz NOT NULL CHECK (isfinite(at)),
    clock_wrong boolean NOT NULL DEFAULT false,
    received_at timestamptz NOT NULL,
    outcome text CHECK (length(outcome) <= 40),
    reason text CHECK (length(reason) <= 40),
    subject_id uuid,
    score real CHECK (score BETWEEN -1.001 AND 1.001),
    stale_for_s real CHECK (stale_for_s >= 0),
    detail text CHECK (length(detail) <= 500),
    PRIMARY KEY (community_id, gate_id, store_epoch, seq),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate,
    -- Nothing about strangers: a score without somebody it belongs to is one.
    CHECK (subject_id IS NOT NULL OR score IS NULL)
);
CREATE INDEX entry_at ON entry (community_id, at DESC, gate_id DESC, store_epoch DESC, seq DESC);
CREATE INDEX entry_subject ON entry (community_id, subject_id, at DESC) WHERE subject_id IS NOT NULL;

ALTER TABLE entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE entry FORCE ROW LEVEL SECURITY;
CREATE POLICY entry_scope ON entry
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- A person sees what is known of his own comings, in every community.
CREATE POLICY entry_own ON entry FOR SELECT USING (
    EXISTS (
        SELECT FROM subject s
        WHERE s.community_id = entry.community_id AND s.subject_id = entry.subject_id AND s.person_id = scope_person()
    )
);
GRANT SELECT, INSERT ON entry TO doorward_api;
GRANT SELECT, DELETE ON entry TO doorward_worker;

-- migrate:down
DROP TABLE entry;
