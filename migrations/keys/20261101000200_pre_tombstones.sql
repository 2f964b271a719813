-- migrate:up
SET lock_timeout = '3s';

-- Every destruction of a key, for good. destroyed_key forgets a person who consents anew and gets another key; a backup
-- of the key store may still hold the one before it. Whatever key is older than its person's tombstone is destroyed
-- again when such a backup is restored.
CREATE TABLE key_tombstone (
    person_id uuid NOT NULL,
    destroyed_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, destroyed_at)
);
INSERT INTO key_tombstone (person_id, destroyed_at) SELECT person_id, destroyed_at FROM destroyed_key;

-- A rotation looks for the people whose keys an old version wraps.
CREATE INDEX person_key_version ON person_key (owner_id, owner_version);
DROP INDEX person_key_owner;

-- migrate:down
CREATE INDEX person_key_owner ON person_key (owner_id);
DROP INDEX person_key_version;
DROP TABLE key_tombstone;
