"""Staff: cards of members without a telephone."""

import asyncio
from uuid import UUID

from litestar import Response, Router, delete, get, post

from backend.audit import service as audit
from backend.codes import cards
from backend.codes.drawing import draw
from backend.codes.errors import CardNotFound, NobodyHere, PinInvalid
from backend.codes.service import require_subject
from backend.communities.errors import CommunityNotFound
from backend.households.cards import repository
from backend.households.cards.schemas import Card, CardKey, CardPage, IssuedCard, NewCard
from backend.households.errors import MemberNotFound
from backend.households.members import repository as members
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems

__all__ = ["list_router", "staff_router"]

_COMMON = (Unauthorised, Forbidden, CommunityNotFound, MemberNotFound)


@post(
    "/",
    opt={"needs": Permission.CREDENTIALS},
    responses=problems(*_COMMON, SecondFactorRequired, NobodyHere, PinInvalid),
    summary="Issue a card",
)
async def issue_card(
    community_id: UUID, member_id: UUID, staff: StaffMember, db: Database, clock: Clock, data: NewCard | None = None
) -> Response[IssuedCard]:
    """A card for a member of a household, in place of the one that he may have, which ends at once.

    The answer is all there is of it: print the code, tell the PIN, keep neither.
    """
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        await _subject(conn, community_id, member_id)
    pin = data.pin if data is not None and data.pin is not None else cards.new_pin()
    # Slow by design, so neither in the event loop nor in a transaction.
    card = await asyncio.to_thread(cards.make_card, community_id, pin)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        subject_id = await _subject(conn, community_id, member_id)
        await cards.keep_card(conn, community_id=community_id, subject_id=subject_id, card=card, now=clock())
        await _record(conn, community_id, staff, "card.issue", member_id)
    issued = IssuedCard(member_id=member_id, code=card.text, svg=draw(card.text, "svg").decode(), pin=card.pin)
    return Response(issued, status_code=201, headers={"Cache-Control": "no-store"})


@delete(
    "/",
    opt={"needs": Permission.CREDENTIALS},
    responses=problems(*_COMMON, SecondFactorRequired, NobodyHere, CardNotFound),
    summary="Take a card back",
)
async def revoke_card(community_id: UUID, member_id: UUID, staff: StaffMember, db: Database) -> None:
    """A card that was lost or returned: it opens no gate any more, at once where gates are connected."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        subject_id = await _subject(conn, community_id, member_id)
        await cards.revoke_card(conn, community_id=community_id, subject_id=subject_id)
        await _record(conn, community_id, staff, "card.revoke", member_id)


@get(
    "/cards",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(CursorInvalid, Unauthorised, Forbidden, CommunityNotFound),
    summary="List cards",
)
async def list_cards(community_id: UUID, db: Database, limit: Limit = 50, cursor: Cursor = None) -> CardPage:
    """Who has a card, the newest first: to see what is out, and what to take back."""
    key = decode_cursor(cursor, CardKey)
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_cards(
            conn,
            community_id=community_id,
            before=None if key is None else (key.issued_at, key.member_id),
            limit=limit + 1,
        )
    page, next_cursor = split_page(rows, limit, lambda row: CardKey(row.issued_at, row.member_id))
    return CardPage(tuple(Card(row.member_id, row.name, row.issued_at) for row in page), next_cursor)


async def _subject(conn: Connection, community_id: UUID, member_id: UUID) -> UUID:
    member = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if member is None:
        raise MemberNotFound
    if member.person_id is None:
        raise NobodyHere("The member has not joined yet.")
    return await require_subject(conn, community_id=community_id, person_id=member.person_id)


async def _record(conn: Connection, community_id: UUID, staff: StaffMember, action: str, member_id: UUID) -> None:
    await audit.record(
        conn,
        community_id=community_id,
        actor=f"staff:{staff.staff_id}",
        action=action,
        target=f"member:{member_id}",
    )


staff_router = Router(
    path="/communities/{community_id:uuid}/members/{member_id:uuid}/card",
    route_handlers=[issue_card, revoke_card],
    tags=["codes"],
)
list_router = Router(path="/communities/{community_id:uuid}", route_handlers=[list_cards], tags=["codes"])
