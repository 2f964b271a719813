-- migrate:up
SET lock_timeout = '3s';

-- How near a face came to its template is derived from the face, would outlive the template's erasure, and nothing reads
-- it: communities are calibrated on enrolments. Only once the new release runs: the one before still writes it. What is
-- on the disk of it can no longer be read, and goes with its rows.
ALTER TABLE entry DROP COLUMN score;

-- migrate:down
ALTER TABLE entry
    ADD COLUMN score real CHECK (score BETWEEN -1.001 AND 1.001),
    ADD CONSTRAINT entry_check CHECK (subject_id IS NOT NULL OR score IS NULL);
