"""Who the caller is on every route of visitors, settled before anybody reads his body. See `backend.kit.callers`."""

from backend.kit.auth import VisitorPrincipal
from backend.kit.callers import Call, Handler, clock_of, database_of
from backend.kit.db import Scope
from backend.links import service
from backend.links.errors import LinkUnproven

__all__ = ["visitor_session"]


async def visitor_session(connection: Call, handler: Handler) -> VisitorPrincipal:
    """What routes get as ``visitor``: the caller, if his session still goes on.

    Routes with ``opt={"after_withdrawal": True}`` also answer a guest who has withdrawn, and a courier whom
    the company let go. Those with ``opt={"unproven":
    True}``, which tell nothing but what companies say, also answer a link of which the phone is not known to be his to
    whom it leads: such a link may have gone to whoever has a resident's former number.
    """
    after = bool(handler.opt.get("after_withdrawal", False))
    visitor: VisitorPrincipal = connection.user
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        row = await service.current(conn, principal=visitor, now=clock_of(connection)(), after_withdrawal=after)
    if row.unproven and not handler.opt.get("unproven", False):
        raise LinkUnproven
    return visitor
