"""Residents and staff: log-in, sessions, oneself."""

from typing import Any

import structlog
from litestar import Request, Response, Router, get, patch, post
from litestar.background_tasks import BackgroundTask

from backend.accounts import phones, repository, service
from backend.accounts.codes.service import CODE_TTL
from backend.accounts.errors import (
    AccountDormant,
    CodeRefused,
    PhoneInvalid,
    SessionEnded,
    TokenRenewedElsewhere,
    TooManyCodes,
)
from backend.accounts.messages import language_of, send_code, send_later
from backend.accounts.number import repository as numbers
from backend.accounts.number.routes import number_router
from backend.accounts.repository import Surface
from backend.accounts.schemas import (
    Challenge,
    Login,
    LoginCode,
    Me,
    MeChange,
    NumberMove,
    Refresh,
    TokenPair,
)
from backend.accounts.second_factor.routes import staff_router as second_factor_staff
from backend.accounts.sessions.devices import device_label, unknown_device
from backend.accounts.sessions.routes import sessions_router
from backend.accounts.staff.routes import staff_router as staff_staff
from backend.audit import service as audit
from backend.kit.auth import ResidentPrincipal, StaffPrincipal, Tokens
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.etag import IfMatch, PreconditionFailed, require_match
from backend.kit.messages import MessagesUnavailable, Sender, Tell
from backend.kit.problems import Unauthorised, problems
from backend.people import repository as people

__all__ = ["resident_router", "staff_router"]

_log = structlog.get_logger(__name__)
_PLATFORM = Scope(platform=True)
AnyRequest = Request[Any, Any, Any]


def _login_router(surface: Surface) -> Router:
    """Log-in and sessions: the same four routes for residents and for staff."""

    @post(
        "/login",
        status_code=202,
        opt={"public": True},
        security=[{}],
        responses=problems(PhoneInvalid, TooManyCodes, MessagesUnavailable),
        summary="Ask for a one-time code",
    )
    async def begin_login(
        data: Login,
        request: AnyRequest,
        db: Database,
        pepper: bytes,
        clock: Clock,
        sender: Sender,
        client_address: str,
        codes_an_hour: int,
    ) -> Response[Challenge]:
        """Send a code to a phone, good for five minutes. The answer is the same for every number."""
        phone = phones.parse(data.phone)
        async with db.transaction(_PLATFORM) as conn:
            begun = await service.begin_login(
                conn,
                pepper=pepper,
                surface=surface,
                phone=phone,
                address=client_address,
                codes_an_hour=codes_an_hour,
                now=clock(),
            )
        body = Challenge(begun.asked.challenge_id, int(CODE_TTL.total_seconds()))
        language = data.language or language_of(request, stored=begun.language)
        if surface == "resident":
            await send_code(sender, phone, begun.asked.code, language)
            return Response(body)
        # Only staff get a code; sent after the answer, so that its time does not tell who is staff.
        task = BackgroundTask(_send_code_later, sender, phone, begun.asked.code, language) if begun.deliver else None
        return Response(body, background=task)

    @post(
        "/login/verify",
        status_code=200,
        opt={"public": True},
        security=[{}],
        responses=problems(CodeRefused, AccountDormant),
        summary="Log in with the code",
    )
    async def verify_login(
        data: LoginCode,
        request: AnyRequest,
        db: Database,
        tokens: Tokens,
        pepper: bytes,
        clock: Clock,
        sender: Sender,
        tell: Tell,
    ) -> Response[TokenPair]:
        """Exchange the code for tokens; five attempts a code. Who is logged in elsewhere is told by a message.

        An account that nobody used for 180 days does not open: its number may be somebody else's by now.
        """
        now = clock()
        async with db.transaction(_PLATFORM) as conn:
            device = device_label(request.headers.get("user-agent"))
            result = await service.finish_login(
                conn,
                pepper=pepper,
                surface=surface,
                challenge_id=data.challenge_id,
                code=data.code,
                device=device,
                language=language_of(request, stored=None),
                now=now,
            )
            if isinstance(result, service.Session) and isinstance(result.principal, ResidentPrincipal) and result.tell:
                await tell(
                    conn,
                    person_id=result.principal.person_id,
                    kind="new_device",
                    about_id=result.principal.session_id,
                    detail=device,
                    now=now,
                )
        if isinstance(result, service.Refused):
            raise result.problem
        task = None
        if result.tell is not None and surface == "staff":
            # In the language that the owner chose: whoever logs in may be somebody else.
            told = {"device": device or unknown_device(result.tell.language)}
            task = BackgroundTask(send_later, sender, result.tell.phone, "new_device", told, result.tell.language)
        return Response(TokenPair(tokens.issue(result.principal, now=now), result.refresh_token), background=task)

    @post(
        "/token",
        status_code=200,
        opt={"public": True},
        security=[{}],
        responses=problems(SessionEnded, TokenRenewedElsewhere),
        summary="Renew the tokens",
    )
    async def renew_tokens(data: Refresh, db: Database, tokens: Tokens, pepper: bytes, clock: Clock) -> TokenPair:
        """Exchange the refresh token, once. One that comes a second time ends the session."""
        now = clock()
        async with db.transaction(_PLATFORM) as conn:
            result = await service.refresh(conn, pepper=pepper, surface=surface, token=data.refresh_token, now=now)
        if isinstance(result, service.Refused):
            raise result.problem
        return TokenPair(tokens.issue(result.principal, now=now), result.refresh_token)

    @post("/logout", status_code=204, responses=problems(Unauthorised), summary="Log out")
    async def logout(
        request: Request[ResidentPrincipal | StaffPrincipal, Any, Any], db: Database, clock: Clock
    ) -> None:
        """End this session. Access tokens already issued run out within ten minutes; staff's are refused at once."""
        async with db.transaction(_PLATFORM) as conn:
            await service.end_session(conn, session_id=request.user.session_id, now=clock())

    return Router(path="/", route_handlers=[begin_login, verify_login, renew_tokens, logout], tags=["log-in"])


