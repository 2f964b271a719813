"""Residents: another telephone number."""

from typing import Any

from litestar import Request, Response, Router, delete, post
from litestar.background_tasks import BackgroundTask

from backend.accounts import phones
from backend.accounts.codes.service import CODE_TTL
from backend.accounts.errors import PhoneInvalid, TooManyCodes
from backend.accounts.messages import language_of, send_code, send_later
from backend.accounts.number import desk
from backend.accounts.number import service as rules
from backend.accounts.number.errors import NoNumberChange, NumberNotProven, NumberTaken, SameNumber
from backend.accounts.number.schemas import NewNumber, NumberChallenges, NumberCodes
from backend.accounts.service import Refused
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender, Tell
from backend.kit.problems import Unauthorised, problems
from backend.people import repository as people

__all__ = ["number_router"]

_PLATFORM = Scope(platform=True)


@post(
    "/",
    status_code=202,
    responses=problems(Unauthorised, PhoneInvalid, SameNumber, TooManyCodes, MessagesUnavailable),
    summary="Ask to change my number",
)
async def begin_number_change(
    data: NewNumber,
    request: Request[ResidentPrincipal, Any, Any],
    resident: ResidentPrincipal,
    db: Database,
    pepper: bytes,
    clock: Clock,
    sender: Sender,
    client_address: str,
    codes_an_hour: int,
) -> NumberChallenges:
    """Send a code to the present number and one to the new number, good for five minutes."""
    phone = phones.parse(data.phone)
    async with db.transaction(_PLATFORM) as conn:
        begun = await rules.begin(
            conn,
            pepper=pepper,
            resident=resident,
            phone=phone,
            address=client_address,
            codes_an_hour=codes_an_hour,
            now=clock(),
        )
        person = await people.get_person(conn, person_id=resident.person_id)
    language = language_of(request, stored=None if person is None else person.language)
    await send_code(sender, begun.current_phone, begun.current.code, language)
    await send_code(sender, phone, begun.new.code, language)
    return NumberChallenges(
        current_challenge_id=begun.current.challenge_id,
        new_challenge_id=begun.new.challenge_id,
        expires_in=int(CODE_TTL.total_seconds()),
    )


@post(
    "/verify",
    status_code=204,
    responses=problems(Unauthorised, NumberNotProven, NumberTaken),
    summary="Change my number with both codes",
)
async def finish_number_change(
    data: NumberCodes,
    request: Request[ResidentPrincipal, Any, Any],
    resident: ResidentPrincipal,
    db: Database,
    pepper: bytes,
    clock: Clock,
    sender: Sender,
    tell: Tell,
) -> Response[None]:
    """Log in with the new number from now on. The old one opens nothing any more; other devices are logged out."""
    now = clock()
    async with db.transaction(_PLATFORM) as conn:
        changed = await rules.finish(
            conn,
            pepper=pepper,
            resident=resident,
            current=(data.current_challenge_id, data.current_code),
            new=(data.new_challenge_id, data.new_code),
            now=now,
        )
        if not isinstance(changed, Refused):
            await tell(
                conn,
                person_id=resident.person_id,
                kind="number_changed",
                about_id=resident.account_id,
                detail=None,
                now=now,
            )
        person = await people.get_person(conn, person_id=resident.person_id)
    if isinstance(changed, Refused):
        raise changed.problem
    language = language_of(request, stored=None if person is None else person.language)
    task = BackgroundTask(send_later, sender, changed[0], "number_changed", {}, language)
    return Response(None, status_code=204, background=task)


@delete("/", responses=problems(Unauthorised, NoNumberChange), summary="Keep my number")
async def keep_number(resident: ResidentPrincipal, db: Database) -> None:
    """Call off the move to another number that an office was asked for. Any device that is logged in can."""
    async with db.transaction(_PLATFORM) as conn:
        await desk.call_off_own(conn, resident=resident)


number_router = Router(
    path="/me/number", route_handlers=[begin_number_change, finish_number_change, keep_number], tags=["me"]
)
