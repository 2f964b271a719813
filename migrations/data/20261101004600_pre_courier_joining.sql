-- migrate:up
SET lock_timeout = '3s';

-- A resident who is a courier too is one person. His number may have been another before, and a company may know him
-- by both.
ALTER TABLE courier DROP CONSTRAINT courier_person_id_key;
CREATE INDEX courier_person ON courier (person_id);
GRANT UPDATE (person_id) ON courier TO doorward_api;

-- The resident's log-in on the same phone by which a courier's session has shown whose it is. With that log-in, its
-- reach ends.
ALTER TABLE visitor_session ADD COLUMN account_session uuid REFERENCES session ON DELETE SET NULL;
CREATE INDEX visitor_session_account ON visitor_session (account_session) WHERE account_session IS NOT NULL;
GRANT UPDATE (account_session) ON visitor_session TO doorward_api;

-- A courier is forgotten days after the last company: his phone goes on reading how far that is, as a guest's does.
ALTER TABLE visitor_link DROP CONSTRAINT visitor_link_check2;
ALTER TABLE visitor_link ADD CONSTRAINT visitor_link_check2
    CHECK (kind = 'guest' OR person_id IS NOT NULL OR withdrawn_by IS NOT NULL);
GRANT UPDATE (person_id, withdrawn_by) ON visitor_link TO doorward_worker;

ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted',
        'consent_lapsed', 'invitation_withdrawn', 'courier_joined')
);

-- migrate:down
DELETE FROM visitor_link WHERE kind <> 'guest' AND person_id IS NULL;
ALTER TABLE visitor_link DROP CONSTRAINT visitor_link_check2;
ALTER TABLE visitor_link ADD CONSTRAINT visitor_link_check2 CHECK (kind = 'guest' OR person_id IS NOT NULL);
REVOKE UPDATE (person_id, withdrawn_by) ON visitor_link FROM doorward_worker;
DELETE FROM erasure WHERE reason = 'courier_joined';
ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted',
        'consent_lapsed', 'invitation_withdrawn')
);
REVOKE UPDATE (account_session) ON visitor_session FROM doorward_api;
ALTER TABLE visitor_session DROP COLUMN account_session;
REVOKE UPDATE (person_id) ON courier FROM doorward_api;
DROP INDEX courier_person;
DELETE FROM courier a USING courier b WHERE a.person_id = b.person_id AND a.courier_id > b.courier_id;
ALTER TABLE courier ADD CONSTRAINT courier_person_id_key UNIQUE (person_id);
