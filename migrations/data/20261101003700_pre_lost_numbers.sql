-- migrate:up
SET lock_timeout = '3s';

-- When a session of the account was last begun or renewed, to the day; null where none ever was. A number that nobody
-- logged in with for long may belong to somebody else by now. Accounts of before count from this migration on.
ALTER TABLE account ADD COLUMN used_at timestamptz DEFAULT now();
ALTER TABLE account
    ALTER COLUMN used_at DROP DEFAULT,
    -- Until when a code opens it all the same: its owner was seen at his community's office.
    ADD COLUMN seen_until timestamptz,
    -- The number that the office was asked to move it to, and when that happens unless somebody objects.
    ADD COLUMN next_phone text CHECK (next_phone ~ '^\+[1-9][0-9]{5,14}$'),
    ADD COLUMN next_phone_at timestamptz,
    ADD CONSTRAINT account_next_phone_when CHECK ((next_phone IS NULL) = (next_phone_at IS NULL));
CREATE INDEX account_next_phone ON account (next_phone_at) WHERE next_phone_at IS NOT NULL;
GRANT UPDATE (used_at, seen_until, next_phone, next_phone_at) ON account TO doorward_api, doorward_worker;

-- migrate:down
DROP INDEX account_next_phone;
ALTER TABLE account
    DROP COLUMN used_at,
    DROP COLUMN seen_until,
    DROP CONSTRAINT account_next_phone_when,
    DROP COLUMN next_phone,
    DROP COLUMN next_phone_at;
