"""What is kept of notifications, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """What the person was told, how it was sent, what he wants, and his browsers without their secrets. His scope."""
    return {
        "notification": await fetch_dicts(
            conn,
            """
            SELECT person_id, notification_id, kind, about_community_id, about_id, detail, occasion, created_at,
                read_at, routed_at
            FROM notification WHERE person_id = $1 ORDER BY created_at
            """,
            person_id,
        ),
        "notification_delivery": await fetch_dicts(
            conn,
            """
            SELECT person_id, notification_id, delivery_id, channel, subscription_id, attempts, next_attempt_at,
                settled_at, outcome
            FROM notification_delivery WHERE person_id = $1
            """,
            person_id,
        ),
        "notification_preference": await fetch_dicts(
            conn, "SELECT person_id, kind, channel, wanted FROM notification_preference WHERE person_id = $1", person_id
        ),
        # With the rest of the address and the keys, whoever finds the copy could send in our name's stead.
        "push_subscription": await fetch_dicts(
            conn,
            """
            SELECT person_id, subscription_id, session_id, split_part(endpoint, '/', 3) AS endpoint, created_at
            FROM push_subscription WHERE person_id = $1 ORDER BY created_at
            """,
            person_id,
        ),
    }
