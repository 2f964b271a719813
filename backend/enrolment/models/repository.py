"""SQL of changes of models. In the community's scope, unless it says otherwise."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "ChangeRow",
    "LeftRow",
    "NextRow",
    "PacksRow",
    "PersonRow",
    "ProgressRow",
    "RenewableRow",
    "cancel_chunk",
    "delete_thresholds",
    "finish_chunk",
    "get_newest",
    "insert_change",
    "is_in_use",
    "list_open",
    "list_people",
    "list_renewable",
    "list_waited_for",
    "lock_open",
    "packs_of",
    "progress",
    "set_next",
    "update_pass",
    "update_state",
]

ChangeState = Literal["running", "finishing", "cancelling", "erasing", "ended"]


class ChangeRow(msgspec.Struct, frozen=True):
    """A community's change of models; ``asked`` is how often those who are waited for were asked."""

    community_id: UUID
    change_id: UUID
    to_pack: str
    state: ChangeState
    cancelled: bool
    begun_at: datetime
    ends_at: datetime
    asked: int
    after_subject: UUID
    ended_at: datetime | None


class PacksRow(msgspec.Struct, frozen=True):
    """The pack that a community has changed to, if it ever has, and the one that it is changing to, if it is."""

    own: str | None
    coming: str | None


class ProgressRow(msgspec.Struct, frozen=True):
    """How many people have a face active, and of these: have it by the new pack; will have it of kept photographs."""

    people: int
    renewed: int
    from_photographs: int


class RenewableRow(msgspec.Struct, frozen=True):
    """A subject whose template of the new pack is there (``next_id``), or can be made of photographs."""

    subject_id: UUID
    person_id: UUID
    template_id: UUID
    next_id: UUID | None


class NextRow(msgspec.Struct, frozen=True):
    """A template to stand beside the one that the subject's credential names now (``template_id``)."""

    subject_id: UUID
    template_id: UUID
    next_id: UUID
    sha256: bytes


class PersonRow(msgspec.Struct, frozen=True):
    """A subject and who he is."""

    subject_id: UUID
    person_id: UUID


class LeftRow(msgspec.Struct, frozen=True):
    """Somebody of whom the change's end has decided; ``lost`` where he has no template of the new pack."""

    subject_id: UUID
    person_id: UUID
    lost: bool


class _Flag(msgspec.Struct, frozen=True):
    yes: bool


_CHANGE = """
    SELECT community_id, change_id, to_pack, state, cancelled, begun_at, ends_at, asked, after_subject, ended_at
    FROM model_change
"""


async def insert_change(
    conn: Connection, *, community_id: UUID, to_pack: str, begun_by: UUID, begun_at: datetime, ends_at: datetime
) -> bool:
    """A change begins; False where one is under way."""
    made = await conn.fetch(
        """
        INSERT INTO model_change (community_id, to_pack, begun_by, begun_at, ends_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (community_id) WHERE state <> 'ended' DO NOTHING RETURNING change_id
        """,
        community_id, to_pack, begun_by, begun_at, ends_at,
    )  # fmt: skip
    return bool(made)


async def get_newest(conn: Connection, *, community_id: UUID) -> ChangeRow | None:
    """The change under way, or the last one."""
    return await fetch_one(
        conn, ChangeRow, f"{_CHANGE} WHERE community_id = $1 ORDER BY begun_at DESC LIMIT 1", community_id
    )


async def lock_open(conn: Connection, *, community_id: UUID) -> ChangeRow | None:
    """The change under way, held until the transaction ends."""
    return await fetch_one(
        conn, ChangeRow, f"{_CHANGE} WHERE community_id = $1 AND state <> 'ended' FOR UPDATE", community_id
    )


async def list_open(conn: Connection) -> list[ChangeRow]:
    """Every change under way, at most one a community. Platform scope."""
    return await fetch_all(conn, ChangeRow, f"{_CHANGE} WHERE state <> 'ended' ORDER BY begun_at, change_id")


