-- migrate:up
SET lock_timeout = '3s';

-- Whoever comes by such a right is let in only once somebody of the home has said yes, each time.
ALTER TABLE guest_pass ADD COLUMN ask_first boolean NOT NULL DEFAULT false;
GRANT UPDATE (ask_first) ON guest_pass TO doorward_api;
-- When the link was sent to the number that the host gave: so many a day, or a stranger's telephone could be rung up, or
-- numbers that cost be written to, by making passes.
ALTER TABLE guest_pass ADD COLUMN link_sent_at timestamptz;
CREATE INDEX guest_pass_link_sent ON guest_pass (community_id, link_sent_at) WHERE link_sent_at IS NOT NULL;
GRANT UPDATE (link_sent_at) ON guest_pass TO doorward_api;
ALTER TABLE delivery ADD COLUMN ask_first boolean NOT NULL DEFAULT false;
ALTER TABLE access_grant ADD COLUMN ask_first boolean NOT NULL DEFAULT false;

-- A gate's question to a home. Who of it answered stands in the audit trail alone.
CREATE TABLE approval (
    community_id uuid NOT NULL,
    approval_id uuid NOT NULL DEFAULT gen_random_uuid(),
    gate_id uuid NOT NULL,
    -- The gate's own number of the approach: asked again, it is the same question.
    approach_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    home_id uuid NOT NULL,
    source text NOT NULL CHECK (source IN ('pass', 'delivery')),
    source_id uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    outcome text CHECK (outcome IN ('approved', 'denied')),
    answered_at timestamptz,
    PRIMARY KEY (community_id, approval_id),
    CONSTRAINT approval_approach UNIQUE (community_id, gate_id, approach_id),
    FOREIGN KEY (community_id, gate_id) REFERENCES gate,
    FOREIGN KEY (community_id, subject_id) REFERENCES subject ON DELETE CASCADE,
    FOREIGN KEY (community_id, home_id) REFERENCES home,
    CHECK ((outcome IS NULL) = (answered_at IS NULL))
);
CREATE INDEX approval_of_home ON approval (community_id, home_id, expires_at);
CREATE INDEX approval_of_source ON approval (community_id, source, source_id, asked_at);
CREATE INDEX approval_subject ON approval (community_id, subject_id);
CREATE INDEX approval_over ON approval (community_id, expires_at);
ALTER TABLE approval ENABLE ROW LEVEL SECURITY;
ALTER TABLE approval FORCE ROW LEVEL SECURITY;
CREATE POLICY approval_scope ON approval
    USING (community_id = scope_community()) WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, DELETE ON approval TO doorward_api;
GRANT UPDATE (expires_at, outcome, answered_at) ON approval TO doorward_api;
GRANT SELECT, DELETE ON approval TO doorward_worker;

-- migrate:down
DROP TABLE approval;
ALTER TABLE access_grant DROP COLUMN ask_first;
ALTER TABLE delivery DROP COLUMN ask_first;
ALTER TABLE guest_pass DROP COLUMN ask_first, DROP COLUMN link_sent_at;
