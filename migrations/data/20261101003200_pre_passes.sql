-- migrate:up
SET lock_timeout = '3s';

-- A guest who withdraws is forgotten at once, with all that refers to him. His phone can go on reading how far that is
-- and fetch the certificate: his link then names him here, where nothing keeps him and nothing is deleted with him.
ALTER TABLE visitor_link ADD COLUMN withdrawn_by uuid;
ALTER TABLE visitor_link ADD CHECK (withdrawn_by IS NULL OR (person_id IS NULL AND closed_at IS NOT NULL));
CREATE INDEX visitor_link_withdrawn ON visitor_link (withdrawn_by) WHERE withdrawn_by IS NOT NULL;
GRANT UPDATE (withdrawn_by) ON visitor_link TO doorward_api;

ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted',
        'consent_lapsed', 'invitation_withdrawn')
);

-- migrate:down
DELETE FROM erasure WHERE reason = 'invitation_withdrawn';
ALTER TABLE erasure DROP CONSTRAINT erasure_reason_check;
ALTER TABLE erasure ADD CONSTRAINT erasure_reason_check CHECK (
    reason IN ('tenancy_ended', 'member_left', 'consent_withdrawn', 'photos_withdrawn', 'unused', 'account_deleted',
        'consent_lapsed')
);
DELETE FROM visitor_link WHERE withdrawn_by IS NOT NULL;
ALTER TABLE visitor_link DROP COLUMN withdrawn_by;
