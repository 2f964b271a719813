-- migrate:up
SET lock_timeout = '3s';

-- Large buildings have several staircases, each with a 101 of its own.
ALTER TABLE home ADD COLUMN unit text NOT NULL DEFAULT '' CHECK (length(unit) <= 50);
ALTER TABLE home DROP CONSTRAINT home_community_id_building_id_label_key;
ALTER TABLE home ADD CONSTRAINT home_place UNIQUE (community_id, building_id, unit, label);

-- What the authority's own register calls a tenancy and a person in it: by these a file finds again what an earlier
-- file made. One number stands for one open tenancy and one open member of a community.
ALTER TABLE tenancy ADD COLUMN register_number text CHECK (length(register_number) BETWEEN 1 AND 64);
CREATE INDEX tenancy_register_number ON tenancy (community_id, register_number) WHERE register_number IS NOT NULL;
CREATE UNIQUE INDEX tenancy_register_number_once ON tenancy (community_id, register_number)
    WHERE register_number IS NOT NULL AND ended_at IS NULL;
ALTER TABLE member ADD COLUMN register_number text CHECK (length(register_number) BETWEEN 1 AND 64);
CREATE INDEX member_register_number ON member (community_id, register_number) WHERE register_number IS NOT NULL;
CREATE UNIQUE INDEX member_register_number_once ON member (community_id, register_number)
    WHERE register_number IS NOT NULL AND state <> 'ended';

-- A file with (part of) an authority's register. The file lies sealed in the object store until it has been read, its
-- lines sealed in register_import_batch until the import is over; both under a key of this import alone, which is
-- destroyed then.
CREATE TABLE register_import (
    import_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    authority_id uuid NOT NULL REFERENCES authority,
    staff_id uuid NOT NULL,
    -- The communities that whoever began it may change; NULL for all of the authority's.
    reach uuid[],
    options text NOT NULL CHECK (length(options) <= 20000),
    state text NOT NULL CHECK (state IN (
        'receiving', 'waiting', 'checking', 'checked', 'applying', 'done', 'cancelled', 'failed', 'expired'
    )),
    -- Which run of the worker has it: one that was taken for dead writes nothing more.
    run integer NOT NULL DEFAULT 0,
    file_bytes bigint NOT NULL DEFAULT 0,
    blocks integer NOT NULL DEFAULT 0,
    read_bytes bigint NOT NULL DEFAULT 0,
    read_at timestamptz,
    encoding text CHECK (encoding IN ('utf-8', 'gb18030')),
    failure text CHECK (length(failure) <= 100),
    created_at timestamptz NOT NULL,
    began_at timestamptz,
    finished_at timestamptz,
    -- Whether the file's key is destroyed and its blocks are deleted.
    shredded_at timestamptz
);
CREATE INDEX register_import_authority ON register_import (authority_id, created_at DESC, import_id);
CREATE INDEX register_import_open ON register_import (created_at) WHERE shredded_at IS NULL;
CREATE INDEX register_import_over ON register_import (finished_at);

-- Some hundred lines of one community, changed in one transaction; those that could not be read stand under the zero
-- uuid. "outcome" says what became of each line, by its number: no name, number or address.
CREATE TABLE register_import_batch (
    community_id uuid NOT NULL,
    import_id uuid NOT NULL REFERENCES register_import ON DELETE CASCADE,
    position integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('lines', 'unread', 'ends')),
    first_line integer NOT NULL,
    lines integer NOT NULL,
    sealed bytea,
    outcome bytea,
    created integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    unchanged integer NOT NULL DEFAULT 0,
    ended integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    done_at timestamptz,
    PRIMARY KEY (community_id, import_id, position)
);
CREATE INDEX register_import_batch_import ON register_import_batch (import_id, position);

ALTER TABLE register_import ENABLE ROW LEVEL SECURITY;
ALTER TABLE register_import FORCE ROW LEVEL SECURITY;
CREATE POLICY register_import_scope ON register_import USING (scope_platform()) WITH CHECK (scope_platform());
ALTER TABLE register_import_batch ENABLE ROW LEVEL SECURITY;
ALTER TABLE register_import_batch FORCE ROW LEVEL SECURITY;
CREATE POLICY register_import_batch_scope ON register_import_batch
    USING (community_id = scope_community() OR scope_platform())
    WITH CHECK (community_id = scope_community() OR scope_platform());

GRANT SELECT, INSERT ON register_import TO doorward_api;
GRANT UPDATE (state, options, file_bytes, blocks, finished_at) ON register_import TO doorward_api;
GRANT SELECT ON register_import_batch TO doorward_api;
GRANT UPDATE (outcome, created, updated, unchanged, ended, refused, done_at) ON register_import_batch TO doorward_api;
GRANT SELECT, DELETE ON register_import, register_import_batch TO doorward_worker;
GRANT UPDATE (state, run, read_bytes, read_at, encoding, failure, began_at, finished_at, shredded_at)
    ON register_import TO doorward_worker;
GRANT INSERT ON register_import_batch TO doorward_worker;
GRANT UPDATE (sealed, outcome, created, updated, unchanged, ended, refused, done_at) ON register_import_batch
    TO doorward_worker;

-- The worker writes the register from files; it moves households from home to home for nobody.
GRANT INSERT ON building, home, tenancy, member TO doorward_worker;
GRANT UPDATE (member_limit) ON home TO doorward_worker;
GRANT UPDATE (starts_at) ON tenancy TO doorward_worker;
GRANT UPDATE (name, relation) ON member TO doorward_worker;
GRANT UPDATE (home_id, register_number) ON tenancy TO doorward_api;
GRANT UPDATE (register_number) ON member TO doorward_api;

-- migrate:down
REVOKE UPDATE (register_number) ON member FROM doorward_api;
REVOKE UPDATE (home_id, register_number) ON tenancy FROM doorward_api;
REVOKE UPDATE (name, relation) ON member FROM doorward_worker;
REVOKE UPDATE (starts_at) ON tenancy FROM doorward_worker;
REVOKE UPDATE (member_limit) ON home FROM doorward_worker;
REVOKE INSERT ON building, home, tenancy, member FROM doorward_worker;
DROP TABLE register_import_batch, register_import;
ALTER TABLE member DROP COLUMN register_number;
ALTER TABLE tenancy DROP COLUMN register_number;
ALTER TABLE home DROP CONSTRAINT home_place;
ALTER TABLE home DROP COLUMN unit;
ALTER TABLE home ADD CONSTRAINT home_community_id_building_id_label_key UNIQUE (community_id, building_id, label);
