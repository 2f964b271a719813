-- migrate:up
SET lock_timeout = '3s';

-- Deleting a person looks for whom he has invited and what he expected, in every community.
CREATE INDEX guest_pass_host ON guest_pass (host_person_id) WHERE host_person_id IS NOT NULL;
CREATE INDEX delivery_host ON delivery (host_person_id) WHERE host_person_id IS NOT NULL;

-- Settling looks every half minute for what is not over yet, in every community; what is over stays for months.
CREATE INDEX courier_shift_open ON courier_shift (ends_at) WHERE ended_at IS NULL;
CREATE INDEX delivery_open ON delivery (valid_until) WHERE ended_at IS NULL AND worker_id IS NOT NULL;

-- migrate:down
DROP INDEX delivery_open, courier_shift_open, delivery_host, guest_pass_host;