async def _send_code_later(sender: Sender, phone: str, code: str, language: str) -> None:
    try:
        await send_code(sender, phone, code, language)
    except MessagesUnavailable:
        _log.warning("login_code_not_sent")


@get("/me", responses=problems(Unauthorised), summary="Read who I am")
async def read_me(resident: ResidentPrincipal, db: Database) -> Me:
    """The person who is logged in, and whether his account is to move to another number."""
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        person = await people.get_person(conn, person_id=resident.person_id)
        return await _me(conn, person)


@patch("/me", responses=problems(Unauthorised, PreconditionFailed), summary="Change my name or language")
async def change_me(data: MeChange, resident: ResidentPrincipal, db: Database, if_match: IfMatch = None) -> Me:
    """Change one's own name or the language of messages."""
    async with db.transaction(Scope(person_id=resident.person_id)) as conn:
        # Two devices that begin with the same state must not both find it unchanged.
        await repository.lock(conn, resident.person_id.bytes)
        before = await people.get_person(conn, person_id=resident.person_id)
        require_match(if_match, await _me(conn, before))
        person = await people.update_person(conn, person_id=resident.person_id, name=data.name, language=data.language)
        await audit.record(
            conn, community_id=None, actor=f"resident:{resident.person_id}", action="person.change",
            target=f"person:{resident.person_id}",
        )  # fmt: skip
        return await _me(conn, person)


async def _me(conn: Connection, person: people.PersonRow | None) -> Me:
    phone = None if person is None else await repository.phone_of_person(conn, person_id=person.person_id)
    if person is None or phone is None:
        # Erased while an access token was still good.
        raise Unauthorised
    move = await numbers.planned_of_person(conn, person_id=person.person_id)
    return Me(
        person_id=person.person_id,
        name=person.name,
        language="en" if person.language == "en" else "zh-CN",
        phone=phone,
        number_move=None if move is None else NumberMove(move.next_phone_at, move.next_phone[-2:]),
    )


resident_router = Router(
    path="/",
    route_handlers=[
        _login_router("resident"),
        Router(path="/", route_handlers=[read_me, change_me], tags=["me"]),
        number_router,
        sessions_router("resident"),
    ],
)
staff_router = Router(
    path="/", route_handlers=[_login_router("staff"), sessions_router("staff"), staff_staff, second_factor_staff]
)
