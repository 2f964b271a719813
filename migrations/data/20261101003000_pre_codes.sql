-- migrate:up
SET lock_timeout = '3s';

-- The public halves of keys that people's phones hold and sign changing codes with. A key belongs to one community:
-- phones make one for each, so that two communities that compared their gates would not find the same person.
-- A key that is revoked is deleted; that it was is in the audit trail.
CREATE TABLE phone_key (
    community_id uuid NOT NULL,
    key_id bytea NOT NULL CHECK (length(key_id) = 8),
    subject_id uuid NOT NULL,
    -- Ed25519 (32 bytes) or P-256 (33, compressed).
    public_key bytea NOT NULL CHECK (length(public_key) IN (32, 33)),
    label text NOT NULL CHECK (length(label) BETWEEN 1 AND 60),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, key_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE
);
CREATE INDEX phone_key_subject ON phone_key (community_id, subject_id);

-- A printed card of somebody without a phone. Neither its secret nor its PIN is here: the hash finds the card, and the
-- verifier (scrypt, salted with the secret) checks the PIN of whoever holds it.
CREATE TABLE pin_card (
    community_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    card_hash bytea NOT NULL CHECK (length(card_hash) = 32),
    pin_verifier bytea NOT NULL CHECK (length(pin_verifier) = 32),
    log_n smallint NOT NULL CHECK (log_n BETWEEN 10 AND 16),
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, subject_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE
);

-- A guest's signed token. What was signed is not kept: it is signed again, with the same bytes. Gates are told of it as
-- long as a right of its pass is present.
CREATE TABLE visitor_token (
    community_id uuid NOT NULL,
    token_id bytea NOT NULL CHECK (length(token_id) = 8),
    subject_id uuid NOT NULL,
    pass_id uuid NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    -- Gates with a head from then on know of the token, unless it was cancelled.
    known_since timestamptz NOT NULL,
    -- 0 has no limit.
    uses integer NOT NULL CHECK (uses BETWEEN 0 AND 65535),
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, token_id),
    CONSTRAINT visitor_token_pass UNIQUE (community_id, pass_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE,
    CHECK (valid_until > valid_from)
);
CREATE INDEX visitor_token_subject ON visitor_token (community_id, subject_id);
CREATE INDEX visitor_token_over ON visitor_token (community_id, valid_until);

-- Each use once: its number is the gate's, whether it was asked for or told of later.
CREATE TABLE visitor_token_use (
    community_id uuid NOT NULL,
    token_id bytea NOT NULL,
    use_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (community_id, token_id, use_id),
    FOREIGN KEY (community_id, token_id) REFERENCES visitor_token ON DELETE CASCADE
);

-- By what somebody wanted to pass, and of codes that opened which key, token or card it was.
ALTER TABLE entry ADD COLUMN via text CHECK (via IN ('face', 'qr', 'card'));
ALTER TABLE entry ADD COLUMN credential text CHECK (length(credential) <= 40);
-- How often the code of a pass is good; 0 has no limit.
ALTER TABLE guest_pass ADD COLUMN uses integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND 1000);
GRANT UPDATE (uses) ON guest_pass TO doorward_api;

ALTER TABLE phone_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE phone_key FORCE ROW LEVEL SECURITY;
CREATE POLICY phone_key_scope ON phone_key
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE pin_card ENABLE ROW LEVEL SECURITY;
ALTER TABLE pin_card FORCE ROW LEVEL SECURITY;
CREATE POLICY pin_card_scope ON pin_card
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE visitor_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE visitor_token FORCE ROW LEVEL SECURITY;
CREATE POLICY visitor_token_scope ON visitor_token
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
ALTER TABLE visitor_token_use ENABLE ROW LEVEL SECURITY;
ALTER TABLE visitor_token_use FORCE ROW LEVEL SECURITY;
CREATE POLICY visitor_token_use_scope ON visitor_token_use
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());

GRANT SELECT, INSERT, DELETE ON phone_key, pin_card, visitor_token TO doorward_api;
GRANT SELECT, DELETE ON phone_key, pin_card, visitor_token TO doorward_worker;
GRANT SELECT, INSERT ON visitor_token_use TO doorward_api;
GRANT SELECT ON visitor_token_use TO doorward_worker;

CREATE TRIGGER roster_lock BEFORE INSERT OR DELETE ON phone_key
    FOR EACH STATEMENT EXECUTE FUNCTION roster_lock();
CREATE TRIGGER roster_follow_insert AFTER INSERT ON phone_key
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_delete AFTER DELETE ON phone_key
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_lock BEFORE INSERT OR DELETE ON pin_card
    FOR EACH STATEMENT EXECUTE FUNCTION roster_lock();
CREATE TRIGGER roster_follow_insert AFTER INSERT ON pin_card
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_delete AFTER DELETE ON pin_card
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_lock BEFORE INSERT OR DELETE ON visitor_token
    FOR EACH STATEMENT EXECUTE FUNCTION roster_lock();
CREATE TRIGGER roster_follow_insert AFTER INSERT ON visitor_token
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();
CREATE TRIGGER roster_follow_delete AFTER DELETE ON visitor_token
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION roster_follow();

-- migrate:down
ALTER TABLE guest_pass DROP COLUMN uses;
ALTER TABLE entry DROP COLUMN via, DROP COLUMN credential;
DROP TABLE visitor_token_use, visitor_token, pin_card, phone_key;
