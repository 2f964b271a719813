-- migrate:up
SET lock_timeout = '3s';

-- "certificate" signs what people get as proof of their erasure, one key for the deployment. Retired ones stay: a
-- certificate is checked years after it was signed.
ALTER TABLE signing_key DROP CONSTRAINT signing_key_purpose_check;
ALTER TABLE signing_key ADD CONSTRAINT signing_key_purpose_check CHECK (purpose IN ('jwt', 'head', 'certificate', 'audit'));

-- migrate:down
DELETE FROM signing_key WHERE purpose NOT IN ('jwt', 'head');
ALTER TABLE signing_key DROP CONSTRAINT signing_key_purpose_check;
ALTER TABLE signing_key ADD CONSTRAINT signing_key_purpose_check CHECK (purpose IN ('jwt', 'head'));
