-- migrate:up
SET lock_timeout = '3s';

-- Holds keep the photographs that offices hold of people on their registers too. Such a photograph is its member's and
-- needs no person: of whoever never joined the office may have one. on_register is how many of photographs are of these.
ALTER TABLE hold_photo
    ADD COLUMN source text NOT NULL DEFAULT 'enrolment' CHECK (source IN ('enrolment', 'register'));
ALTER TABLE legal_hold
    ADD COLUMN member_id uuid,
    ADD COLUMN on_register integer NOT NULL DEFAULT 0 CHECK (on_register BETWEEN 0 AND photographs),
    ALTER COLUMN person_id DROP NOT NULL,
    ALTER COLUMN subject_id DROP NOT NULL,
    ADD CONSTRAINT legal_hold_whose CHECK (member_id IS NOT NULL OR (person_id IS NOT NULL AND subject_id IS NOT NULL));
GRANT UPDATE (person_id) ON legal_hold TO doorward_api, doorward_worker;

-- Whoever joins brings the hold that was set before along: his erasure and his certificate have to tell of it.
CREATE FUNCTION legal_hold_join() RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE legal_hold SET person_id = NEW.person_id
    WHERE community_id = NEW.community_id AND member_id = NEW.member_id AND person_id IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER legal_hold_join AFTER UPDATE OF person_id ON member
    FOR EACH ROW WHEN (OLD.person_id IS NULL AND NEW.person_id IS NOT NULL) EXECUTE FUNCTION legal_hold_join();

-- How many photographs a hold keeps of those that an erasure is about. Moving out of one community takes what its office
-- holds, withdrawing the consent to keep photographs those of enrolments, everything else all.
CREATE FUNCTION held_of(e erasure, h legal_hold) RETURNS integer LANGUAGE sql STABLE
RETURN CASE e.extent
    WHEN 'everything' THEN h.photographs
    WHEN 'photos' THEN h.photographs - h.on_register
    ELSE CASE WHEN EXISTS (
        SELECT FROM erasure_place p WHERE p.erasure_id = e.erasure_id AND p.community_id = h.community_id
    ) THEN h.on_register ELSE 0 END
END;

-- Whether whoever agreed to an earlier text is asked again; and what is new in this one, told to whom it is not.
ALTER TABLE consent_document
    ADD COLUMN asks_again boolean NOT NULL DEFAULT true,
    ADD COLUMN changes text;

-- migrate:down
ALTER TABLE consent_document DROP COLUMN changes, DROP COLUMN asks_again;
DROP FUNCTION held_of;
DROP TRIGGER legal_hold_join ON member;
DROP FUNCTION legal_hold_join;
REVOKE UPDATE (person_id) ON legal_hold FROM doorward_api, doorward_worker;
ALTER TABLE legal_hold NO FORCE ROW LEVEL SECURITY;
DELETE FROM legal_hold WHERE person_id IS NULL OR subject_id IS NULL;
ALTER TABLE legal_hold FORCE ROW LEVEL SECURITY;
ALTER TABLE legal_hold
    DROP CONSTRAINT legal_hold_whose,
    ALTER COLUMN subject_id SET NOT NULL,
    ALTER COLUMN person_id SET NOT NULL,
    DROP COLUMN on_register,
    DROP COLUMN member_id;
ALTER TABLE hold_photo DROP COLUMN source;
