"""Rules of grants and credentials.

Each function that changes something takes the community's roster first and works in one community per transaction;
the roster then follows by itself. Nothing slow may happen in such a transaction afterwards: every other change of that
community waits for its end.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import repository
from backend.access.repository import NewGrantRow, RosterVersion
from backend.access.windows import Window, present, state_at
from backend.doors import service as doors
from backend.kit.db import Connection
from gate_sdk.wire import GrantKind

__all__ = [
    "NewGrant",
    "RosterVersion",
    "change_window",
    "drop_credentials",
    "due_communities",
    "end_grants",
    "erase_idle_subjects",
    "grant",
    "grant_many",
    "kinds",
    "release",
    "restrict",
    "roster_version",
    "set_credential",
    "tick",
]


class NewGrant(msgspec.Struct, frozen=True):
    """A grant to be made; times with a zone, ``valid_until`` None has no end, ``door_groups`` None is every door.

    ``ask_first``: gates let the subject in by it only once somebody of the home that it rests on has said yes.
    """

    subject_id: UUID
    kind: GrantKind
    source: str
    source_id: UUID
    valid_from: datetime
    valid_until: datetime | None = None
    door_groups: tuple[UUID, ...] | None = None
    ask_first: bool = False


async def grant(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    kind: GrantKind,
    source: str,
    source_id: UUID,
    valid_from: datetime,
    valid_until: datetime | None,
    now: datetime,
    door_groups: Sequence[UUID] | None = None,
) -> UUID:
    """Let a subject pass in [``valid_from``, ``valid_until``); answers the grant's id.

    Args:
        conn: a transaction in the community's scope.
        community_id: the community.
        subject_id: one of its subjects.
        kind: decides how early gates hear of it, and under which lease.
        source: "member", "pass", "shift", "delivery" or "staff": what the grant rests on.
        source_id: that thing's id; ending it ends the grant.
        valid_from: with time zone.
        valid_until: with time zone; None has no end.
        now: the present.
        door_groups: ids of door groups to whose doors it is limited, 1 to 16; None is every door.

    Raises:
        WindowInvalid: it ends before it begins.
        DoorGroupUnknown: the community has no such door group, or there are none or too many.
    """
    limited = None if door_groups is None else tuple(door_groups)
    new = NewGrant(subject_id, kind, source, source_id, valid_from, valid_until, limited)
    (grant_id,) = await grant_many(conn, community_id=community_id, grants=[new], now=now)
    return grant_id


async def grant_many(conn: Connection, *, community_id: UUID, grants: Sequence[NewGrant], now: datetime) -> list[UUID]:
    """Make many grants at once, for imports; their ids in the order given.

    Give it chunks of some hundreds, each in a transaction of its own: nobody else's change reaches the community's
    gates while the transaction lasts.

    Raises:
        WindowInvalid: one ends before it begins; none is made.
        DoorGroupUnknown: one names a door group that the community does not have; none is made.
    """
    await doors.require_groups(
        conn, community_id=community_id, limits=[new.door_groups for new in grants if new.door_groups is not None]
    )
    rows = []
    for new in grants:
        window = Window(new.valid_from, new.valid_until)
        presence = present(new.kind, window, now=now)
        rows.append(
            NewGrantRow(
                subject_id=new.subject_id,
                kind=new.kind,
                source=new.source,
                source_id=new.source_id,
                window=window,
                presence=presence,
                state=state_at(presence, now),
                door_groups=None if new.door_groups is None else tuple(sorted(set(new.door_groups))),
                ask_first=new.ask_first,
            )
        )
    await repository.roster_hold(conn)
    return await repository.insert_grants(conn, community_id=community_id, grants=rows, now=now)


async def change_window(
    conn: Connection,
    *,
    community_id: UUID,
    source: str,
    source_id: UUID,
    valid_from: datetime,
    valid_until: datetime | None,
    now: datetime,
) -> int:
    """Give all grants of that source that have not ended another window; how many there were.

    Raises:
        WindowInvalid: it ends before it begins.
    """
    window = Window(valid_from, valid_until)
    await repository.roster_hold(conn)
    rows = await repository.list_grants_of_source(conn, community_id=community_id, source=source, source_id=source_id)
    for row in rows:
        presence = present(GrantKind(row.kind), window, now=now)
        await repository.update_window(
            conn,
            community_id=community_id,
            grant_id=row.grant_id,
            window=window,
            presence=presence,
            state=state_at(presence, now),
            now=now,
        )
    return len(rows)


async def end_grants(conn: Connection, *, community_id: UUID, source: str, source_id: UUID, now: datetime) -> int:
    """End what rests on that source, at once; how many there were. Repeating is harmless."""
    await repository.roster_hold(conn)
    return await repository.end_grants_of_source(
        conn, community_id=community_id, source=source, source_id=source_id, now=now
    )


async def erase_idle_subjects(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """Forget those of the subjects who have no right any more, with the grants that they had. Repeating is harmless.

    The roster keeps a pseudonym and the version of its removal, which gates need to hear of it. A person can be
    deleted only after every community has let his subject go.
    """
    # Before they are looked at: who gives one a right at this moment waits, or is seen.
    await repository.roster_hold(conn)
    await repository.delete_idle_subjects(conn, community_id=community_id, subject_ids=subject_ids)


async def kinds(conn: Connection, *, community_id: UUID, subject_id: UUID) -> frozenset[GrantKind]:
    """The kinds of grants that the subject has or will have; empty once all have ended."""
    return frozenset(await repository.list_kinds(conn, community_id=community_id, subject_id=subject_id))


async def set_credential(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    template_id: UUID,
    pack: str,
    template_sha256: bytes,
    now: datetime,
) -> None:
    """Let the subject be recognised by this template.

    Args:
        conn: a transaction in the community's scope; the template's bytes are written in the same one.
        community_id: the community.
        subject_id: one of its subjects.
        template_id: the template.
        pack: the model pack that it was made by.
        template_sha256: of the bytes that gates will get, 32 bytes.
        now: the present.
    """
    await repository.roster_hold(conn)
    await repository.upsert_credential(
        conn,
        community_id=community_id,
        subject_id=subject_id,
        template_id=template_id,
        pack=pack,
        template_sha256=template_sha256,
        now=now,
    )


async def drop_credentials(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> None:
    """Take the templates of many subjects off the community's gates, in one change of the roster. Grants stay."""
    await repository.roster_hold(conn)
    await repository.delete_credentials(conn, community_id=community_id, subject_ids=subject_ids)


