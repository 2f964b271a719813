-- migrate:up
SET lock_timeout = '3s';

-- A gate is a place with a device in it. "public_key" is the device's; it comes with a claim code and is replaced when
-- a new device is put in its place. What the gate last acknowledged stands beside it, for health.
CREATE TABLE gate (
    community_id uuid NOT NULL REFERENCES community,
    gate_id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    public_key bytea CHECK (length(public_key) = 32),
    sdk text CHECK (length(sdk) <= 100),
    packs text[] NOT NULL DEFAULT '{}' CHECK (cardinality(packs) <= 16),
    created_at timestamptz NOT NULL DEFAULT now(),
    provisioned_at timestamptz,
    last_seen_at timestamptz,
    acked_epoch bigint,
    acked_version bigint,
    acked_at timestamptz,
    -- The last time that the gate held another roster than ours under the same version.
    diverged_at timestamptz,
    diverged_version bigint,
    revoked_at timestamptz,
    revoke_reason text CHECK (length(revoke_reason) BETWEEN 1 AND 500),
    PRIMARY KEY (community_id, gate_id),
    CHECK ((public_key IS NULL) = (provisioned_at IS NULL)),
    CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
);
-- A gate's own token request names the gate and not its community.
CREATE INDEX gate_by_id ON gate (gate_id);

-- Codes that make a device into the gate: only a keyed hash is kept, and a new one ends those before it.
CREATE TABLE gate_claim (
    community_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    PRIMARY KEY (community_id, gate_id, code_hash),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate ON DELETE CASCADE
);
CREATE INDEX gate_claim_by_hash ON gate_claim (code_hash);

-- Assertions that were exchanged for a token, until they would be too old anyway: none is taken twice.
CREATE TABLE gate_assertion (
    community_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    jti text NOT NULL CHECK (length(jti) BETWEEN 1 AND 200),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, gate_id, jti),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate ON DELETE CASCADE
);

-- When a gate first said that its roster is at that version: the receipt for every removal up to it. "digest" is what
-- the gate said its roster hashes to; "verified" is whether it was compared with ours for that version.
CREATE TABLE roster_receipt (
    community_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    epoch bigint NOT NULL,
    version bigint NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    verified boolean NOT NULL,
    confirmed_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, gate_id, epoch, version),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate ON DELETE CASCADE
);

ALTER TABLE gate ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate FORCE ROW LEVEL SECURITY;
CREATE POLICY gate_scope ON gate
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- A device that has no token yet is looked up by its id or its code, before its community is known.
CREATE POLICY gate_unknown ON gate FOR SELECT USING (scope_platform());
ALTER TABLE gate_claim ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate_claim FORCE ROW LEVEL SECURITY;
CREATE POLICY gate_claim_scope ON gate_claim
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
CREATE POLICY gate_claim_unknown ON gate_claim FOR SELECT USING (scope_platform());
ALTER TABLE gate_assertion ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate_assertion FORCE ROW LEVEL SECURITY;
CREATE POLICY gate_assertion_scope ON gate_assertion
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE roster_receipt ENABLE ROW LEVEL SECURITY;
ALTER TABLE roster_receipt FORCE ROW LEVEL SECURITY;
CREATE POLICY roster_receipt_scope ON roster_receipt
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());

GRANT SELECT, INSERT ON gate, gate_claim, roster_receipt TO doorward_api;
GRANT UPDATE (name, public_key, sdk, packs, provisioned_at, last_seen_at, acked_epoch, acked_version, acked_at,
    diverged_at, diverged_version, revoked_at, revoke_reason) ON gate TO doorward_api;
GRANT UPDATE (expires_at, used_at) ON gate_claim TO doorward_api;
GRANT SELECT, INSERT, DELETE ON gate_assertion TO doorward_api;
GRANT SELECT ON gate, roster_receipt TO doorward_worker;

-- migrate:down
DROP TABLE roster_receipt, gate_assertion, gate_claim, gate;
