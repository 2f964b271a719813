"""Staff: one's own second factor, and taking off another's that is lost."""

from typing import Any
from uuid import UUID

import structlog
from litestar import Request, Response, Router, get, post
from litestar.background_tasks import BackgroundTask

from backend.accounts import repository as accounts
from backend.accounts.errors import StaffNotFound
from backend.accounts.second_factor import rules, service
from backend.accounts.second_factor.errors import (
    NothingToConfirm,
    OwnSecondFactor,
    SecondFactorMissing,
    SecondFactorRefused,
    TooManyAttempts,
)
from backend.accounts.second_factor.schemas import (
    Code,
    Elevated,
    Enrolled,
    Offer,
    RecoveryCodes,
    Reset,
    SecondFactor,
)
from backend.accounts.service import Refused
from backend.accounts.staff import service as staff_rules
from backend.accounts.staff.guards import of_authority
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember, StaffPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["staff_router"]

_log = structlog.get_logger(__name__)
_PLATFORM = Scope(platform=True)
# Secrets and codes are shown once and nowhere kept, the browser's cache included.
_NO_STORE = {"Cache-Control": "no-store"}
StaffRequest = Request[StaffPrincipal, Any, Any]


@get("/", responses=problems(Unauthorised), summary="Read my second factor")
async def read_second_factor(request: StaffRequest, staff: StaffMember, db: Database, clock: Clock) -> SecondFactor:
    """Whether one is in force, how many recovery codes are left, and until when it was given in this session."""
    async with db.transaction(_PLATFORM) as conn:
        found = await service.status(conn, staff_id=staff.staff_id, session_id=request.user.session_id, now=clock())
    return SecondFactor(found.active, found.recovery_codes_left, found.elevated_until)


@post(
    "/enrol",
    status_code=200,
    responses=problems(Unauthorised, SecondFactorRequired),
    summary="Begin a second factor",
)
async def begin_enrolment(staff: StaffMember, db: Database, pepper: bytes, clock: Clock) -> Response[Offer]:
    """A secret for an authenticator (RFC 6238), in force once a code of it is confirmed.

    Where one is in force already, it has to be given first, and serves until the new one is confirmed.
    """
    async with db.transaction(_PLATFORM) as conn:
        secret = await service.offer(conn, pepper=pepper, staff=staff, now=clock())
        row = await staff_rules.get(conn, staff_id=staff.staff_id, authority_id=staff.authority_id)
    body = Offer(
        otpauth_uri=rules.provisioning_uri(secret, account=row.name),
        secret=secret,
        expires_in=int(service.OFFER_TTL.total_seconds()),
    )
    return Response(body, headers=_NO_STORE)


@post(
    "/confirm",
    status_code=200,
    responses=problems(Unauthorised, SecondFactorRequired, NothingToConfirm, SecondFactorRefused, TooManyAttempts),
    summary="Confirm the second factor",
)
async def confirm_enrolment(
    data: Code, request: StaffRequest, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> Response[Enrolled]:
    """Put the offered secret in force with a code of it. Answers ten recovery codes, shown this once."""
    async with db.transaction(_PLATFORM) as conn:
        result = await service.confirm(
            conn, pepper=pepper, staff=staff, session_id=request.user.session_id, code=data.code, now=clock()
        )
    if isinstance(result, Refused):
        raise result.problem
    return Response(Enrolled(result.recovery_codes, result.elevated_until), headers=_NO_STORE)


@post(
    "/",
    status_code=200,
    responses=problems(Unauthorised, SecondFactorMissing, SecondFactorRefused, TooManyAttempts),
    summary="Give the second factor",
)
async def give_second_factor(
    data: Code, request: StaffRequest, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> Elevated:
    """For fifteen minutes this session may do what needs a second factor. No code is good twice."""
    async with db.transaction(_PLATFORM) as conn:
        result = await service.step_up(
            conn, pepper=pepper, staff=staff, session_id=request.user.session_id, code=data.code, now=clock()
        )
    if isinstance(result, Refused):
        raise result.problem
    return Elevated(result)


@post(
    "/recovery-codes",
    status_code=200,
    responses=problems(Unauthorised, SecondFactorRequired, SecondFactorMissing),
    summary="Get new recovery codes",
)
async def renew_recovery_codes(staff: StaffMember, db: Database, pepper: bytes) -> Response[RecoveryCodes]:
    """Ten new recovery codes, shown this once; the ones before are void."""
    async with db.transaction(_PLATFORM) as conn:
        codes = await service.new_recovery_codes(conn, pepper=pepper, staff=staff)
    return Response(RecoveryCodes(codes), headers=_NO_STORE)


@post(
    "/staff/{staff_id:uuid}/second-factor/reset",
    status_code=204,
    opt={"needs": Permission.STAFF},
    guards=[of_authority],
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, StaffNotFound, OwnSecondFactor),
    summary="Take off somebody's second factor",
)
async def reset_second_factor(
    staff_id: UUID, data: Reset, staff: StaffMember, db: Database, clock: Clock, sender: Sender
) -> Response[None]:
    """Another member has lost his: his sessions end, he is told, and enrols anew when he logs in. For administrators.

    Be sure who is asking: whoever has the member's telephone then needs nothing else.
    """
    async with db.transaction(_PLATFORM) as conn:
        row = await service.reset(conn, by=staff, staff_id=staff_id, reason=data.reason, now=clock())
        account = await accounts.get_account(conn, account_id=row.account_id)
    task = None if account is None else BackgroundTask(_tell, sender, account.phone)
    return Response(None, status_code=204, background=task)


async def _tell(sender: Sender, phone: str) -> None:
    try:
        await sender.send(to=phone, template="second_factor_reset", values={}, language="zh-CN")
    except MessagesUnavailable:
        _log.warning("second_factor_reset_not_told")


staff_router = Router(
    path="/",
    route_handlers=[
        Router(
            path="/second-factor",
            route_handlers=[
                read_second_factor,
                begin_enrolment,
                confirm_enrolment,
                give_second_factor,
                renew_recovery_codes,
            ],
        ),
        reset_second_factor,
    ],
    tags=["second factor"],
)