async def roster_version(conn: Connection, *, community_id: UUID) -> RosterVersion:
    """How far the roster has come; a gate that acknowledges this version has all changes made so far."""
    return await repository.get_roster_version(conn, community_id=community_id)


async def tick(conn: Connection, *, community_id: UUID, at: datetime, limit: int = 500) -> int:
    """Move the grants whose time has come, at most ``limit``; how many. Call again until it answers fewer."""
    return await repository.access_tick(conn, community_id=community_id, at=at, limit=limit)


async def due_communities(conn: Connection, *, at: datetime) -> list[UUID]:
    """Communities that need a tick. For the worker's role in the platform scope; others see none."""
    return await repository.list_due_communities(conn, at=at)


async def restrict(conn: Connection, *, community_id: UUID, subject_id: UUID, now: datetime) -> None:
    """Leave the subject's face out of use: its gates and gallery forget it, the credential stays. Repeatable."""
    await repository.roster_hold(conn)
    await repository.insert_restriction(conn, community_id=community_id, subject_id=subject_id, now=now)


async def release(conn: Connection, *, community_id: UUID, subject_id: UUID) -> None:
    """Let the subject's face be used again. Repeatable."""
    await repository.roster_hold(conn)
    await repository.delete_restriction(conn, community_id=community_id, subject_id=subject_id)
