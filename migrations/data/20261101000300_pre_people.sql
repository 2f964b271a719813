-- migrate:up
SET lock_timeout = '3s';

CREATE TABLE person (
    person_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Empty until he says it or the register that he joins does.
    name text CHECK (length(name) BETWEEN 1 AND 200),
    language text NOT NULL DEFAULT 'zh-CN' CHECK (language IN ('zh-CN', 'en')),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- A person's pseudonym in one community: what gates and events speak of. Random, and another one in every community.
CREATE TABLE subject (
    community_id uuid NOT NULL REFERENCES community,
    subject_id uuid NOT NULL DEFAULT gen_random_uuid(),
    person_id uuid NOT NULL REFERENCES person ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (community_id, subject_id),
    UNIQUE (community_id, person_id)
);
CREATE INDEX subject_person ON subject (person_id);

ALTER TABLE subject ENABLE ROW LEVEL SECURITY;
ALTER TABLE subject FORCE ROW LEVEL SECURITY;
CREATE POLICY subject_scope ON subject
    USING (community_id = scope_community() OR person_id = scope_person())
    WITH CHECK (community_id = scope_community());
GRANT SELECT, INSERT, DELETE ON subject TO doorward_api, doorward_worker;

-- A community sees the people it knows; a person sees himself; log-in sees whom it must.
CREATE FUNCTION scope_sees_person(p_person uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT scope_platform()
        OR p_person = scope_person()
        OR EXISTS (
            SELECT FROM subject s WHERE s.community_id = scope_community() AND s.person_id = p_person
        )
$$;

ALTER TABLE person ENABLE ROW LEVEL SECURITY;
ALTER TABLE person FORCE ROW LEVEL SECURITY;
CREATE POLICY person_scope ON person
    USING (scope_sees_person(person_id))
    WITH CHECK (scope_platform() OR person_id = scope_person());
GRANT SELECT, INSERT, DELETE ON person TO doorward_api, doorward_worker;
GRANT UPDATE (name, language) ON person TO doorward_api;

-- migrate:down
DROP TABLE person, subject CASCADE;
DROP FUNCTION scope_sees_person;
