"""What an import of the register ends, with all that follows: each in a transaction of its own."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from backend.households.errors import MemberNotFound, TenancyEnded, TenancyNotFound
from backend.kit.db import Connection, Database, Scope
from backend.privacy import service
from backend.privacy.repository import ErasureRow
from backend.privacy.trail import SYSTEM, record_act

__all__ = ["end_member", "end_tenancy"]


async def end_tenancy(db: Database, *, community_id: UUID, target_id: UUID, now: datetime) -> None:
    """End a tenancy of which the authority's register knows nobody any more; no error where it has ended."""
    with suppress(TenancyEnded, TenancyNotFound):
        async with db.transaction(Scope(community_id=community_id)) as conn:
            begun = await service.end_tenancy(conn, community_id=community_id, tenancy_id=target_id, now=now)
            await _record(conn, community_id, "tenancy.end", f"tenancy:{target_id}", begun)


async def end_member(db: Database, *, community_id: UUID, target_id: UUID, now: datetime) -> None:
    """End the membership of somebody whom the authority's register does not know any more; repeatable."""
    with suppress(MemberNotFound):
        async with db.transaction(Scope(community_id=community_id)) as conn:
            begun = await service.end_member(conn, community_id=community_id, member_id=target_id, now=now)
            await _record(conn, community_id, "member.end", f"member:{target_id}", begun)


async def _record(conn: Connection, community_id: UUID, action: str, target: str, begun: Sequence[ErasureRow]) -> None:
    await record_act(conn, community_id=community_id, actor=SYSTEM, action=action, target=target, begun=begun)
