"""What the audit trail says, for a person's copy of his own data."""

from collections.abc import Sequence
from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID, targets: Sequence[str]) -> dict[str, list[dict[str, object]]]:
    """What the person did and what was done to what is his, in every chain. In the platform scope.

    Args:
        conn: a transaction.
        person_id: whose.
        targets: what is his, as the trail names it: "member:<uuid>", "review:<uuid>/1".

    Others who acted are shown by their calling alone: who they are is theirs.
    """
    return {
        "audit_entry": await fetch_dicts(
            conn,
            """
            SELECT community_id, seq, at, action, target, reason,
                CASE WHEN actor = ANY ($1) THEN actor ELSE split_part(actor, ':', 1) END AS actor
            FROM audit_entry WHERE actor = ANY ($1) OR target = ANY ($2)
            ORDER BY at, community_id, seq
            """,
            [f"{calling}:{person_id}" for calling in ("resident", "guest", "courier", "guardian", "young")],
            [f"person:{person_id}", *targets],
        )
    }
