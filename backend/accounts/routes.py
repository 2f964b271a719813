"""Residents and staff: log-in, sessions, oneself. Staff: staff."""

from typing import Any
from uuid import UUID

import structlog
from litestar import Request, Response, Router, delete, get, patch, post
from litestar.background_tasks import BackgroundTask

from backend.accounts import phones, repository, service
from backend.accounts import staff as rules
from backend.accounts.errors import (
    CodeRefused,
    LastAdministrator,
    PhoneInvalid,
    RoleReachesFurther,
    SessionEnded,
    StaffExists,
    StaffNotFound,
    TokenRenewedElsewhere,
    TooManyCodes,
)
from backend.accounts.repository import Surface
from backend.accounts.schemas import (
    Challenge,
    Login,
    LoginCode,
    Me,
    MeChange,
    NewStaff,
    Refresh,
    Staff,
    StaffChange,
    StaffList,
    TokenPair,
)
from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.kit.auth import Permission, ResidentPrincipal, StaffMember, StaffPrincipal, Tokens
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.people import repository as people

__all__ = ["resident_router", "staff_member", "staff_router"]

_log = structlog.get_logger(__name__)
_PLATFORM = Scope(platform=True)


async def staff_member(request: Request[StaffPrincipal, Any, Any], db: Database) -> StaffMember:
    """What routes get as ``staff``: the caller as the database knows him now, within the path's community."""
    community_id: UUID | None = request.path_params.get("community_id")
    async with db.transaction(_PLATFORM, read_only=True) as conn:
        return await rules.member(conn, principal=request.user, community_id=community_id)


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
        data: Login, db: Database, pepper: bytes, clock: Clock, sender: Sender, client_address: str
    ) -> Response[Challenge]:
        """Send a code to a phone, good for five minutes. The answer is the same for every number."""
        phone = phones.parse(data.phone)
        async with db.transaction(_PLATFORM) as conn:
            asked = await service.begin_login(
                conn, pepper=pepper, surface=surface, phone=phone, address=client_address, now=clock()
            )
        body = Challenge(asked.challenge_id, int(service.CODE_TTL.total_seconds()))
        if surface == "resident":
            await _send_code(sender, phone, asked.code, data.language)
            return Response(body)
        # Only staff get a code; sent after the answer, so that its time does not tell who is staff.
        task = BackgroundTask(_send_code_later, sender, phone, asked.code, data.language) if asked.deliver else None
        return Response(body, background=task)

    @post(
        "/login/verify",
        status_code=200,
        opt={"public": True},
        security=[{}],
        responses=problems(CodeRefused),
        summary="Log in with the code",
    )
    async def verify_login(data: LoginCode, db: Database, tokens: Tokens, pepper: bytes, clock: Clock) -> TokenPair:
        """Exchange the code for tokens; five attempts a code."""
        now = clock()
        async with db.transaction(_PLATFORM) as conn:
            result = await service.finish_login(
                conn, pepper=pepper, surface=surface, challenge_id=data.challenge_id, code=data.code, now=now
            )
        if isinstance(result, service.Refused):
            raise result.problem
        return TokenPair(tokens.issue(result.principal, now=now), result.refresh_token)

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


async def _send_code(sender: Sender, phone: str, code: str, language: str) -> None:
    minutes = str(int(service.CODE_TTL.total_seconds()) // 60)
    await sender.send(to=phone, template="login_code", values={"code": code, "minutes": minutes}, language=language)


async def _send_code_later(sender: Sender, phone: str, code: str, language: str) -> None:
    try:
        await _send_code(sender, phone, code, language)
    except MessagesUnavailable:
        _log.warning("login_code_not_sent")


@get("/me", responses=problems(Unauthorised), summary="Read who I am")
async def read_me(resident: ResidentPrincipal, db: Database) -> Me:
    """The person who is logged in."""
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        person = await people.get_person(conn, person_id=resident.person_id)
        phone = await repository.phone_of_person(conn, person_id=resident.person_id)
    return _me(person, phone)


@patch("/me", responses=problems(Unauthorised), summary="Change my name or language")
async def change_me(data: MeChange, resident: ResidentPrincipal, db: Database) -> Me:
    """Change one's own name or the language of messages."""
    async with db.transaction(Scope(person_id=resident.person_id)) as conn:
        person = await people.update_person(conn, person_id=resident.person_id, name=data.name, language=data.language)
        phone = await repository.phone_of_person(conn, person_id=resident.person_id)
        await audit.record(
            conn, community_id=None, actor=f"resident:{resident.person_id}", action="person.change",
            target=f"person:{resident.person_id}",
        )  # fmt: skip
    return _me(person, phone)


def _me(person: people.PersonRow | None, phone: str | None) -> Me:
    if person is None or phone is None:
        # Erased while an access token was still good.
        raise Unauthorised
    return Me(
        person_id=person.person_id,
        name=person.name,
        language="en" if person.language == "en" else "zh-CN",
        phone=phone,
    )


_STAFF_PROBLEMS = (Unauthorised, Forbidden)


@get("/", responses=problems(*_STAFF_PROBLEMS), summary="List staff")
async def list_staff(staff: StaffMember, db: Database) -> StaffList:
    """The caller's authority's staff, by name. For its administrators."""
    staff.require(Permission.STAFF)
    async with db.transaction(_PLATFORM, read_only=True) as conn:
        rows = await repository.list_staff(conn, authority_id=staff.authority_id)
    return StaffList(tuple(Staff.of(row) for row in rows))


@post(
    "/",
    responses=problems(*_STAFF_PROBLEMS, PhoneInvalid, StaffExists, CommunityNotFound, RoleReachesFurther),
    summary="Add a member of staff",
)
async def add_staff(data: NewStaff, staff: StaffMember, db: Database, pepper: bytes) -> Staff:
    """Add somebody to the caller's authority's staff; he logs in with his number. For its administrators."""
    staff.require(Permission.STAFF)
    phone = phones.parse(data.phone)
    async with db.transaction(_PLATFORM) as conn:
        return Staff.of(await rules.add(conn, pepper=pepper, by=staff, phone=phone, new=data))


@patch(
    "/{staff_id:uuid}",
    responses=problems(*_STAFF_PROBLEMS, StaffNotFound, LastAdministrator, CommunityNotFound, RoleReachesFurther),
    summary="Change a member of staff",
)
async def change_staff(staff_id: UUID, data: StaffChange, staff: StaffMember, db: Database) -> Staff:
    """Change a member's name or roles, with effect at his next request. For administrators."""
    staff.require(Permission.STAFF)
    async with db.transaction(_PLATFORM) as conn:
        return Staff.of(await rules.change(conn, by=staff, staff_id=staff_id, change=data))


@delete(
    "/{staff_id:uuid}",
    responses=problems(*_STAFF_PROBLEMS, StaffNotFound, LastAdministrator),
    summary="Remove a member of staff",
)
async def remove_staff(staff_id: UUID, staff: StaffMember, db: Database, clock: Clock) -> None:
    """Remove a member, with effect at once. For administrators."""
    staff.require(Permission.STAFF)
    async with db.transaction(_PLATFORM) as conn:
        await rules.remove(conn, by=staff, staff_id=staff_id, now=clock())


resident_router = Router(
    path="/",
    route_handlers=[_login_router("resident"), Router(path="/", route_handlers=[read_me, change_me], tags=["me"])],
)
staff_router = Router(
    path="/",
    route_handlers=[
        _login_router("staff"),
        Router(path="/staff", route_handlers=[list_staff, add_staff, change_staff, remove_staff], tags=["staff"]),
    ],
)
