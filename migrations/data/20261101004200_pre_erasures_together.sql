-- migrate:up
SET lock_timeout = '3s';

-- A thousand people may leave within a minute. The worker carries their erasures out many at a time, in the platform's
-- scope, since a scope names one person; the API still sees and changes one person's in his own scope alone.
CREATE POLICY erasure_together ON erasure FOR UPDATE TO doorward_worker USING (scope_platform());
CREATE POLICY erasure_step_together ON erasure_step FOR UPDATE TO doorward_worker USING (scope_platform());
CREATE POLICY erasure_place_together ON erasure_place TO doorward_worker
    USING (scope_platform()) WITH CHECK (scope_platform());
CREATE POLICY erasure_certificate_together ON erasure_certificate TO doorward_worker
    USING (scope_platform()) WITH CHECK (scope_platform());
CREATE POLICY enrolment_together ON enrolment FOR DELETE TO doorward_worker USING (scope_platform());
CREATE POLICY face_review_together ON face_review FOR SELECT TO doorward_worker USING (scope_platform());
CREATE POLICY face_review_erase_together ON face_review FOR DELETE TO doorward_worker USING (scope_platform());
CREATE POLICY consent_hold_together ON consent_hold TO doorward_worker USING (scope_platform());
CREATE POLICY consent_proof_together ON consent_proof TO doorward_worker
    USING (scope_platform()) WITH CHECK (scope_platform());

-- migrate:down
DROP POLICY consent_proof_together ON consent_proof;
DROP POLICY consent_hold_together ON consent_hold;
DROP POLICY face_review_erase_together ON face_review;
DROP POLICY face_review_together ON face_review;
DROP POLICY enrolment_together ON enrolment;
DROP POLICY erasure_certificate_together ON erasure_certificate;
DROP POLICY erasure_place_together ON erasure_place;
DROP POLICY erasure_step_together ON erasure_step;
DROP POLICY erasure_together ON erasure;
