"""Rules of notifications: telling somebody, reading it, and what he wants to be told."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec

from backend.kit.db import Connection, savepoint
from backend.notifications import repository
from backend.notifications.errors import ChannelUnused, KindUnknown, NotificationNotFound, NotRefusable
from backend.notifications.kinds import KINDS, Channel, Kind
from backend.notifications.repository import NewNotification

__all__ = ["JOB", "News", "mark_read", "prefer", "preferences", "tell", "tell_all", "tell_of_account"]

#: The job that sends one to telephones; its payload is "<person>/<notification>".
JOB = "notifications.send"
_MOST_DETAIL = 80


class News(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a person is to be told.

    Attributes:
        person_id: whom.
        kind: what.
        occasion: what makes it this one and no other of its kind: told again, it is not told twice. At most 120
            characters, ids and days only.
        community_id: the community that it is about.
        about_id: what it is about, as :data:`KINDS` says.
        detail: a device or a day; never a name or a number.
    """

    person_id: UUID
    kind: Kind
    occasion: str
    community_id: UUID | None = None
    about_id: UUID | None = None
    detail: str | None = None


async def tell(
    conn: Connection,
    *,
    person_id: UUID,
    kind: Kind,
    occasion: str,
    now: datetime,
    community_id: UUID | None = None,
    about_id: UUID | None = None,
    detail: str | None = None,
) -> None:
    """Tell one person, as :func:`tell_all` does; for what :class:`News` says."""
    news = News(
        person_id=person_id,
        kind=kind,
        occasion=occasion,
        community_id=community_id,
        about_id=about_id,
        detail=detail,
    )
    await tell_all(conn, news=[news], now=now)


async def tell_all(conn: Connection, *, news: Sequence[News], now: datetime) -> None:
    """Put it before them, and have the worker send it to their telephones once the caller's transaction commits.

    In any scope. Where one of them is erased at this moment, nobody is told and nothing else is undone: what is told
    of is never less important than the telling.
    """
    if not news:
        return
    new = [
        NewNotification(
            person_id=one.person_id,
            notification_id=uuid4(),
            kind=one.kind,
            about_community_id=one.community_id,
            about_id=one.about_id,
            detail=None if not one.detail else one.detail[:_MOST_DETAIL],
            occasion=one.occasion,
        )
        for one in news
    ]
    try:
        async with savepoint(conn):
            await repository.insert_notifications(conn, new=new, now=now)
    except asyncpg.ForeignKeyViolationError:
        return
    await repository.enqueue(conn, entrypoint=JOB, notifications=[(one.person_id, one.notification_id) for one in new])


async def tell_of_account(
    conn: Connection, *, person_id: UUID, kind: str, about_id: UUID, detail: str | None, now: datetime
) -> None:
    """What accounts tell their owners; see :class:`backend.kit.messages.Tell`."""
    await tell(
        conn,
        person_id=person_id,
        kind=Kind(kind),
        occasion=f"{about_id}/{now.isoformat()}",
        about_id=about_id,
        detail=detail,
        now=now,
    )


async def mark_read(conn: Connection, *, person_id: UUID, notification_id: UUID, now: datetime) -> None:
    """Note that the person has read it. Repeating keeps the first time.

    Raises:
        NotificationNotFound: he has none such.
    """
    if not await repository.mark_read(conn, person_id=person_id, notification_id=notification_id, now=now):
        raise NotificationNotFound


async def preferences(
    conn: Connection, *, person_id: UUID, kind: Kind | None = None
) -> Mapping[Kind, dict[Channel, bool]]:
    """What the person has said, by kind and channel; a kind of another release is left out. His scope."""
    found: dict[Kind, dict[Channel, bool]] = {}
    for row in await repository.list_preferences(conn, person_id=person_id, kind=kind):
        if row.kind in set(Kind):
            found.setdefault(Kind(row.kind), {})[Channel(row.channel)] = row.wanted
    return found


async def prefer(
    conn: Connection, *, person_id: UUID, kind: str, sms: bool | None = None, push: bool | None = None
) -> Kind:
    """Keep what the person wants of a kind; None leaves as it is. His scope.

    Raises:
        KindUnknown: there is no such kind.
        NotRefusable: this one cannot be refused.
        ChannelUnused: there is no text message of it.
    """
    if kind not in set(Kind):
        raise KindUnknown
    rule = KINDS[Kind(kind)]
    if not rule.refusable:
        raise NotRefusable
    if sms is not None and rule.sms is None:
        raise ChannelUnused
    for channel, wanted in ((Channel.SMS, sms), (Channel.PUSH, push)):
        if wanted is not None:
            await repository.put_preference(conn, person_id=person_id, kind=kind, channel=channel, wanted=wanted)
    return Kind(kind)
