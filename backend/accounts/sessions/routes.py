"""Residents and staff: where one is logged in, and ending it there."""

from typing import Any
from uuid import UUID

from litestar import Request, Router, delete, get

from backend.accounts import repository as accounts
from backend.accounts.errors import SessionNotFound
from backend.accounts.repository import Surface
from backend.accounts.sessions import repository
from backend.accounts.sessions.schemas import Session, SessionKey, SessionPage
from backend.audit import service as audit
from backend.kit.auth import ResidentPrincipal, StaffPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Unauthorised, problems

__all__ = ["sessions_router"]

_PLATFORM = Scope(platform=True)
OwnRequest = Request[ResidentPrincipal | StaffPrincipal, Any, Any]


def sessions_router(surface: Surface) -> Router:
    """The same three routes for residents and for staff."""

    @get("/", responses=problems(CursorInvalid, Unauthorised), summary="List where I am logged in")
    async def list_sessions(
        request: OwnRequest, db: Database, clock: Clock, limit: Limit = 50, cursor: Cursor = None
    ) -> SessionPage:
        """The sessions that are open, the newest first, with what is known of the device."""
        key = decode_cursor(cursor, SessionKey)
        async with db.transaction(_PLATFORM, read_only=True) as conn:
            rows = await repository.list_open_sessions(
                conn,
                account_id=await _account(conn, request.user.session_id),
                surface=surface,
                now=clock(),
                after=None if key is None else (key.created_at, key.session_id),
                limit=limit + 1,
            )
        page, next_cursor = split_page(rows, limit, lambda row: SessionKey(row.created_at, row.session_id))
        return SessionPage(tuple(Session.of(row, current=request.user.session_id) for row in page), next_cursor)

    @delete("/{session_id:uuid}", responses=problems(Unauthorised, SessionNotFound), summary="Log out one device")
    async def end_session(session_id: UUID, request: OwnRequest, db: Database, clock: Clock) -> None:
        """End one of one's own sessions. Its access token, if any is left, runs out within ten minutes."""
        async with db.transaction(_PLATFORM) as conn:
            account_id = await _account(conn, request.user.session_id)
            if not await repository.end_own_session(
                conn, session_id=session_id, account_id=account_id, surface=surface, now=clock()
            ):
                raise SessionNotFound
            await _record(conn, request.user, f"session:{session_id}")

    @delete("/", responses=problems(Unauthorised), summary="Log out all other devices")
    async def end_other_sessions(request: OwnRequest, db: Database, clock: Clock) -> None:
        """End all of one's own sessions but the one that asks."""
        async with db.transaction(_PLATFORM) as conn:
            account_id = await _account(conn, request.user.session_id)
            ended = await repository.end_other_sessions(
                conn, account_id=account_id, surface=surface, keep=request.user.session_id, ended_by="revoked",
                now=clock(),
            )  # fmt: skip
            if ended:
                await _record(conn, request.user, f"account:{account_id}")

    return Router(
        path="/me/sessions", route_handlers=[list_sessions, end_session, end_other_sessions], tags=["sessions"]
    )


async def _account(conn: Connection, session_id: UUID) -> UUID:
    account_id = await accounts.account_of_open_session(conn, session_id=session_id)
    if account_id is None:
        # Ended while an access token was still good: whoever holds that one must not end the owner's sessions.
        raise Unauthorised
    return account_id


async def _record(conn: Connection, principal: ResidentPrincipal | StaffPrincipal, target: str) -> None:
    actor = (
        f"staff:{principal.staff_id}" if isinstance(principal, StaffPrincipal) else f"resident:{principal.person_id}"
    )
    await audit.record(conn, community_id=None, actor=actor, action="session.revoke", target=target)
