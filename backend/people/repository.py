"""SQL of people and subjects."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one

__all__ = [
    "PersonRow",
    "SubjectRow",
    "delete_person",
    "ensure_subject",
    "ensure_subjects",
    "get_person",
    "get_subject",
    "insert_people",
    "insert_person",
    "insert_person_for",
    "list_subjects_of_person",
    "update_person",
]


class PersonRow(msgspec.Struct, frozen=True):
    """A natural person; ``name`` is None until he or the register gives it."""

    person_id: UUID
    name: str | None
    language: str


class SubjectRow(msgspec.Struct, frozen=True):
    """A person's pseudonym in one community."""

    community_id: UUID
    subject_id: UUID
    person_id: UUID


class _Id(msgspec.Struct, frozen=True):
    id: UUID


async def insert_person(conn: Connection, *, name: str | None = None, language: str = "zh-CN") -> PersonRow:
    """A new person. Needs the platform scope."""
    return await require_one(
        conn,
        PersonRow,
        "INSERT INTO person (name, language) VALUES ($1, $2) RETURNING person_id, name, language",
        name,
        language,
    )


async def insert_person_for(conn: Connection, *, name: str) -> UUID:
    """A new person whom staff put on the register and who has no log-in; his id. Enters his scope, and no wider one."""
    person_id = uuid4()
    await conn.execute("SELECT set_config('doorward.person', $1, true)", str(person_id))
    await conn.execute("INSERT INTO person (person_id, name) VALUES ($1, $2)", person_id, name)
    return person_id


async def get_person(conn: Connection, *, person_id: UUID) -> PersonRow | None:
    """The person, where the scope sees him."""
    return await fetch_one(
        conn,
        PersonRow,
        "SELECT person_id, name, language FROM person WHERE person_id = $1",
        person_id,
    )


async def update_person(
    conn: Connection, *, person_id: UUID, name: str | None, language: str | None
) -> PersonRow | None:
    """Change what is not ``None``. Needs the scope of the person, or the platform's."""
    return await fetch_one(
        conn,
        PersonRow,
        """
        UPDATE person SET name = coalesce($2, name), language = coalesce($3, language)
        WHERE person_id = $1 RETURNING person_id, name, language
        """,
        person_id, name, language,
    )  # fmt: skip


async def delete_person(conn: Connection, *, person_id: UUID) -> None:
    """Delete the person and what hangs on him. Needs the scope of the person, or the platform's."""
    await conn.execute("DELETE FROM person WHERE person_id = $1", person_id)


async def ensure_subject(conn: Connection, *, community_id: UUID, person_id: UUID) -> UUID:
    """The person's pseudonym in the community, made where there is none. Needs the community's scope."""
    await conn.execute(
        """
        INSERT INTO subject (community_id, person_id) VALUES ($1, $2)
        ON CONFLICT (community_id, person_id) DO NOTHING
        """,
        community_id, person_id,
    )  # fmt: skip
    row = await require_one(
        conn,
        _Id,
        "SELECT subject_id AS id FROM subject WHERE community_id = $1 AND person_id = $2",
        community_id,
        person_id,
    )
    return row.id


async def get_subject(conn: Connection, *, community_id: UUID, person_id: UUID) -> SubjectRow | None:
    """The person's pseudonym in the community, if he has one there."""
    return await fetch_one(
        conn,
        SubjectRow,
        "SELECT community_id, subject_id, person_id FROM subject WHERE community_id = $1 AND person_id = $2",
        community_id, person_id,
    )  # fmt: skip


async def list_subjects_of_person(conn: Connection, *, person_id: UUID) -> list[SubjectRow]:
    """All communities that know the person. Needs his own scope."""
    return await fetch_all(
        conn,
        SubjectRow,
        "SELECT community_id, subject_id, person_id FROM subject WHERE person_id = $1 ORDER BY community_id",
        person_id,
    )


async def insert_people(conn: Connection, *, people: Sequence[tuple[UUID, str]]) -> None:
    """Many new people at once: their ids and languages. Needs the platform scope."""
    await conn.execute(
        "INSERT INTO person (person_id, language) SELECT * FROM unnest($1::uuid[], $2::text[])",
        [person_id for person_id, _ in people],
        [language for _, language in people],
    )


async def ensure_subjects(conn: Connection, *, community_id: UUID, person_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """By person, his pseudonym in the community, made where there is none. Needs the community's scope."""
    await conn.execute(
        """
        INSERT INTO subject (community_id, person_id) SELECT DISTINCT $1::uuid, unnest($2::uuid[])
        ON CONFLICT (community_id, person_id) DO NOTHING
        """,
        community_id, list(person_ids),
    )  # fmt: skip
    rows = await fetch_all(
        conn,
        SubjectRow,
        "SELECT community_id, subject_id, person_id FROM subject WHERE community_id = $1 AND person_id = ANY($2)",
        community_id, list(person_ids),
    )  # fmt: skip
    return {row.person_id: row.subject_id for row in rows}
