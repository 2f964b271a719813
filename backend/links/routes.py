"""Visitors: open a link, renew its session."""

from typing import Literal

import msgspec
from litestar import Router, post

from backend.kit.auth import ACCESS_TTL, Tokens, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.kit.rates.limiter import RateExceeded
from backend.links import service
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkOpenedTooOften, LinkUnknown
from backend.links.guards import OPENINGS, RENEWALS, limited_by_address
from backend.links.schemas import OpenLink, RefreshSession, VisitorSession

__all__ = ["visitor_router"]


@post(
    "/session",
    opt={"public": True},
    security=[{}],
    guards=[limited_by_address(OPENINGS)],
    responses=problems(LinkUnknown, LinkHeld, LinkOpenedTooOften, LinkClosed, LinkExpired, RateExceeded),
    summary="Open a link",
)
async def open_session(data: OpenLink, db: Database, tokens: Tokens, pepper: bytes, clock: Clock) -> VisitorSession:
    """Begin a session by the token out of a link; after somebody accepted, only his own session goes on."""
    now = clock()
    async with db.transaction(Scope(platform=True)) as conn:
        principal, refresh_token = await service.open_link(
            conn, token=data.token, known=data.known, pepper=pepper, now=now
        )
    return _session(principal, tokens.issue(principal, now=now), refresh_token)


@post(
    "/token",
    opt={"public": True},
    security=[{}],
    guards=[limited_by_address(RENEWALS)],
    responses=problems(Unauthorised, LinkHeld, LinkClosed, LinkExpired, RateExceeded),
    summary="Renew a session's access",
)
async def refresh_session(
    data: RefreshSession, db: Database, tokens: Tokens, pepper: bytes, clock: Clock
) -> VisitorSession:
    """A new access token; the refresh token stays the same until the link ends."""
    now = clock()
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        principal = await service.refresh(conn, refresh_token=data.refresh_token, pepper=pepper, now=now)
    return _session(principal, tokens.issue(principal, now=now), data.refresh_token)


def _session(principal: VisitorPrincipal, access_token: str, refresh_token: str) -> VisitorSession:
    return VisitorSession(
        kind=msgspec.convert(principal.kind, Literal["guest", "courier", "young"]),
        access_token=access_token,
        expires_in=int(ACCESS_TTL.total_seconds()),
        refresh_token=refresh_token,
    )


visitor_router = Router(path="/", route_handlers=[open_session, refresh_session], tags=["login"])
