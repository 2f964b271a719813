"""SQL of sending. All of it is the worker's, in the scope of the person and the platform."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "BrowserRow",
    "DeliveryRow",
    "ToSendRow",
    "UnfinishedRow",
    "claim_due",
    "get_to_send",
    "insert_deliveries",
    "list_browsers",
    "list_unfinished",
    "postpone",
    "set_routed",
    "settle",
]


class ToSendRow(msgspec.Struct, frozen=True):
    """A notification, with what sending needs to know of its person. ``phone`` is E.164, if he has an account."""

    kind: str
    detail: str | None
    routed_at: datetime | None
    language: str
    phone: str | None


class BrowserRow(msgspec.Struct, frozen=True):
    """A browser whose log-in stands."""

    subscription_id: UUID
    endpoint: str
    p256dh: bytes
    auth: bytes


class DeliveryRow(msgspec.Struct, frozen=True):
    """One way by which a notification goes out; ``attempts`` with the one that was just claimed."""

    delivery_id: UUID
    channel: str
    subscription_id: UUID | None
    attempts: int


class UnfinishedRow(msgspec.Struct, frozen=True):
    """A notification that something is left to do about."""

    person_id: UUID
    notification_id: UUID


async def get_to_send(conn: Connection, *, person_id: UUID, notification_id: UUID) -> ToSendRow | None:
    """The notification, if there is such a one; held, so that it is routed once."""
    return await fetch_one(
        conn,
        ToSendRow,
        """
        SELECT n.kind, n.detail, n.routed_at, p.language, a.phone
        FROM notification n JOIN person p USING (person_id) LEFT JOIN account a USING (person_id)
        WHERE n.person_id = $1 AND n.notification_id = $2 FOR UPDATE OF n
        """,
        person_id, notification_id,
    )  # fmt: skip


async def list_browsers(conn: Connection, *, person_id: UUID) -> list[BrowserRow]:
    """The person's browsers whose log-ins stand."""
    return await fetch_all(
        conn,
        BrowserRow,
        """
        SELECT p.subscription_id, p.endpoint, p.p256dh, p.auth
        FROM push_subscription p JOIN session s USING (session_id)
        WHERE p.person_id = $1 AND s.ended_at IS NULL ORDER BY p.subscription_id
        """,
        person_id,
    )


async def insert_deliveries(
    conn: Connection, *, person_id: UUID, notification_id: UUID, sms: bool, browsers: Sequence[UUID], now: datetime
) -> None:
    """Decide by which ways it goes out."""
    await conn.execute(
        """
        INSERT INTO notification_delivery (person_id, notification_id, channel, subscription_id, next_attempt_at)
        SELECT $1::uuid, $2::uuid, 'sms', NULL::uuid, $5::timestamptz WHERE $3::boolean
        UNION ALL SELECT $1, $2, 'push', b, $5 FROM unnest($4::uuid[]) AS b
        ON CONFLICT DO NOTHING
        """,
        person_id, notification_id, sms, browsers, now,
    )  # fmt: skip


async def set_routed(conn: Connection, *, person_id: UUID, notification_id: UUID, now: datetime) -> None:
    """Note that it was decided."""
    await conn.execute(
        "UPDATE notification SET routed_at = $3 WHERE person_id = $1 AND notification_id = $2",
        person_id, notification_id, now,
    )  # fmt: skip


async def claim_due(
    conn: Connection, *, person_id: UUID, notification_id: UUID, retries: Sequence[timedelta], now: datetime
) -> list[DeliveryRow]:
    """Take the deliveries that are due, and set when they are due again should nothing be heard of this attempt.

    Those that have had all their attempts are given up.
    """
    await conn.execute(
        """
        UPDATE notification_delivery SET settled_at = $3, outcome = 'given_up'
        WHERE person_id = $1 AND notification_id = $2 AND settled_at IS NULL AND next_attempt_at <= $3
            AND attempts >= $4
        """,
        person_id, notification_id, now, len(retries),
    )  # fmt: skip
    return await fetch_all(
        conn,
        DeliveryRow,
        """
        UPDATE notification_delivery
        SET attempts = attempts + 1, next_attempt_at = $3 + ($4::interval[])[attempts + 1]
        WHERE person_id = $1 AND notification_id = $2 AND settled_at IS NULL AND next_attempt_at <= $3
        RETURNING delivery_id, channel, subscription_id, attempts
        """,
        person_id, notification_id, now, list(retries),
    )  # fmt: skip


async def postpone(conn: Connection, *, person_id: UUID, delivery_id: UUID, until: datetime) -> None:
    """Not before then."""
    await conn.execute(
        """
        UPDATE notification_delivery SET next_attempt_at = greatest(next_attempt_at, $3)
        WHERE person_id = $1 AND delivery_id = $2 AND settled_at IS NULL
        """,
        person_id, delivery_id, until,
    )  # fmt: skip


async def settle(conn: Connection, *, person_id: UUID, delivery_id: UUID, outcome: str, now: datetime) -> None:
    """It is over."""
    await conn.execute(
        """
        UPDATE notification_delivery SET settled_at = $4, outcome = $3
        WHERE person_id = $1 AND delivery_id = $2 AND settled_at IS NULL
        """,
        person_id, delivery_id, outcome, now,
    )  # fmt: skip


async def list_unfinished(conn: Connection, *, told_before: datetime, at: datetime, limit: int) -> list[UnfinishedRow]:
    """What was told before a moment ago and not routed, and what is due again. The platform's scope."""
    return await fetch_all(
        conn,
        UnfinishedRow,
        """
        (SELECT person_id, notification_id FROM notification
         WHERE routed_at IS NULL AND created_at < $1 ORDER BY created_at LIMIT $3)
        UNION
        (SELECT person_id, notification_id FROM notification_delivery
         WHERE settled_at IS NULL AND next_attempt_at <= $2 ORDER BY next_attempt_at LIMIT $3)
        """,
        told_before, at, limit,
    )  # fmt: skip
