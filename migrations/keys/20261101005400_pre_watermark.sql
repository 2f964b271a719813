-- migrate:up
SET lock_timeout = '3s';

-- The data's number of the same name, as it was a moment ago.
CREATE TABLE watermark (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    mark bigint NOT NULL CHECK (mark >= 0)
);

-- migrate:down
SET lock_timeout = '3s';
DROP TABLE watermark;
