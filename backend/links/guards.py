"""Who the caller is on every route of visitors, settled before anybody reads his body. See `backend.kit.callers`."""

from collections.abc import Awaitable, Callable

from backend.accounts.limits import address_group
from backend.kit.auth import VisitorPrincipal
from backend.kit.callers import Call, Handler, address_of, clock_of, database_of
from backend.kit.crypto import keyed_hash
from backend.kit.db import Scope
from backend.kit.rates.limiter import Quota, RateLimiter
from backend.links import service
from backend.links.errors import LinkUnproven

__all__ = ["OPENINGS", "RENEWALS", "limited_by_address", "visitor_session"]

# Wide, because a whole community may stand behind one address of its mobile operator: a guess finds one link of 2^256
# anyway. What is kept small is what somebody's machine may cost others who wait for the same database.
OPENINGS = Quota("link-openings", 600, 600)
# A phone with the page open renews its access each ten minutes.
RENEWALS = Quota("link-renewals", 3_000, 600)


def limited_by_address(quota: Quota) -> Callable[[Call, Handler], Awaitable[None]]:
    """A guard for routes that take a link's secret from anybody: so many from one address, in all processes together.

    It counts before the body is read, right secrets like wrong ones: whoever guesses learns nothing from the limit.
    """

    async def guard(connection: Call, _handler: Handler) -> None:
        rates: RateLimiter = connection.app.state.rates
        pepper: bytes = connection.app.state.resources.pepper
        whose = keyed_hash(pepper, "link-address", address_group(address_of(connection))).hex()
        await rates.take(whose, quota, now=clock_of(connection)())

    return guard


async def visitor_session(connection: Call, handler: Handler) -> VisitorPrincipal:
    """What routes get as ``visitor``: the caller, if his session still goes on.

    Routes with ``opt={"after_end": ...}`` also answer on the phone that accepted when the link has ended, see
    :data:`backend.links.service.AfterEnd`. Those with ``opt={"unproven": True}``, which tell nothing but what companies
    say, also answer a link of which the phone is not known to be his to whom it leads: such a link may have gone to
    whoever has a resident's former number.
    """
    after_end: service.AfterEnd | None = handler.opt.get("after_end")
    visitor: VisitorPrincipal = connection.user
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        row = await service.current(conn, principal=visitor, now=clock_of(connection)(), after_end=after_end)
    if row.unproven and not handler.opt.get("unproven", False):
        raise LinkUnproven
    return visitor
