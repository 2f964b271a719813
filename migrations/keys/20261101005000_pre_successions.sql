-- migrate:up
SET lock_timeout = '3s';

-- A key that signs heads may take another's place: that one (by_kid) signs for it (endorsement), so that gates which
-- trust the one trust the other, however long they were without a network. It is announced before it signs (signs_from),
-- until every process knows of it. retired_at is when the next one begins.
ALTER TABLE signing_key ADD COLUMN by_kid text UNIQUE REFERENCES signing_key (kid);
ALTER TABLE signing_key ADD COLUMN signs_from timestamptz;
ALTER TABLE signing_key ADD COLUMN endorsement bytea CHECK (length(endorsement) = 64);
ALTER TABLE signing_key ADD CONSTRAINT signing_key_succession
    CHECK ((by_kid IS NULL) = (signs_from IS NULL) AND (by_kid IS NULL) = (endorsement IS NULL));

-- migrate:down
ALTER TABLE signing_key DROP CONSTRAINT signing_key_succession;
ALTER TABLE signing_key DROP COLUMN endorsement;
ALTER TABLE signing_key DROP COLUMN signs_from;
ALTER TABLE signing_key DROP COLUMN by_kid;
