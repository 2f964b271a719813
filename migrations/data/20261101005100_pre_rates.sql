-- migrate:up
SET lock_timeout = '3s';

-- The worker sweeps windows that are over: budgets of codes are counted by range of numbers, and ranges are many.
GRANT SELECT, DELETE ON rate_window TO doorward_worker;

-- migrate:down
REVOKE SELECT, DELETE ON rate_window FROM doorward_worker;
