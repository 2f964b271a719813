"""The trail as lines of JSON, for whoever keeps it elsewhere."""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from backend.audit import repository
from backend.audit.schemas import TrailLine
from backend.kit.db import Database, Scope

__all__ = ["lines"]

_PAGE = 1000


async def lines(db: Database, scope: Scope, *, chain: UUID, after: int, until: int) -> AsyncIterator[bytes]:
    """The chain's entries after number ``after`` up to ``until``, the oldest first: pages of lines, UTF-8.

    A transaction for each page: entries do not change, and a slow reader must hold no snapshot of the database.
    """
    while after < until:
        async with db.transaction(scope, read_only=True) as conn:
            rows = await repository.list_after(conn, community_id=chain, seq=after, limit=min(_PAGE, until - after))
        if not rows:
            return
        after = rows[-1].seq
        yield msgspec.json.Encoder().encode_lines([TrailLine.of(chain, row) for row in rows])
