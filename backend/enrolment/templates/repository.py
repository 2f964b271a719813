"""SQL of templates. All of it is the person's own: his scope writes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = [
    "TemplateRow",
    "accept_template",
    "delete_templates",
    "hold_template",
    "insert_renewed",
    "insert_template",
    "list_templates",
]


class TemplateRow(msgspec.Struct, frozen=True):
    """A template; ``sealed`` under its person's key, ``sha256`` of the bytes within, 32 bytes.

    ``renewed``: made of the photographs that were kept, by another pack than the enrolment's.
    """

    person_id: UUID
    template_id: UUID
    enrolment_id: UUID
    pack: str
    sealed: bytes
    sha256: bytes
    accepted: bool
    duplicate_from: float
    renewed: bool = False


_TEMPLATE = (
    "SELECT person_id, template_id, enrolment_id, pack, sealed, sha256, accepted, duplicate_from, renewed FROM template"
)


async def insert_template(conn: Connection, *, row: TemplateRow, now: datetime) -> None:
    """The template of an enrolment."""
    await conn.execute(
        """
        INSERT INTO template
            (person_id, template_id, enrolment_id, pack, sealed, sha256, accepted, duplicate_from, made_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        row.person_id, row.template_id, row.enrolment_id, row.pack, row.sealed, row.sha256, row.accepted,
        row.duplicate_from, now,
    )  # fmt: skip


async def insert_renewed(conn: Connection, *, row: TemplateRow, of: UUID) -> bool:
    """Another pack's template beside the one ``of`` the same enrolment, dated as that; whether it is new.

    It is accepted where that one is. False where that one has gone, or another of the pack is there already.
    """
    made = await conn.fetch(
        """
        INSERT INTO template
            (person_id, template_id, enrolment_id, pack, sealed, sha256, accepted, duplicate_from, made_at, renewed)
        SELECT person_id, $3, enrolment_id, $4, $5, $6, accepted, $7, made_at, true
        FROM template WHERE person_id = $1 AND template_id = $2 FOR KEY SHARE
        ON CONFLICT (person_id, enrolment_id, pack) DO NOTHING RETURNING template_id
        """,
        row.person_id, of, row.template_id, row.pack, row.sealed, row.sha256, row.duplicate_from,
    )  # fmt: skip
    return bool(made)


async def list_templates(conn: Connection, *, person_id: UUID) -> list[TemplateRow]:
    """The person's templates, those of the newest enrolment first, and of each the one it was completed with."""
    return await fetch_all(
        conn, TemplateRow, f"{_TEMPLATE} WHERE person_id = $1 ORDER BY made_at DESC, renewed, template_id", person_id
    )


async def hold_template(conn: Connection, *, person_id: UUID, template_id: UUID) -> bool:
    """Whether the template is still there, and keep it there until the transaction ends.

    Without that an erasure could pass between reading a template and making it active.
    """
    return (
        await conn.fetchval(
            "SELECT true FROM template WHERE person_id = $1 AND template_id = $2 FOR KEY SHARE", person_id, template_id
        )
        is not None
    )


async def accept_template(conn: Connection, *, person_id: UUID, template_id: UUID, accepted: bool) -> None:
    """Say whether the template may become active in further communities without anybody's looking.

    With it the others of its enrolment, which are of the same photographs.
    """
    await conn.execute(
        """
        UPDATE template SET accepted = $3 WHERE person_id = $1 AND enrolment_id = (
            SELECT enrolment_id FROM template WHERE person_id = $1 AND template_id = $2
        )
        """,
        person_id, template_id, accepted,
    )  # fmt: skip


async def delete_templates(conn: Connection, *, person_id: UUID, template_ids: Sequence[UUID]) -> None:
    """Delete these templates of the person."""
    await conn.execute(
        "DELETE FROM template WHERE person_id = $1 AND template_id = ANY ($2)", person_id, list(template_ids)
    )
