"""SQL of browsers that asked for Web Push."""

from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from backend.kit.db import Connection, affected, fetch_all, fetch_one, require_one

__all__ = [
    "SubscriptionRow",
    "count_subscriptions",
    "delete_subscription",
    "drop_subscription",
    "hold_person",
    "list_subscriptions",
    "put_subscription",
]


class SubscriptionRow(msgspec.Struct, frozen=True):
    """A browser that asked; ``device`` is that of the log-in that it belongs to."""

    subscription_id: UUID
    session_id: UUID
    device: str | None
    created_at: datetime


class _Id(msgspec.Struct, frozen=True):
    id: UUID


class _Found(msgspec.Struct, frozen=True):
    subscription_id: UUID


async def hold_person(conn: Connection, *, person_id: UUID) -> None:
    """Let nobody else add a browser of this person until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('push/' || $1::text, 0))", str(person_id))


async def list_subscriptions(conn: Connection, *, person_id: UUID) -> list[SubscriptionRow]:
    """The person's browsers whose log-ins stand, the newest first. The platform's scope."""
    return await fetch_all(
        conn,
        SubscriptionRow,
        """
        SELECT p.subscription_id, p.session_id, s.device, p.created_at
        FROM push_subscription p JOIN session s USING (session_id)
        WHERE p.person_id = $1 AND s.ended_at IS NULL ORDER BY p.created_at DESC
        """,
        person_id,
    )


async def count_subscriptions(conn: Connection, *, person_id: UUID, besides: str) -> int:
    """How many other browsers the person has. His scope."""
    found: int = await conn.fetchval(
        "SELECT count(*) FROM push_subscription WHERE person_id = $1 AND endpoint <> $2", person_id, besides
    )
    return found


async def put_subscription(
    conn: Connection, *, person_id: UUID, session_id: UUID, endpoint: str, p256dh: bytes, auth: bytes, now: datetime
) -> UUID | None:
    """Keep it, in place of what this browser asked for before, for whomever; None where the log-in is over.

    What was on its way to the former owner's is not sent to the new one. The platform's scope.
    """
    # Held: a log-out of this moment comes before, and is seen, or afterwards, and ends this too.
    if await fetch_one(
        conn, _Id, "SELECT session_id AS id FROM session WHERE session_id = $1 AND ended_at IS NULL FOR SHARE",
        session_id,
    ) is None:  # fmt: skip
        return None
    await conn.execute(
        "DELETE FROM push_subscription WHERE endpoint = $1 AND (person_id, session_id) <> ($2, $3)",
        endpoint, person_id, session_id,
    )  # fmt: skip
    row = await require_one(
        conn,
        _Found,
        """
        INSERT INTO push_subscription (person_id, subscription_id, session_id, endpoint, p256dh, auth, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (endpoint) DO UPDATE SET p256dh = excluded.p256dh, auth = excluded.auth
        RETURNING subscription_id
        """,
        person_id, uuid4(), session_id, endpoint, p256dh, auth, now,
    )  # fmt: skip
    return row.subscription_id


async def delete_subscription(conn: Connection, *, person_id: UUID, subscription_id: UUID) -> bool:
    """Delete one of the person's; whether there was one. His scope."""
    return affected(
        await conn.execute(
            "DELETE FROM push_subscription WHERE person_id = $1 AND subscription_id = $2", person_id, subscription_id
        )
    ) > 0  # fmt: skip


async def drop_subscription(conn: Connection, *, person_id: UUID, subscription_id: UUID, endpoint: str) -> None:
    """Delete one whose push service no longer knows it, unless it was renewed meanwhile. His scope."""
    await conn.execute(
        "DELETE FROM push_subscription WHERE person_id = $1 AND subscription_id = $2 AND endpoint = $3",
        person_id, subscription_id, endpoint,
    )  # fmt: skip
