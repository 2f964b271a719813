"""Visitors and residents: the QR code of a pass."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from backend.codes import tokens
from backend.codes.drawing import MEDIA_TYPES, draw
from backend.codes.errors import TokenSpent
from backend.households import service as households
from backend.households.errors import HomeNotFound
from backend.keys.service import Keys, SigningKey
from backend.keys.signing.succession import signing_at
from backend.kit.auth import ResidentPrincipal, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkUnknown
from backend.visitors import repository, service
from backend.visitors.codes.schemas import PassCode
from backend.visitors.errors import PassNotAccepted, PassNotFound, PassOver
from backend.visitors.repository import PassRow
from backend.visitors.rules import graced, state_of

__all__ = ["resident_router", "visitor_router"]

_OWN = (Unauthorised, LinkUnknown, LinkHeld, LinkClosed, LinkExpired, PassNotAccepted, PassOver, TokenSpent)
_HOST = (Unauthorised, HomeNotFound, PassNotFound, PassNotAccepted, PassOver, TokenSpent)
Form = Annotated[Literal["png", "svg"], Parameter(description="The picture's format")]
_PICTURE = {200: ResponseSpec(bytes, media_type="image/png", description="The code", generate_examples=False)}
_PICTURES = {"answers": ("image/png", "image/svg+xml")}
_PRIVATE = {"Cache-Control": "no-store"}


@get("/code", responses=problems(*_OWN), summary="Read the code of your pass")
async def read_own_code(visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> Response[PassCode]:
    """A guest's QR code, signed by the community: gates believe it without a network, within its window.

    A pass that is moved gets another one; the one before then opens nothing.
    """
    return Response(await _own(visitor, db, keys, clock), headers=_PRIVATE)


@get(
    "/code/image",
    opt=_PICTURES,
    responses={**_PICTURE, **problems(*_OWN)},
    summary="Get the code of your pass as a picture",
)
async def draw_own_code(
    visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock, form: Form = "png"
) -> Response[bytes]:
    """The same, drawn: to be kept, sent to oneself, or printed."""
    return _picture(await _own(visitor, db, keys, clock), form)


@get("/{pass_id:uuid}/code", responses=problems(*_HOST), summary="Read the code of a pass")
async def read_pass_code(
    community_id: UUID,
    home_id: UUID,
    pass_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    clock: Clock,
) -> Response[PassCode]:
    """For a guest whom the host helps: once the guest has accepted, and the same code that he has himself."""
    code = await _hosts(community_id, home_id, pass_id, resident, db, keys, clock)
    return Response(code, headers=_PRIVATE)


@get(
    "/{pass_id:uuid}/code/image",
    opt=_PICTURES,
    responses={**_PICTURE, **problems(*_HOST)},
    summary="Get the code of a pass as a picture",
)
async def draw_pass_code(
    community_id: UUID,
    home_id: UUID,
    pass_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    clock: Clock,
    form: Form = "png",
) -> Response[bytes]:
    """The same, drawn, to be printed for the guest."""
    return _picture(await _hosts(community_id, home_id, pass_id, resident, db, keys, clock), form)


async def _own(visitor: VisitorPrincipal, db: Database, keys: Keys, clock: Clock) -> PassCode:
    if visitor.kind != "guest" or visitor.community_id is None:
        raise LinkUnknown
    # Fetched first: nothing slow happens once the roster is held.
    key = signing_at(await keys.head_keys(visitor.community_id), clock())
    scope = Scope(community_id=visitor.community_id, person_id=visitor.person_id)
    async with db.transaction(scope) as conn:
        return await _code(conn, await service.read_own(conn, visitor=visitor), key, clock)


async def _hosts(
    community_id: UUID,
    home_id: UUID,
    pass_id: UUID,
    resident: ResidentPrincipal,
    db: Database,
    keys: Keys,
    clock: Clock,
) -> PassCode:
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id), read_only=True) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
    key = signing_at(await keys.head_keys(community_id), clock())
    async with db.transaction(Scope(community_id=community_id, person_id=resident.person_id)) as conn:
        await households.require_home(conn, community_id=community_id, home_id=home_id, person_id=resident.person_id)
        row = await repository.read_pass(conn, community_id=community_id, pass_id=pass_id)
        if row is None or row.home_id != home_id:
            raise PassNotFound
        return await _code(conn, row, key, clock)


async def _code(conn: Connection, row: PassRow, key: SigningKey, clock: Clock) -> PassCode:
    now = clock()
    state = state_of(row, now)
    if state == "pending" or row.subject_id is None:
        raise PassNotAccepted
    if state != "accepted":
        raise PassOver
    begin, until = graced(row.valid_from, row.valid_until, row.grace_minutes)
    code = await tokens.token_of_pass(
        conn,
        community_id=row.community_id,
        subject_id=row.subject_id,
        pass_id=row.pass_id,
        valid_from=begin,
        valid_until=until,
        uses=row.uses,
        # Between two windows of one that recurs no gate may open by the signature alone.
        known_only=row.recurrence is not None,
        key=key,
        now=now,
    )
    return PassCode(code=code, valid_from=row.valid_from, valid_until=row.valid_until, uses=row.uses)


def _picture(code: PassCode, form: Literal["png", "svg"]) -> Response[bytes]:
    return Response(draw(code.code, form), media_type=MEDIA_TYPES[form], headers=_PRIVATE)


visitor_router = Router(path="/", route_handlers=[read_own_code, draw_own_code], tags=["codes"])
resident_router = Router(
    path="/homes/{community_id:uuid}/{home_id:uuid}/passes",
    route_handlers=[read_pass_code, draw_pass_code],
    tags=["codes"],
)
