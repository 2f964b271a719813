"""Recording what was done. That nobody changed the record: see checking."""

from uuid import UUID

from backend.audit import repository
from backend.audit.repository import PLATFORM
from backend.kit.auth import StaffMember
from backend.kit.db import Connection

__all__ = ["record", "record_of_staff"]


async def record(
    conn: Connection, *, community_id: UUID | None, actor: str, action: str, target: str, reason: str | None = None
) -> None:
    """Record an action in the caller's transaction: it stands in the trail if and only if the transaction commits.

    May be called anywhere in a transaction, whatever locks it holds or will take: chaining happens at commit.

    Args:
        conn: a transaction in the community's scope, or the platform's.
        community_id: whose trail; ``None`` for the platform's own.
        actor: "staff:<uuid>", "resident:<person>", "gate:<uuid>", "partner:<uuid>" or "system".
        action: noun and verb in lower case, such as "tenancy.end".
        target: what it was done to, such as "tenancy:<uuid>". Never a name or number.
        reason: why, where a person gave one; at most 500 characters. Never a name or number.
    """
    await repository.insert_intent(
        conn,
        community_id=PLATFORM if community_id is None else community_id,
        actor=actor,
        action=action,
        target=target,
        reason=reason,
    )


async def record_of_staff(
    conn: Connection, community_id: UUID, staff: StaffMember, action: str, target: str, *, reason: str | None = None
) -> None:
    """Record what a member of the staff did, as :func:`record` does."""
    await record(
        conn, community_id=community_id, actor=f"staff:{staff.staff_id}", action=action, target=target, reason=reason
    )
