-- migrate:up
SET lock_timeout = '3s';

-- Who processes the data of a community's people, by name and contact: the texts that they agree to say that it stands
-- beside them (PIPL art. 17, GDPR art. 13).
ALTER TABLE community ADD COLUMN handler text CHECK (length(handler) BETWEEN 1 AND 300);
GRANT UPDATE (handler) ON community TO doorward_api;

-- migrate:down
SET lock_timeout = '3s';
ALTER TABLE community DROP COLUMN handler;
