"""Rules of look-alikes: who is marked as one when a face becomes active, and who no longer is."""

from uuid import UUID

from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.lookalikes import repository
from backend.kit.db import Database, Scope

__all__ = ["settle_lookalikes"]

_NIL = UUID(int=0)
_PAGE = 200


async def settle_lookalikes(db: Database) -> int:
    """Take the mark off those whose look-alikes have left; how many. A job for every hour; platform scope."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        communities = await gallery.list_communities(conn)
    settled = 0
    for community_id in communities:
        after, found = _NIL, True
        while found:
            async with db.transaction(Scope(community_id=community_id)) as conn:
                rows = await repository.list_lookalikes(conn, community_id=community_id, after=after, limit=_PAGE)
                over = [row.subject_id for row in rows if not row.still]
                if over:
                    await repository.unmark(conn, community_id=community_id, subject_ids=over)
            settled += len(over)
            found = len(rows) == _PAGE
            after = rows[-1].subject_id if rows else after
    return settled
