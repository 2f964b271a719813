-- migrate:up
SET lock_timeout = '3s';

-- A score says something only beside the number of people it is the best of. What was counted without that is of no
-- use, and goes. An enrolment that the release before this one completes meanwhile is answered with an error once, after
-- its template was made; repeated, it is completed, and its scores are not counted.
TRUNCATE impostor_histogram;
ALTER TABLE impostor_histogram
    ADD COLUMN kind text NOT NULL CHECK (kind IN ('resident', 'staff', 'guest', 'courier', 'unknown')),
    ADD COLUMN age_band text NOT NULL CHECK (age_band IN ('under_14', '14_17', 'adult', 'unknown')),
    ADD COLUMN comparisons bigint NOT NULL CHECK (comparisons >= count),
    DROP CONSTRAINT impostor_histogram_pkey,
    ADD PRIMARY KEY (community_id, pack, kind, age_band, bin);
GRANT UPDATE (comparisons) ON impostor_histogram TO doorward_api;

-- The threshold fitted to a community's own impostor scores, for single frames; gates get it with the signed head. No
-- row while there are too few scores: then the pack's calibration goes.
CREATE TABLE community_threshold (
    community_id uuid NOT NULL REFERENCES community,
    pack text NOT NULL,
    threshold double precision NOT NULL CHECK (threshold > 0 AND threshold < 1),
    estimate double precision NOT NULL,
    uncertainty double precision NOT NULL CHECK (uncertainty >= 0),
    tail_from double precision NOT NULL,
    exceedances bigint NOT NULL,
    probes bigint NOT NULL,
    gallery_size bigint NOT NULL CHECK (gallery_size > 0),
    fpir double precision NOT NULL CHECK (fpir > 0 AND fpir < 1),
    fitted_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, pack)
);
ALTER TABLE community_threshold ENABLE ROW LEVEL SECURITY;
ALTER TABLE community_threshold FORCE ROW LEVEL SECURITY;
CREATE POLICY community_threshold_scope ON community_threshold
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, DELETE ON community_threshold TO doorward_api, doorward_worker;
GRANT UPDATE (threshold, estimate, uncertainty, tail_from, exceedances, probes, gallery_size, fpir, fitted_at)
    ON community_threshold TO doorward_api, doorward_worker;

-- migrate:down
DROP TABLE community_threshold;
TRUNCATE impostor_histogram;
ALTER TABLE impostor_histogram
    DROP CONSTRAINT impostor_histogram_pkey,
    DROP COLUMN kind,
    DROP COLUMN age_band,
    DROP COLUMN comparisons,
    ADD PRIMARY KEY (community_id, pack, bin);
