"""SQL of notifications and of what somebody wants to be told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.kit.db import Connection, affected, fetch_all, fetch_one

__all__ = [
    "NewNotification",
    "NotificationKey",
    "NotificationRow",
    "PreferenceRow",
    "count_unread",
    "delete_old",
    "enqueue",
    "insert_notifications",
    "list_notifications",
    "list_preferences",
    "mark_all_read",
    "mark_read",
    "put_preference",
]


class NotificationKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended: the columns that notifications are ordered by."""

    created_at: Annotated[datetime, Meta(tz=True)]
    notification_id: UUID


class NewNotification(msgspec.Struct, frozen=True):
    """What somebody is to be told; see the migration for the columns."""

    person_id: UUID
    notification_id: UUID
    kind: str
    about_community_id: UUID | None
    about_id: UUID | None
    detail: str | None
    occasion: str


class NotificationRow(msgspec.Struct, frozen=True):
    """What somebody was told; ``community`` is the name of the one that it is about."""

    notification_id: UUID
    kind: str
    about_community_id: UUID | None
    community: str | None
    about_id: UUID | None
    detail: str | None
    created_at: datetime
    read_at: datetime | None


class PreferenceRow(msgspec.Struct, frozen=True):
    """What somebody said of a kind and a channel."""

    kind: str
    channel: str
    wanted: bool


class _Read(msgspec.Struct, frozen=True):
    read_at: datetime


async def insert_notifications(conn: Connection, *, new: Sequence[NewNotification], now: datetime) -> None:
    """Keep them, but for those whose occasion was told before. In any scope; nothing is read.

    Raises:
        asyncpg.ForeignKeyViolationError: one of the people is gone.
    """
    await conn.execute(
        """
        INSERT INTO notification (person_id, notification_id, kind, about_community_id, about_id, detail, occasion,
                                  created_at)
        SELECT n.*, $8 FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[])
            AS n
        ON CONFLICT DO NOTHING
        """,
        [n.person_id for n in new],
        [n.notification_id for n in new],
        [n.kind for n in new],
        [n.about_community_id for n in new],
        [n.about_id for n in new],
        [n.detail for n in new],
        [n.occasion for n in new],
        now,
    )


async def enqueue(conn: Connection, *, entrypoint: str, notifications: Sequence[tuple[UUID, UUID]]) -> None:
    """Ask the worker to send these, (person, notification), once this transaction commits, unless it was asked."""
    await conn.execute(
        """
        SELECT jobs.enqueue($1, convert_to(n.payload, 'UTF8'), $1 || '/' || n.payload) FROM unnest($2::text[])
            AS n (payload)
        """,
        entrypoint,
        [f"{person_id}/{notification_id}" for person_id, notification_id in notifications],
    )


async def list_notifications(
    conn: Connection, *, person_id: UUID, unread_only: bool, after: NotificationKey | None, limit: int
) -> list[NotificationRow]:
    """The person's, the newest first, from after that key on. His scope."""
    return await fetch_all(
        conn,
        NotificationRow,
        """
        SELECT n.notification_id, n.kind, n.about_community_id, c.name AS community, n.about_id, n.detail,
            n.created_at, n.read_at
        FROM notification n LEFT JOIN community c ON c.community_id = n.about_community_id
        WHERE n.person_id = $1 AND (n.read_at IS NULL OR NOT $2)
            AND ($3::timestamptz IS NULL OR (n.created_at, n.notification_id) < ($3, $4))
        ORDER BY n.created_at DESC, n.notification_id DESC LIMIT $5
        """,
        person_id,
        unread_only,
        None if after is None else after.created_at,
        None if after is None else after.notification_id,
        limit,
    )


async def count_unread(conn: Connection, *, person_id: UUID, most: int) -> int:
    """How many the person has not read, counted up to ``most``. His scope."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM (SELECT FROM notification WHERE person_id = $1 AND read_at IS NULL LIMIT $2) n",
        person_id,
        most,
    )
    return found


async def mark_read(conn: Connection, *, person_id: UUID, notification_id: UUID, now: datetime) -> bool:
    """Note that he has read it, the first time only; False where there is none such. His scope."""
    found = await fetch_one(
        conn,
        _Read,
        """
        UPDATE notification SET read_at = coalesce(read_at, $3) WHERE person_id = $1 AND notification_id = $2
        RETURNING read_at
        """,
        person_id, notification_id, now,
    )  # fmt: skip
    return found is not None


async def mark_all_read(conn: Connection, *, person_id: UUID, until: datetime, now: datetime) -> int:
    """Note that he has read all that he was told up to then; how many. His scope."""
    return affected(
        await conn.execute(
            "UPDATE notification SET read_at = $3 WHERE person_id = $1 AND read_at IS NULL AND created_at <= $2",
            person_id, until, now,
        )
    )  # fmt: skip


async def list_preferences(conn: Connection, *, person_id: UUID, kind: str | None = None) -> list[PreferenceRow]:
    """What the person has said, of one kind or of all. His scope."""
    return await fetch_all(
        conn,
        PreferenceRow,
        """
        SELECT kind, channel, wanted FROM notification_preference
        WHERE person_id = $1 AND ($2::text IS NULL OR kind = $2) ORDER BY kind, channel
        """,
        person_id, kind,
    )  # fmt: skip


async def put_preference(conn: Connection, *, person_id: UUID, kind: str, channel: str, wanted: bool) -> None:
    """Keep what the person says. His scope."""
    await conn.execute(
        """
        INSERT INTO notification_preference (person_id, kind, channel, wanted) VALUES ($1, $2, $3, $4)
        ON CONFLICT (person_id, kind, channel) DO UPDATE SET wanted = excluded.wanted
        """,
        person_id, kind, channel, wanted,
    )  # fmt: skip


async def delete_old(conn: Connection, *, before: datetime, limit: int) -> int:
    """Delete what was told before then, with its deliveries; how many. The worker's, in the platform's scope."""
    return affected(
        await conn.execute(
            """
            DELETE FROM notification WHERE (person_id, notification_id) IN (
                SELECT person_id, notification_id FROM notification WHERE created_at < $1 ORDER BY created_at LIMIT $2
            )
            """,
            before, limit,
        )
    )  # fmt: skip
