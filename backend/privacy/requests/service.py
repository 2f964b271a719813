"""Rules of requests: what is done at once, what staff decide, and what each decision does."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.access import service as access
from backend.communities import repository as communities
from backend.communities.errors import CommunityNotFound
from backend.consent.service import Purpose
from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.errors import GuardianRefused
from backend.households.members import repository as members
from backend.kit.db import Connection, enter_community
from backend.people import repository as people
from backend.people.repository import SubjectRow
from backend.privacy import service as privacy
from backend.privacy.repository import ErasureRow
from backend.privacy.requests import repository
from backend.privacy.requests.errors import (
    ExportExpired,
    FreshLogInNeeded,
    RequestDecided,
    RequestIncomplete,
    RequestNotFound,
    TooManyRequestsMade,
)
from backend.privacy.requests.repository import Kind, RequestRow, State
from backend.privacy.requests.rules import EXPORT_VALID, MOST_IN_A_DAY, due_at, is_fresh

__all__ = ["Asked", "Asker", "ask", "decide", "lift", "open_export"]

# The country that the service is made for; a community's own zone counts where a request names one.
_ZONE = "Asia/Shanghai"
_DAY = timedelta(days=1)


class Asker(msgspec.Struct, frozen=True):
    """Who asks, and how. ``guardian_id`` acts for the person, and the session is the guardian's.

    ``begun`` is when his session began by a one-time code; ``surface`` decides whether that counts: a guest has no
    number with us, what he has is the one session that holds his link.
    """

    person_id: UUID
    surface: str
    session_id: UUID | None
    begun: datetime | None
    guardian_id: UUID | None = None

    def require_fresh(self, *, now: datetime) -> None:
        """Go on only with a log-in of the last five minutes.

        Raises:
            FreshLogInNeeded: it was longer ago.
        """
        if self.surface == "resident" and not is_fresh(self.begun, now=now):
            raise FreshLogInNeeded


class Asked(msgspec.Struct, frozen=True):
    """What somebody asks for."""

    kind: Kind
    community_id: UUID | None
    text: str | None
    name: str | None


async def ask(conn: Connection, *, asker: Asker, asked: Asked, now: datetime) -> tuple[RequestRow, list[ErasureRow]]:
    """Make a request, and do at once what needs nobody's decision; it, and the erasures begun. In the person's scope.

    Access, restriction, the correction of one's own name and the erasure of one's face are granted at once. What
    changes a register, or is an objection, waits for the community's staff.

    Raises:
        FreshLogInNeeded: a resident's log-in was more than five minutes ago.
        RequestIncomplete: the name or the community is missing.
        CommunityNotFound: that community does not know him.
        TooManyRequestsMade: he made ten within a day.
    """
    asker.require_fresh(now=now)
    if (asked.kind == "correction") != (asked.name is not None):
        raise RequestIncomplete
    if asked.community_id is None and asked.kind in {"restriction", "objection"}:
        raise RequestIncomplete
    if await repository.count_since(conn, person_id=asker.person_id, since=now - _DAY) >= MOST_IN_A_DAY:
        raise TooManyRequestsMade(headers={"Retry-After": str(int(_DAY.total_seconds()))})
    subject = None if asked.community_id is None else await _subject(conn, asker.person_id, asked.community_id)
    zone = _ZONE
    if subject is not None:
        community = await communities.get_community(conn, community_id=subject.community_id)
        zone = zone if community is None else community.time_zone
    row = await repository.insert_request(
        conn,
        person_id=asker.person_id,
        community_id=None if subject is None else subject.community_id,
        kind=asked.kind,
        surface=asker.surface,
        session_id=asker.session_id,
        text=asked.text,
        name=asked.name,
        due_at=due_at(now, zone),
        state=_first_state(asked.kind, subject),
        export_until=now + EXPORT_VALID if asked.kind == "access" else None,
        asked_by=asker.guardian_id,
        now=now,
    )
    return row, await _do_at_once(conn, row, subject, now)


async def decide(
    conn: Connection,
    *,
    community_id: UUID,
    request_id: UUID,
    granted: bool,
    answer: str | None,
    staff_id: UUID,
    now: datetime,
) -> RequestRow:
    """Decide a request that waits, for the community. In its scope.

    A granted correction puts the name right in the register. What else is granted, staff do by the routes that are
    there for it (ending a membership, for instance) and say in the answer.

    Raises:
        RequestNotFound: the community has no such request.
        RequestDecided: it does not wait.
    """
    row = await repository.lock_request(conn, request_id=request_id, community_id=community_id)
    if row is None:
        raise RequestNotFound
    if row.state != "open":
        raise RequestDecided
    if granted and row.kind == "correction" and row.name is not None:
        await members.rename_members(conn, community_id=community_id, person_id=row.person_id, name=row.name)
    return await repository.decide(
        conn,
        request_id=request_id,
        state="granted" if granted else "refused",
        answer=answer,
        staff_id=staff_id,
        now=now,
    )


async def lift(conn: Connection, *, asker: Asker, request_id: UUID, now: datetime) -> RequestRow:
    """Take back a restriction: the gates may use the face again. In the person's scope.

    Raises:
        FreshLogInNeeded: a resident's log-in was more than five minutes ago.
        RequestNotFound: it is no restriction of his.
        RequestDecided: it was lifted already.
        GuardianRefused: another guardian asked for it.
        GuardianNeeded: a guardian asked for it, and the person is a child.
    """
    asker.require_fresh(now=now)
    row = await repository.lock_request(conn, request_id=request_id, person_id=asker.person_id)
    if row is None or row.kind != "restriction" or row.about_community_id is None:
        raise RequestNotFound
    if row.state != "granted":
        raise RequestDecided
    await _require_lifter(conn, row, asker, now)
    subject = await people.get_subject(conn, community_id=row.about_community_id, person_id=asker.person_id)
    if subject is not None:
        await enter_community(conn, subject.community_id)
        await access.release(conn, community_id=subject.community_id, subject_id=subject.subject_id)
    return await repository.decide(conn, request_id=request_id, state="lifted", answer=None, staff_id=None, now=now)


async def _require_lifter(conn: Connection, row: RequestRow, asker: Asker, now: datetime) -> None:
    """The stricter of two guardians wins: what one asked for, the other does not take back while he is one."""
    if row.asked_by in (None, asker.guardian_id):
        return
    if asker.guardian_id is None:
        await guarding.require_own_age(conn, person_id=row.person_id, now=now)
    elif any(tie.guardian_id == row.asked_by for tie in await guardians.list_guardians(conn, person_id=row.person_id)):
        raise GuardianRefused


async def open_export(conn: Connection, *, asker: Asker, request_id: UUID, now: datetime) -> RequestRow:
    """The request for access whose copy may be fetched now. In the person's scope.

    By the session that asked for it, or by one that has just begun: whoever has an old session of his phone, and not
    the phone's number, gets nothing.

    Raises:
        RequestNotFound: it is no request of his for access.
        ExportExpired: its 24 hours are over.
        FreshLogInNeeded: it is another session, and an old one.
    """
    row = await repository.get_request(conn, request_id=request_id, person_id=asker.person_id)
    if row is None or row.export_until is None:
        raise RequestNotFound
    if row.export_until <= now:
        raise ExportExpired
    if row.session_id is None or row.session_id != asker.session_id:
        asker.require_fresh(now=now)
    return row


def _first_state(kind: Kind, subject: SubjectRow | None) -> State:
    if kind in {"access", "restriction"}:
        return "granted"
    return "open" if subject is not None else "granted"


async def _do_at_once(conn: Connection, row: RequestRow, subject: SubjectRow | None, now: datetime) -> list[ErasureRow]:
    begun = []
    if row.kind == "correction" and subject is None:
        await people.update_person(conn, person_id=row.person_id, name=row.name, language=None)
    if row.kind == "erasure":
        for purpose in (Purpose.FACE_ACCESS, Purpose.PHOTO_RETENTION):
            erasure = await privacy.withdraw_consent(
                conn, person_id=row.person_id, purpose=purpose, now=now, own=row.asked_by is None
            )
            begun += [] if erasure is None else [erasure]
    if row.kind == "restriction" and subject is not None:
        # Last: it holds the community's roster.
        await enter_community(conn, subject.community_id)
        await access.restrict(conn, community_id=subject.community_id, subject_id=subject.subject_id, now=now)
    return begun


async def _subject(conn: Connection, person_id: UUID, community_id: UUID) -> SubjectRow:
    subject = await people.get_subject(conn, community_id=community_id, person_id=person_id)
    if subject is None:
        raise CommunityNotFound
    return subject
