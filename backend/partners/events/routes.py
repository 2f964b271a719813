"""Companies: what happened."""

from litestar import Router, get

from backend.kit.auth import PartnerPrincipal
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, encode_cursor
from backend.kit.problems import Unauthorised, problems
from backend.partners.errors import InsufficientScope
from backend.partners.events import repository
from backend.partners.events.schemas import Event, EventKey, EventList

__all__ = ["partner_router"]


@get(
    "/",
    opt={"needs": "events:read"},
    responses=problems(CursorInvalid, Unauthorised, InsufficientScope),
    summary="Read what happened",
)
async def list_events(partner: PartnerPrincipal, db: Database, limit: Limit = 200, cursor: Cursor = None) -> EventList:
    """What your couriers did and what became of them, oldest first; nothing is skipped, and nothing comes twice.

    Keep `next_cursor` and ask again with it, now where there is `more`, later where there is not. An entry is told
    where it falls into a shift or delivery of yours, and only then. Events are kept for 14 days.
    """
    key = decode_cursor(cursor, EventKey) or EventKey(0)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_events(conn, partner_id=partner.partner_id, after=key.seq, limit=limit + 1)
    page = rows[:limit]
    reached = encode_cursor(EventKey(page[-1].seq)) if page else cursor
    return EventList(tuple(Event.of(row) for row in page), reached, more=len(rows) > limit)


partner_router = Router(path="/events", route_handlers=[list_events], tags=["events"])
