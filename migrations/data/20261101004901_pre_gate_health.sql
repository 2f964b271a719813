-- migrate:up
SET lock_timeout = '3s';

-- What a gate last told of itself: one row for each gate, however often it tells. Figures only, about nobody.
CREATE TABLE gate_health (
    community_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    told_at timestamptz NOT NULL,
    packs text[] NOT NULL,
    entries integer NOT NULL CHECK (entries >= 0),
    entry_ms integer,
    entry_p95_ms integer,
    dark_s bigint,
    stale_s bigint,
    queue bigint NOT NULL CHECK (queue >= 0),
    queue_s bigint NOT NULL CHECK (queue_s >= 0),
    dropped bigint NOT NULL CHECK (dropped >= 0),
    refused bigint NOT NULL CHECK (refused >= 0),
    PRIMARY KEY (community_id, gate_id),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate ON DELETE CASCADE
);
ALTER TABLE gate_health ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate_health FORCE ROW LEVEL SECURITY;
CREATE POLICY gate_health_scope ON gate_health
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT ON gate_health TO doorward_api;
GRANT UPDATE (told_at, packs, entries, entry_ms, entry_p95_ms, dark_s, stale_s, queue, queue_s, dropped, refused)
    ON gate_health TO doorward_api;
GRANT SELECT ON gate_health TO doorward_worker;

-- migrate:down
DROP TABLE gate_health;
