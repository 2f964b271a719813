"""What the audit trail says of erasures: each beside the act that began it, as that act's doer's."""

from collections.abc import Iterable
from uuid import UUID

from backend.audit import service as audit
from backend.kit.db import Connection
from backend.privacy.repository import ErasureRow

__all__ = ["SYSTEM", "record_act", "record_begun"]

#: Who does what nobody asked for: it was due.
SYSTEM = "system"


async def record_act(
    conn: Connection, *, community_id: UUID | None, actor: str, action: str, target: str, begun: Iterable[ErasureRow]
) -> None:
    """Record an act, as :func:`backend.audit.service.record` does, and the erasures that it began."""
    await audit.record(conn, community_id=community_id, actor=actor, action=action, target=target)
    await record_begun(conn, community_id=community_id, actor=actor, begun=begun)


async def record_begun(conn: Connection, *, community_id: UUID | None, actor: str, begun: Iterable[ErasureRow]) -> None:
    """Record that these erasures began."""
    for row in begun:
        await audit.record(
            conn, community_id=community_id, actor=actor, action="erasure.begin", target=f"erasure:{row.erasure_id}"
        )