async def update_state(
    conn: Connection, *, community_id: UUID, change_id: UUID, state: ChangeState, cancelled: bool, now: datetime
) -> None:
    """The change goes on in that state, from the first subject again."""
    await conn.execute(
        """
        UPDATE model_change SET state = $3, cancelled = $4, after_subject = DEFAULT,
            ended_at = CASE WHEN $3 = 'ended' THEN $5::timestamptz END
        WHERE community_id = $1 AND change_id = $2
        """,
        community_id, change_id, state, cancelled, now,
    )  # fmt: skip


async def update_pass(conn: Connection, *, community_id: UUID, change_id: UUID, after: UUID | None) -> None:
    """The present pass has come so far; None: it is over, and counts as one more of asking."""
    await conn.execute(
        """
        UPDATE model_change SET after_subject = coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'::uuid),
            asked = asked + CASE WHEN $3::uuid IS NULL THEN 1 ELSE 0 END
        WHERE community_id = $1 AND change_id = $2
        """,
        community_id, change_id, after,
    )  # fmt: skip


async def packs_of(conn: Connection, *, community_id: UUID) -> PacksRow:
    """What the community has changed to and is changing to."""
    return await require_one(
        conn,
        PacksRow,
        """
        SELECT (
            SELECT to_pack FROM model_change
            WHERE community_id = $1 AND NOT cancelled AND state <> 'running' ORDER BY begun_at DESC LIMIT 1
        ) AS own, (
            SELECT to_pack FROM model_change WHERE community_id = $1 AND state = 'running'
        ) AS coming
        """,
        community_id,
    )


async def is_in_use(conn: Connection, *, community_id: UUID, pack: str) -> bool:
    """Whether all of the community's faces, and at least one, are of that pack."""
    row = await require_one(
        conn,
        _Flag,
        """
        SELECT EXISTS (SELECT FROM face_credential WHERE community_id = $1 AND pack = $2)
            AND NOT EXISTS (SELECT FROM face_credential WHERE community_id = $1 AND pack <> $2) AS yes
        """,
        community_id, pack,
    )  # fmt: skip
    return row.yes


async def progress(conn: Connection, *, community_id: UUID, to_pack: str) -> ProgressRow:
    """How far the change has come."""
    return await require_one(
        conn,
        ProgressRow,
        """
        SELECT (SELECT count(*) FROM face_credential WHERE community_id = $1) AS people,
            (SELECT count(*) FROM face_in_use WHERE community_id = $1 AND pack = $2) AS renewed,
            (
                SELECT count(*) FROM face_to_renew w
                WHERE w.community_id = $1 AND w.pack <> $2 AND w.next_pack IS DISTINCT FROM $2 AND (
                    w.photographs OR EXISTS (
                        SELECT FROM template n
                        WHERE n.person_id = w.person_id AND n.enrolment_id = w.enrolment_id AND n.pack = $2
                    )
                )
            ) AS from_photographs
        """,
        community_id, to_pack,
    )  # fmt: skip


async def list_renewable(
    conn: Connection, *, community_id: UUID, to_pack: str, after: UUID, limit: int
) -> list[RenewableRow]:
    """Whose template of the new pack is there or can be made, by subject."""
    return await fetch_all(
        conn,
        RenewableRow,
        """
        SELECT w.subject_id, w.person_id, w.template_id, n.template_id AS next_id
        FROM face_to_renew w
        LEFT JOIN template n ON n.person_id = w.person_id AND n.enrolment_id = w.enrolment_id AND n.pack = $2
        WHERE w.community_id = $1 AND w.pack <> $2 AND w.next_pack IS DISTINCT FROM $2 AND w.subject_id > $3
            AND (n.template_id IS NOT NULL OR w.photographs)
        ORDER BY w.subject_id LIMIT $4
        """,
        community_id, to_pack, after, limit,
    )  # fmt: skip


