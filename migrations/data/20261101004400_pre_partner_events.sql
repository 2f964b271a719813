-- migrate:up
SET lock_timeout = '3s';

-- A company that tries its system out: everything is answered as in life, and nothing of it becomes a grant.
ALTER TABLE partner ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
-- "simulated": where in life there would be a grant. What has one can never have the other.
ALTER TABLE courier_shift ADD COLUMN simulated boolean NOT NULL DEFAULT false;
ALTER TABLE courier_shift ADD CONSTRAINT courier_shift_simulated CHECK (NOT simulated OR subject_id IS NULL);
ALTER TABLE delivery ADD COLUMN simulated boolean NOT NULL DEFAULT false;
ALTER TABLE delivery ADD CONSTRAINT delivery_simulated CHECK (NOT simulated OR subject_id IS NULL);
-- A simulated delivery is for no home of anybody's.
ALTER TABLE delivery ALTER COLUMN home_id DROP NOT NULL;
ALTER TABLE delivery ADD CONSTRAINT delivery_home CHECK (home_id IS NOT NULL OR host_person_id IS NULL);
GRANT UPDATE (simulated) ON courier_shift, delivery TO doorward_api, doorward_worker;

-- Why a company, or one courier, may not come to a community at present: a category, which the company is told.
ALTER TABLE partner_community ADD COLUMN suspended_for text
    CHECK (suspended_for IN ('safety', 'conduct', 'rules', 'identity', 'other'));
GRANT UPDATE (suspended_for) ON partner_community TO doorward_api;

-- Of the person and not of his pseudonym, which may be forgotten and made anew.
CREATE TABLE courier_suspension (
    community_id uuid NOT NULL REFERENCES community,
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    suspension_id uuid NOT NULL DEFAULT gen_random_uuid(),
    reason text NOT NULL CHECK (reason IN ('safety', 'conduct', 'rules', 'identity', 'other')),
    suspended_at timestamptz NOT NULL,
    PRIMARY KEY (community_id, person_id)
);
CREATE UNIQUE INDEX courier_suspension_id ON courier_suspension (community_id, suspension_id);
CREATE INDEX courier_suspension_newest ON courier_suspension (community_id, suspended_at DESC, suspension_id DESC);
CREATE INDEX courier_suspension_person ON courier_suspension (person_id);

-- What companies are told. Written by whoever changes something, in his own transaction and without waiting for
-- anybody; numbered afterwards by the worker, company by company under the head's lock. So numbers are in the order in
-- which the worker found the events committed, and whoever has read up to one never misses an earlier one: a number
-- drawn from a sequence when the event is written would let the late committer slip in behind the reader.
CREATE TABLE partner_event (
    partner_id uuid NOT NULL REFERENCES partner ON DELETE CASCADE,
    event_id uuid NOT NULL DEFAULT gen_random_uuid(),
    seq bigint CHECK (seq > 0),
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
    at timestamptz NOT NULL,
    told_at timestamptz NOT NULL,
    -- What the company calls its worker, and nothing else of him. Erasing him erases this.
    worker_id text CHECK (length(worker_id) BETWEEN 1 AND 100),
    person_id uuid REFERENCES person ON DELETE CASCADE,
    about_community_id uuid REFERENCES community,
    gate_id uuid,
    gate_name text CHECK (length(gate_name) <= 200),
    outcome text CHECK (length(outcome) <= 40),
    reason text CHECK (length(reason) <= 40),
    -- The webhook that the event is about.
    endpoint_id uuid,
    PRIMARY KEY (partner_id, event_id)
);
CREATE UNIQUE INDEX partner_event_seq ON partner_event (partner_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX partner_event_unnumbered ON partner_event (partner_id, told_at, event_id) WHERE seq IS NULL;
CREATE INDEX partner_event_told ON partner_event (told_at);
CREATE INDEX partner_event_person ON partner_event (person_id);

CREATE TABLE partner_event_head (
    partner_id uuid PRIMARY KEY REFERENCES partner ON DELETE CASCADE,
    seq bigint NOT NULL DEFAULT 0
);

ALTER TABLE courier_suspension ENABLE ROW LEVEL SECURITY;
ALTER TABLE courier_suspension FORCE ROW LEVEL SECURITY;
CREATE POLICY courier_suspension_scope ON courier_suspension
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
-- Settling looks for what is due in every community, and a courier's copy of his data shows it to him.
CREATE POLICY courier_suspension_read ON courier_suspension FOR SELECT
    USING (scope_platform() OR person_id = scope_person());
ALTER TABLE partner_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner_event FORCE ROW LEVEL SECURITY;
CREATE POLICY partner_event_scope ON partner_event USING (scope_platform()) WITH CHECK (scope_platform());
CREATE POLICY partner_event_own ON partner_event FOR SELECT USING (person_id = scope_person());
CREATE POLICY partner_event_tell ON partner_event FOR INSERT WITH CHECK (scope_any());
ALTER TABLE partner_event_head ENABLE ROW LEVEL SECURITY;
ALTER TABLE partner_event_head FORCE ROW LEVEL SECURITY;
CREATE POLICY partner_event_head_scope ON partner_event_head USING (scope_platform()) WITH CHECK (scope_platform());

GRANT SELECT, INSERT, DELETE ON courier_suspension TO doorward_api;
GRANT SELECT ON courier_suspension TO doorward_worker;
GRANT SELECT, INSERT ON partner_event TO doorward_api, doorward_worker;
GRANT UPDATE (seq) ON partner_event TO doorward_worker;
GRANT DELETE ON partner_event TO doorward_worker;
GRANT SELECT, INSERT ON partner_event_head TO doorward_worker;
GRANT UPDATE (seq) ON partner_event_head TO doorward_worker;

-- migrate:down
DROP TABLE partner_event_head, partner_event, courier_suspension;
ALTER TABLE partner_community DROP COLUMN suspended_for;
ALTER TABLE delivery DROP CONSTRAINT delivery_home;
-- The owner is bound by the table's policies like everybody else.
ALTER TABLE delivery NO FORCE ROW LEVEL SECURITY;
DELETE FROM delivery WHERE home_id IS NULL;
ALTER TABLE delivery FORCE ROW LEVEL SECURITY;
ALTER TABLE delivery ALTER COLUMN home_id SET NOT NULL;
ALTER TABLE delivery DROP COLUMN simulated;
ALTER TABLE courier_shift DROP COLUMN simulated;
ALTER TABLE partner DROP COLUMN sandbox;
