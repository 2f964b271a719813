-- migrate:up
SET lock_timeout = '3s';

-- A courier is one natural person for all companies, found by the telephone number that a link sent to it has proven.
CREATE TABLE courier (
    courier_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL UNIQUE REFERENCES person ON DELETE CASCADE,
    phone_hash bytea NOT NULL UNIQUE CHECK (length(phone_hash) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What a company says: this worker of mine is that courier. It counts once he said yes to this company.
CREATE TABLE courier_employment (
    partner_id uuid NOT NULL REFERENCES partner ON DELETE CASCADE,
    worker_id text NOT NULL CHECK (length(worker_id) BETWEEN 1 AND 100),
    courier_id uuid NOT NULL REFERENCES courier ON DELETE CASCADE,
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    name text CHECK (length(name) BETWEEN 1 AND 100),
    accepted_at timestamptz,
    -- He said no, or no longer.
    left_at timestamptz,
    link_sent_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, worker_id),
    UNIQUE (partner_id, courier_id),
    CHECK (accepted_at IS NULL OR left_at IS NULL)
);
CREATE INDEX courier_employment_courier ON courier_employment (courier_id);
CREATE INDEX courier_employment_person ON courier_employment (person_id);

-- A worker at a community for one window.
CREATE TABLE courier_shift (
    community_id uuid NOT NULL,
    shift_id uuid NOT NULL DEFAULT gen_random_uuid(),
    partner_id uuid NOT NULL,
    worker_id text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    -- Set with the grant, once the courier said yes.
    subject_id uuid,
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, shift_id),
    FOREIGN KEY (community_id, partner_id) REFERENCES partner_community (community_id, partner_id),
    FOREIGN KEY (partner_id, worker_id) REFERENCES courier_employment ON DELETE CASCADE,
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE SET NULL (subject_id),
    CHECK (ends_at > starts_at)
);
-- The same assertion twice is the same shift.
CREATE UNIQUE INDEX courier_shift_asserted ON courier_shift (community_id, partner_id, worker_id, starts_at, ends_at)
    WHERE ended_at IS NULL;
CREATE INDEX courier_shift_id ON courier_shift (shift_id);
CREATE INDEX courier_shift_worker ON courier_shift (partner_id, worker_id) WHERE ended_at IS NULL;
CREATE INDEX courier_shift_subject ON courier_shift (community_id, subject_id);

-- A resident expects a delivery of a company; the company says later who brings it.
CREATE TABLE delivery (
    community_id uuid NOT NULL,
    delivery_id uuid NOT NULL DEFAULT gen_random_uuid(),
    home_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    order_ref text NOT NULL CHECK (length(order_ref) BETWEEN 1 AND 100),
    host_person_id uuid REFERENCES person ON DELETE SET NULL,
    expected_from timestamptz NOT NULL,
    expected_until timestamptz NOT NULL,
    worker_id text,
    -- What the company asked for, and what of it lies in the resident's window.
    asserted_from timestamptz,
    asserted_until timestamptz,
    valid_from timestamptz,
    valid_until timestamptz,
    subject_id uuid,
    ended_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, delivery_id),
    FOREIGN KEY (community_id, home_id) REFERENCES home,
    FOREIGN KEY (community_id, partner_id) REFERENCES partner_community (community_id, partner_id),
    FOREIGN KEY (partner_id, worker_id) REFERENCES courier_employment ON DELETE SET NULL (worker_id),
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE SET NULL (subject_id),
    CHECK (expected_until > expected_from),
    CHECK ((valid_from IS NULL) = (valid_until IS NULL) AND valid_until > valid_from)
);
CREATE UNIQUE INDEX delivery_expected ON delivery (community_id, home_id, partner_id, order_ref) WHERE ended_at IS NULL;
CREATE INDEX delivery_order ON delivery (community_id, partner_id, order_ref) WHERE ended_at IS NULL;
CREATE INDEX delivery_id ON delivery (delivery_id);
CREATE INDEX delivery_worker ON delivery (partner_id, worker_id) WHERE ended_at IS NULL;
CREATE INDEX delivery_subject ON delivery (community_id, subject_id);

ALTER TABLE courier ENABLE ROW LEVEL SECURITY;
ALTER TABLE courier FORCE ROW LEVEL SECURITY;
CREATE POLICY courier_scope ON courier USING (scope_platform() OR person_id = scope_person())
    WITH CHECK (scope_platform());
ALTER TABLE courier_employment ENABLE ROW LEVEL SECURITY;
ALTER TABLE courier_employment FORCE ROW LEVEL SECURITY;
CREATE POLICY courier_employment_scope ON courier_employment
    USING (scope_platform() OR person_id = scope_person()) WITH CHECK (scope_platform() OR person_id = scope_person());
ALTER TABLE courier_shift ENABLE ROW LEVEL SECURITY;
ALTER TABLE courier_shift FORCE ROW LEVEL SECURITY;
CREATE POLICY courier_shift_scope ON courier_shift
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- A company's list of its shifts, and what waits for a courier's yes, span communities; both are only read so.
CREATE POLICY courier_shift_read ON courier_shift FOR SELECT USING (scope_platform());
ALTER TABLE delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY delivery_scope ON delivery
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
CREATE POLICY delivery_read ON delivery FOR SELECT USING (scope_platform());

GRANT SELECT, INSERT ON courier, courier_employment, courier_shift, delivery TO doorward_api;
GRANT DELETE ON courier_employment TO doorward_api;
GRANT SELECT, DELETE ON courier, courier_employment, courier_shift, delivery TO doorward_worker;
GRANT UPDATE (courier_id, person_id, name, accepted_at, left_at, link_sent_at) ON courier_employment TO doorward_api;
GRANT UPDATE (subject_id, ended_at) ON courier_shift TO doorward_api, doorward_worker;
GRANT UPDATE (worker_id, asserted_from, asserted_until, valid_from, valid_until, subject_id, ended_at) ON delivery
    TO doorward_api;
GRANT UPDATE (subject_id, ended_at) ON delivery TO doorward_worker;
-- The row lock under which the sweeper makes late grants asks for the right to change something.
GRANT UPDATE (accepted_at) ON courier_employment TO doorward_worker;

-- migrate:down
DROP TABLE delivery, courier_shift, courier_employment, courier;
