-- migrate:up
SET lock_timeout = '3s';

-- This database is the key store. It is backed up apart from the data and its backups expire within days, so that
-- destroying a row here makes every copy of a person's ciphertext unreadable, old backups of the data included.
-- Nothing here is in the clear: wrapping keys by the deployment's key service, the others by a wrapping key.

CREATE TABLE wrapping_key (
    -- The community or authority whose people's keys it wraps.
    owner_id uuid NOT NULL,
    version integer NOT NULL DEFAULT 1,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, version)
);

CREATE TABLE person_key (
    person_id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    owner_version integer NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (owner_id, owner_version) REFERENCES wrapping_key (owner_id, version)
);
CREATE INDEX person_key_owner ON person_key (owner_id);

-- A destroyed key is remembered by its person's id and the hour, so that a restored backup can be purged again.
CREATE TABLE destroyed_key (
    person_id uuid PRIMARY KEY,
    destroyed_at timestamptz NOT NULL DEFAULT now()
);

-- Private signing keys (Ed25519), wrapped: "jwt" for access tokens, one per community for roster heads.
CREATE TABLE signing_key (
    kid text PRIMARY KEY,
    purpose text NOT NULL CHECK (purpose IN ('jwt', 'head')),
    owner_id uuid,
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    CHECK ((purpose = 'head') = (owner_id IS NOT NULL))
);
CREATE UNIQUE INDEX signing_key_current ON signing_key (purpose, coalesce(owner_id, '00000000-0000-0000-0000-000000000000'))
    WHERE retired_at IS NULL;

-- Other random secrets by name, wrapped: "pepper" keys the hashes of codes, tokens and phone numbers.
CREATE TABLE secret (
    name text PRIMARY KEY,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- migrate:down
DROP TABLE secret, signing_key, destroyed_key, person_key, wrapping_key;
