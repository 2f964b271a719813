-- migrate:up
SET lock_timeout = '3s';

-- So that a process can tell whether the schema is the one that it was written for, before it is given requests.
GRANT SELECT ON schema_migrations TO doorward_api, doorward_worker;

-- migrate:down
SET lock_timeout = '3s';
REVOKE SELECT ON schema_migrations FROM doorward_api, doorward_worker;
