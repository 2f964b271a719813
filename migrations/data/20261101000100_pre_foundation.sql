-- migrate:up
SET lock_timeout = '3s';

-- Who may see a row is decided by three settings of the transaction, set with SET LOCAL by backend.kit.db and gone at
-- its end. Nothing set, nothing seen: every table's policy refers to at least one of them.
CREATE FUNCTION scope_community() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('doorward.community', true), '')::uuid $$;

CREATE FUNCTION scope_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('doorward.person', true), '')::uuid $$;

-- The platform scope is for what exists before anybody's community is known: log-in, claim codes, link tokens.
-- It opens no community-owned table unless that table's policy says so.
CREATE FUNCTION scope_platform() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT coalesce(current_setting('doorward.platform', true), '') = 'on' $$;

CREATE FUNCTION scope_any() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT scope_community() IS NOT NULL OR scope_person() IS NOT NULL OR scope_platform() $$;

-- Microseconds since the Unix epoch: the protocol's unit, exact where a float of seconds is not.
CREATE FUNCTION epoch_us(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT (extract(epoch FROM at) * 1000000)::bigint $$;

GRANT USAGE ON SCHEMA public TO doorward_api, doorward_worker, doorward_audit;

-- migrate:down
DROP FUNCTION epoch_us, scope_any, scope_platform, scope_person, scope_community;
