"""Rules of links; see the package's own words for the one that matters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from backend.kit.auth import VisitorPrincipal
from backend.kit.crypto import keyed_hash, new_token
from backend.kit.db import Connection
from backend.kit.problems import Unauthorised
from backend.links import repository
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkOpenedTooOften, LinkUnknown
from backend.people import repository as people

__all__ = [
    "MOST_SESSIONS",
    "AfterEnd",
    "close",
    "create",
    "create_for_couriers",
    "current",
    "extend",
    "hold",
    "open_link",
    "refresh",
    "withdraw",
]

# A guest opens his link in a messenger, in a browser, on a second phone; twenty is more than that ever needs, and
# keeps whoever holds a link from filling a table with it.
MOST_SESSIONS = 20


#: What goes on after a link's end, on the phone that accepted alone. "reading": how far erasures are, and their
#: certificates. "rights": what nobody may be kept from while anything is kept of him, where he answered no later link.
#: "word": a guest's no, said on it. "leaving": both of these.
AfterEnd = Literal["reading", "rights", "word", "leaving"]


class _Link(Protocol):
    """What decides whether a link, or a session of it, is still good."""

    @property
    def expires_at(self) -> datetime: ...
    @property
    def closed_at(self) -> datetime | None: ...


async def create(
    conn: Connection,
    *,
    kind: str,
    invitation_id: UUID,
    community_id: UUID | None = None,
    partner_id: UUID | None = None,
    person_id: UUID | None = None,
    expires_at: datetime,
    pepper: bytes,
) -> str:
    """A new link to an invitation; its token, 43 characters, of which only a keyed hash is kept.

    Args:
        conn: a transaction in the inviting community's scope, or the platform's.
        kind: "guest" (then ``community_id``), "courier" (then ``partner_id`` and ``person_id``) or "young" (then
            ``community_id`` and ``person_id``): somebody from fourteen on who decides about his own face.
        invitation_id: the pass or the courier.
        community_id: where a resident invites.
        partner_id: the company that invites.
        person_id: who is to open it, where that is known; otherwise a person is made at the first opening.
        expires_at: with time zone.
        pepper: the key of the hash.
    """
    token = new_token()
    await repository.insert_link(
        conn,
        token_hash=_hash(pepper, "visitor-link", token),
        kind=kind,
        invitation_id=invitation_id,
        community_id=community_id,
        partner_id=partner_id,
        person_id=person_id,
        expires_at=expires_at,
    )
    return token


async def create_for_couriers(
    conn: Connection,
    *,
    partner_id: UUID,
    couriers: Sequence[tuple[UUID, UUID]],
    expires_at: datetime,
    pepper: bytes,
    now: datetime,
) -> list[str]:
    """New links of a company to many couriers (courier, person) in place of its earlier ones; tokens in their order.

    Needs the platform scope.
    """
    tokens = [new_token() for _ in couriers]
    await repository.insert_courier_links(
        conn,
        partner_id=partner_id,
        links=[
            (_hash(pepper, "visitor-link", token), courier_id, person_id)
            for token, (courier_id, person_id) in zip(tokens, couriers, strict=True)
        ],
        expires_at=expires_at,
        now=now,
    )
    return tokens


async def open_link(
    conn: Connection, *, token: str, known: str | None = None, pepper: bytes, now: datetime
) -> tuple[VisitorPrincipal, str]:
    """Begin a session by a link: who it is now, and the token that renews it. Needs the platform scope.

    A guest who shows that he is ``known``, by the refresh token of a session that accepted, is who he was then. The
    link is his phone's at once: nobody else who has it becomes somebody who has a face.

    Raises:
        LinkUnknown: no link has this token.
        LinkClosed: it was cancelled or replaced.
        LinkExpired: its time is over.
        LinkHeld: a phone has accepted with it.
        LinkOpenedTooOften: it was opened :data:`MOST_SESSIONS` times.
    """
    link = await repository.lock_link(conn, token_hash=_hash(pepper, "visitor-link", token))
    if link is None:
        raise LinkUnknown
    _check(link, now)
    if link.held_by is not None:
        raise LinkHeld
    if await repository.count_sessions(conn, link_id=link.link_id) >= MOST_SESSIONS:
        raise LinkOpenedTooOften
    person_id = link.person_id
    recognised = None
    if person_id is None:
        recognised = await _recognise(conn, known, pepper=pepper)
        person_id = recognised or (await people.insert_person(conn)).person_id
        await repository.set_person(conn, link_id=link.link_id, person_id=person_id)
    refresh_token = new_token()
    session_id = await repository.insert_session(
        conn, link_id=link.link_id, refresh_hash=_hash(pepper, "visitor-refresh", refresh_token)
    )
    if recognised is not None:
        await repository.hold_link(conn, link_id=link.link_id, session_id=session_id)
    principal = VisitorPrincipal(
        person_id=person_id,
        invitation_id=link.invitation_id,
        kind=link.kind,
        community_id=link.inviting_community_id,
        session_id=session_id,
    )
    return principal, refresh_token


async def refresh(conn: Connection, *, refresh_token: str, pepper: bytes, now: datetime) -> VisitorPrincipal:
    """Who a refresh token stands for. Needs the platform scope.

    It is not exchanged at each use: a guest whose answer got lost would be locked out of a pass that he holds, with
    nobody to ask but his host; and it ends with the pass.

    Raises:
        Unauthorised: it is none of ours.
        LinkClosed: the link was cancelled or replaced.
        LinkExpired: its time is over.
        LinkHeld: another phone has accepted.
    """
    row = await repository.get_session(conn, refresh_hash=_hash(pepper, "visitor-refresh", refresh_token))
    if row is None or row.person_id is None:
        raise Unauthorised("The refresh token is not valid.")
    _check_session(row, now, "reading")
    return VisitorPrincipal(
        person_id=row.person_id,
        invitation_id=row.invitation_id,
        kind=row.kind,
        community_id=row.inviting_community_id,
        session_id=row.session_id,
    )


async def current(
    conn: Connection, *, principal: VisitorPrincipal, now: datetime, after_end: AfterEnd | None = None
) -> repository.SessionRow:
    """The session behind an access token, asked at every request, so that a cancelled link ends at once.

    ``after_end`` names what is asked for that the phone which accepted may still do when the link has ended.

    Raises:
        Unauthorised: there is no such session any more.
        LinkClosed: the link was cancelled or replaced.
        LinkExpired: its time is over.
        LinkHeld: another phone has accepted.
    """
    row = await repository.get_session(conn, session_id=principal.session_id)
    if row is None or row.person_id != principal.person_id:
        raise Unauthorised
    _check_session(row, now, after_end)
    return row


async def hold(conn: Connection, *, session_id: UUID | None, now: datetime) -> repository.LinkRow:
    """Give the link to this session, which accepts; repeating is harmless. Needs the platform scope.

    Raises:
        Unauthorised: there is no such session any more.
        LinkClosed: the link was cancelled or replaced.
        LinkExpired: its time is over.
        LinkHeld: another phone was faster.
    """
    link = None if session_id is None else await repository.lock_link_of_session(conn, session_id=session_id)
    if link is None or session_id is None:
        raise Unauthorised
    _check(link, now)
    if link.held_by not in (None, session_id):
        raise LinkHeld
    await repository.hold_link(conn, link_id=link.link_id, session_id=session_id)
    return link


async def close(conn: Connection, *, invitation_id: UUID, partner_id: UUID | None = None, now: datetime) -> None:
    """Close the links to this invitation (those of one company, where it is named) with all their sessions."""
    await repository.close_links(conn, invitation_id=invitation_id, partner_id=partner_id, now=now)


async def withdraw(conn: Connection, *, session_id: UUID, now: datetime) -> None:
    """Close the link of a session that withdraws, for everybody but its reading. Needs the platform scope."""
    await repository.withdraw_link(conn, session_id=session_id, now=now)


async def extend(
    conn: Connection, *, invitation_id: UUID, partner_id: UUID | None = None, expires_at: datetime
) -> None:
    """Move the end of the links to this invitation (those of one company, where it is named)."""
    await repository.extend_links(conn, invitation_id=invitation_id, partner_id=partner_id, expires_at=expires_at)


async def _recognise(conn: Connection, known: str | None, *, pepper: bytes) -> UUID | None:
    if known is None:
        return None
    row = await repository.get_session(conn, refresh_hash=_hash(pepper, "visitor-refresh", known))
    if row is None or row.kind != "guest" or row.withdrawn or row.held_by != row.session_id:
        return None
    return row.person_id


def _check(link: _Link, now: datetime) -> None:
    if link.closed_at is not None:
        raise LinkClosed
    if link.expires_at <= now:
        raise LinkExpired


def _check_session(row: repository.SessionRow, now: datetime, after_end: AfterEnd | None) -> None:
    if after_end is None or not _goes_on(row, after_end):
        _check(row, now)
    if row.held_by not in (None, row.session_id):
        raise LinkHeld


def _goes_on(row: repository.SessionRow, after_end: AfterEnd) -> bool:
    """Whether the link's end leaves this to whoever holds it; that nobody else does is not asked here."""
    rights = row.held_by is not None and row.newest and not row.withdrawn
    match after_end:
        case "reading":
            return row.held_by is not None
        case "word":
            return row.withdrawn
        case "rights":
            return rights
        case "leaving":
            return rights or row.withdrawn


def _hash(pepper: bytes, purpose: str, token: str) -> bytes:
    return keyed_hash(pepper, purpose, token)
