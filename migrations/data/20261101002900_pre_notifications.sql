-- migrate:up
SET lock_timeout = '3s';

-- What a person was told. What it says is put together when it is read: a kind, what it is about and a few words, and
-- no names. Whoever works for anybody may tell; only the person himself reads.
CREATE TABLE notification (
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    notification_id uuid NOT NULL,
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
    about_community_id uuid REFERENCES community,
    -- The pass, delivery, member, tenancy, session or erasure that it is about; the kind says which.
    about_id uuid,
    -- A device as it calls itself, or a day.
    detail text CHECK (length(detail) BETWEEN 1 AND 80),
    -- The same occasion tells once, however often it is carried out.
    occasion text NOT NULL CHECK (length(occasion) BETWEEN 1 AND 120),
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    -- When it was decided by which channels it goes to telephones.
    routed_at timestamptz,
    PRIMARY KEY (person_id, notification_id),
    UNIQUE (person_id, kind, occasion)
);
CREATE INDEX notification_newest ON notification (person_id, created_at DESC, notification_id DESC);
CREATE INDEX notification_unread ON notification (person_id) WHERE read_at IS NULL;
CREATE INDEX notification_unrouted ON notification (created_at) WHERE routed_at IS NULL;
CREATE INDEX notification_created ON notification (created_at);

-- A browser that asked for Web Push (RFC 8030). It belongs to a log-in and ends with it: a telephone that was logged
-- out from elsewhere must not go on showing that there is news.
CREATE TABLE push_subscription (
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    subscription_id uuid NOT NULL,
    session_id uuid NOT NULL REFERENCES session ON DELETE CASCADE,
    -- One browser has one, so it is also whoever logs in with it last who gets what is sent there.
    endpoint text NOT NULL UNIQUE CHECK (length(endpoint) BETWEEN 10 AND 1000 AND endpoint LIKE 'https://%'),
    -- RFC 8291: the browser's public key (uncompressed P-256) and the secret shared with it.
    p256dh bytea NOT NULL CHECK (length(p256dh) = 65),
    auth bytea NOT NULL CHECK (length(auth) = 16),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (person_id, subscription_id)
);
CREATE INDEX push_subscription_session ON push_subscription (session_id);

-- One way by which a notification goes out: a text message, or one browser. "next_attempt_at" is moved on before each
-- attempt, which is at once the claim of whoever makes it and, where he is killed, the time of the next one.
CREATE TABLE notification_delivery (
    person_id uuid NOT NULL,
    delivery_id uuid NOT NULL DEFAULT gen_random_uuid(),
    notification_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('sms', 'push')),
    subscription_id uuid,
    attempts smallint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    settled_at timestamptz,
    outcome text CHECK (outcome IN ('sent', 'refused', 'given_up')),
    PRIMARY KEY (person_id, delivery_id),
    UNIQUE NULLS NOT DISTINCT (person_id, notification_id, channel, subscription_id),
    FOREIGN KEY (person_id, notification_id) REFERENCES notification ON DELETE CASCADE,
    FOREIGN KEY (person_id, subscription_id) REFERENCES push_subscription ON DELETE CASCADE,
    CHECK ((channel = 'push') = (subscription_id IS NOT NULL)),
    CHECK ((settled_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX notification_delivery_due ON notification_delivery (next_attempt_at) WHERE settled_at IS NULL;
CREATE INDEX notification_delivery_subscription ON notification_delivery (person_id, subscription_id);

-- What somebody does not want to be told by a channel, or does after all; where there is no row, as the kind says.
CREATE TABLE notification_preference (
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
    channel text NOT NULL CHECK (channel IN ('sms', 'push')),
    wanted boolean NOT NULL,
    PRIMARY KEY (person_id, kind, channel)
);

-- Which end of the tenancy its household was told of.
ALTER TABLE tenancy ADD COLUMN end_told_for timestamptz;
CREATE INDEX tenancy_end_untold ON tenancy (ends_at)
    WHERE ended_at IS NULL AND ends_at IS NOT NULL AND end_told_for IS DISTINCT FROM ends_at;
GRANT UPDATE (end_told_for) ON tenancy TO doorward_worker;

ALTER TABLE notification ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification FORCE ROW LEVEL SECURITY;
CREATE POLICY notification_own ON notification USING (scope_platform() OR person_id = scope_person())
    WITH CHECK (scope_platform() OR person_id = scope_person());
CREATE POLICY notification_tell ON notification FOR INSERT WITH CHECK (scope_any());
ALTER TABLE push_subscription ENABLE ROW LEVEL SECURITY;
ALTER TABLE push_subscription FORCE ROW LEVEL SECURITY;
CREATE POLICY push_subscription_scope ON push_subscription USING (scope_platform() OR person_id = scope_person())
    WITH CHECK (scope_platform() OR person_id = scope_person());
ALTER TABLE notification_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY notification_delivery_scope ON notification_delivery
    USING (scope_platform() OR person_id = scope_person()) WITH CHECK (scope_platform() OR person_id = scope_person());
ALTER TABLE notification_preference ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_preference FORCE ROW LEVEL SECURITY;
CREATE POLICY notification_preference_scope ON notification_preference
    USING (scope_platform() OR person_id = scope_person()) WITH CHECK (scope_platform() OR person_id = scope_person());

GRANT SELECT, INSERT ON notification TO doorward_api, doorward_worker;
GRANT UPDATE (read_at) ON notification TO doorward_api;
GRANT UPDATE (routed_at) ON notification TO doorward_worker;
GRANT DELETE ON notification TO doorward_worker;
GRANT SELECT, INSERT, DELETE ON push_subscription TO doorward_api;
GRANT UPDATE (p256dh, auth) ON push_subscription TO doorward_api;
GRANT SELECT, DELETE ON push_subscription TO doorward_worker;
GRANT SELECT ON notification_delivery TO doorward_api;
GRANT SELECT, INSERT ON notification_delivery TO doorward_worker;
GRANT UPDATE (attempts, next_attempt_at, settled_at, outcome) ON notification_delivery TO doorward_worker;
GRANT SELECT, INSERT ON notification_preference TO doorward_api;
GRANT UPDATE (wanted) ON notification_preference TO doorward_api;
GRANT SELECT ON notification_preference TO doorward_worker;

-- migrate:down
ALTER TABLE tenancy DROP COLUMN end_told_for;
DROP TABLE notification_preference, notification_delivery, push_subscription, notification;