async def list_waited_for(
    conn: Connection, *, community_id: UUID, to_pack: str, after: UUID, limit: int
) -> list[PersonRow]:
    """Who has no template of the new pack yet, by subject."""
    return await fetch_all(
        conn,
        PersonRow,
        """
        SELECT subject_id, person_id FROM face_to_renew
        WHERE community_id = $1 AND pack <> $2 AND next_pack IS DISTINCT FROM $2 AND subject_id > $3
        ORDER BY subject_id LIMIT $4
        """,
        community_id, to_pack, after, limit,
    )  # fmt: skip


async def set_next(conn: Connection, *, community_id: UUID, pack: str, rows: Sequence[NextRow]) -> list[UUID]:
    """Put these templates beside those that the credentials name, where they still name them; whose it became."""
    done = await conn.fetch(
        """
        UPDATE face_credential fc SET next_template_id = n.next_id, next_pack = $2, next_sha256 = n.sha256
        FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::bytea[]) AS n (subject_id, template_id, next_id, sha256)
        WHERE fc.community_id = $1 AND fc.subject_id = n.subject_id AND fc.template_id = n.template_id
            AND fc.pack <> $2
        RETURNING fc.subject_id
        """,
        community_id,
        pack,
        [row.subject_id for row in rows],
        [row.template_id for row in rows],
        [row.next_id for row in rows],
        [row.sha256 for row in rows],
    )
    return [row["subject_id"] for row in done]


async def finish_chunk(conn: Connection, *, community_id: UUID, to_pack: str, limit: int) -> list[LeftRow]:
    """Leave some more people with the new pack's template, or without any; who they are, empty at the end."""
    found = await fetch_all(
        conn,
        LeftRow,
        """
        SELECT fc.subject_id, s.person_id, fc.next_pack IS DISTINCT FROM $2 AS lost
        FROM face_credential fc JOIN subject s USING (community_id, subject_id)
        WHERE fc.community_id = $1 AND fc.pack <> $2 ORDER BY fc.subject_id LIMIT $3
        """,
        community_id, to_pack, limit,
    )  # fmt: skip
    await conn.execute(
        """
        UPDATE face_credential SET template_id = next_template_id, pack = next_pack, template_sha256 = next_sha256,
            next_template_id = NULL, next_pack = NULL, next_sha256 = NULL
        WHERE community_id = $1 AND subject_id = ANY ($2) AND next_pack = $3
        """,
        community_id, [row.subject_id for row in found if not row.lost], to_pack,
    )  # fmt: skip
    return found


async def cancel_chunk(conn: Connection, *, community_id: UUID, limit: int) -> int:
    """Take the new pack's templates from some more people; of how many, 0 at the end."""
    return affected(
        await conn.execute(
            """
            UPDATE face_credential SET next_template_id = NULL, next_pack = NULL, next_sha256 = NULL
            WHERE community_id = $1 AND subject_id IN (
                SELECT subject_id FROM face_credential WHERE community_id = $1 AND next_pack IS NOT NULL LIMIT $2
            )
            """,
            community_id, limit,
        )
    )  # fmt: skip


async def list_people(conn: Connection, *, community_id: UUID, after: UUID, limit: int) -> list[PersonRow]:
    """The community's people who have any template, by subject."""
    return await fetch_all(
        conn,
        PersonRow,
        """
        SELECT s.subject_id, s.person_id FROM subject s
        WHERE s.community_id = $1 AND s.subject_id > $2
            AND EXISTS (SELECT FROM template t WHERE t.person_id = s.person_id)
        ORDER BY s.subject_id LIMIT $3
        """,
        community_id, after, limit,
    )  # fmt: skip


async def delete_thresholds(conn: Connection, *, community_id: UUID) -> None:
    """Forget what was fitted for packs that nobody's face is of any more."""
    await conn.execute(
        """
        DELETE FROM community_threshold t WHERE t.community_id = $1
            AND NOT EXISTS (SELECT FROM face_in_use f WHERE f.community_id = $1 AND f.pack = t.pack)
        """,
        community_id,
    )
