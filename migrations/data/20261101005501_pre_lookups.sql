-- migrate:up
SET lock_timeout = '3s';

-- Deleting an employment takes its shifts along and its name off deliveries, those that are long over too, and a
-- courier's copy of his data has them all.
CREATE INDEX courier_shift_employment ON courier_shift (partner_id, worker_id);
CREATE INDEX delivery_employment ON delivery (partner_id, worker_id) WHERE worker_id IS NOT NULL;

-- A courier who becomes another person takes his links along, ended ones too.
CREATE INDEX visitor_link_courier ON visitor_link (invitation_id) WHERE kind = 'courier';

-- Retention looks every hour for what is over its time, batch by batch, among what is not.
CREATE INDEX visitor_link_over ON visitor_link (least(expires_at, closed_at));
CREATE INDEX consent_withdrawn ON consent (withdrawn_at) WHERE withdrawn_at IS NOT NULL;
CREATE INDEX courier_employment_left ON courier_employment (left_at) WHERE left_at IS NOT NULL;
CREATE INDEX subject_request_decided ON subject_request (decided_at) WHERE state <> 'open';
CREATE INDEX erasure_completed ON erasure (completed_at) WHERE completed_at IS NOT NULL;

-- migrate:down
DROP INDEX erasure_completed, subject_request_decided, courier_employment_left, consent_withdrawn, visitor_link_over,
    visitor_link_courier, delivery_employment, courier_shift_employment;
