"""What the worker does as children grow: ask at fourteen, conclude thirty days later, let go at eighteen, remind.

Each duty is found by an index, done for each one in transactions of its own, and marked; one that fails is logged and
comes again. Days begin in each community's own time zone.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta

import structlog
from dateutil.relativedelta import relativedelta

from backend.audit import service as audit
from backend.communities import repository as communities
from backend.guardians import repository as guardians
from backend.guardians import service as guarding
from backend.guardians.repository import MinorRow
from backend.guardians.rules import ANSWER_WITHIN, CONSENT_AGE, MAJORITY, Recapture, Stage, recapture_due
from backend.kit.db import Connection, Database, Scope
from backend.kit.messages import Sender
from backend.links.addresses import link_address
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from backend.notifications.service import News
from backend.privacy import service
from backend.privacy.forgetting.service import phone_to_tell, phone_to_tell_of, phones_of_guardians
from backend.privacy.repository import ErasureRow
from backend.privacy.trail import SYSTEM, record_begun
from backend.privacy.wards import repository
from backend.privacy.wards.service import link_of_young

__all__ = ["GrowingUp"]

_log = structlog.get_logger(__name__)
_BATCH = 200
# Somebody without a face is looked at again after this: sooner than any reminder can be due.
_LOOK_AGAIN = timedelta(days=30)
# The earliest time zone is fourteen hours ahead of UTC.
_AHEAD = timedelta(hours=14)


class GrowingUp:
    """Does it. Needs the worker's role."""

    def __init__(
        self, db: Database, sender: Sender, *, pepper: bytes, public_url: str, recapture: Recapture | None = None
    ) -> None:
        """Work over the data.

        Args:
            db: the data, under the worker's role.
            sender: writes to young people and guardians.
            pepper: keys the hashes of links.
            public_url: where links lead.
            recapture: after how long faces are to be taken anew.
        """
        self._db = db
        self._sender = sender
        self._pepper = pepper
        self._public_url = public_url
        self._recapture = recapture or Recapture()

    async def turn(self, *, now: datetime) -> int:
        """Everything that is due, at most 200 of each kind; how much was done."""
        latest = (now + _AHEAD).date()
        done = 0
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            asked = await repository.list_to_ask(conn, born_by=_born(latest, CONSENT_AGE), limit=_BATCH)
        done += await self._each("ask", asked, self._ask, now)
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            untold = await repository.list_to_tell(conn, limit=_BATCH)
            unsettled = await repository.list_to_settle(conn, asked_by=now - ANSWER_WITHIN, limit=_BATCH)
            of_age = await repository.list_of_age(conn, born_by=_born(latest, MAJORITY), limit=_BATCH)
            grown = await repository.list_to_look_at(conn, at=now, limit=_BATCH)
        done += await self._each("tell", untold, self._tell, now)
        done += await self._each("settle", unsettled, self._settle, now)
        done += await self._each("release", of_age, self._release, now)
        return done + await self._each("look", grown, self._look, now)

    async def _each(
        self,
        duty: str,
        minors: list[MinorRow],
        act: Callable[[MinorRow, datetime], Awaitable[bool]],
        now: datetime,
    ) -> int:
        done = 0
        for minor in minors:
            try:
                done += await act(minor, now)
            except Exception as error:  # noqa: BLE001 - one that fails must not keep the others from it
                _log.warning("growing-up-delayed", duty=duty, member=str(minor.member_id), error=type(error).__name__)
        return done

    async def _ask(self, minor: MinorRow, now: datetime) -> bool:
        """At fourteen he is asked; the thirty days begin now, however late the worker comes."""
        if guarding.stage(minor, now) is Stage.CHILD:
            return False
        async with self._db.transaction(Scope(community_id=minor.community_id)) as conn:
            await repository.set_asked(conn, community_id=minor.community_id, member_id=minor.member_id, at=now)
            await _record(conn, minor, "minor.ask")
        return True

    async def _tell(self, minor: MinorRow, now: datetime) -> bool:
        """Write to him, or to whoever acts for him with a link to hand on. Without any number the office has to."""
        if minor.person_id is None or guarding.stage(minor, now) is not Stage.ASKED:
            return await self._told(minor, now)
        values = {"days": str(ANSWER_WITHIN.days), "community": await self._name(minor)}
        own = await phone_to_tell_of(self._db, person_id=minor.person_id)
        told = [] if own is not None else await phones_of_guardians(self._db, person_id=minor.person_id)
        if own is not None:
            await self._sender.send(to=own[0], template="own_consent", values=values, language=own[1])
        if told:
            async with self._db.transaction(Scope(community_id=minor.community_id)) as conn:
                token = await link_of_young(
                    conn, community_id=minor.community_id, member_id=minor.member_id, pepper=self._pepper, now=now
                )
            values["link"] = link_address(self._public_url, token)
        for phone, language in told:
            await self._sender.send(to=phone, template="own_consent_of_child", values=values, language=language)
        return await self._told(minor, now)

    async def _told(self, minor: MinorRow, now: datetime) -> bool:
        async with self._db.transaction(Scope(community_id=minor.community_id)) as conn:
            await repository.set_told(conn, community_id=minor.community_id, member_id=minor.member_id, at=now)
        return True

    async def _settle(self, minor: MinorRow, now: datetime) -> bool:
        """Thirty days later whatever guardians agreed to, and he has not made his own, lapses."""
        await self._lapse(minor, now)
        async with self._db.transaction(Scope(community_id=minor.community_id)) as conn:
            await repository.set_settled(conn, community_id=minor.community_id, member_id=minor.member_id, at=now)
            await _record(conn, minor, "minor.settle")
        return True

    async def _release(self, minor: MinorRow, now: datetime) -> bool:
        """At eighteen nobody acts for him any more, and his birth date goes."""
        if guarding.stage(minor, now) is not Stage.ADULT:
            return False
        await self._lapse(minor, now)
        async with self._db.transaction(Scope(community_id=minor.community_id)) as conn:
            await guarding.forget_members(conn, community_id=minor.community_id, member_ids=[minor.member_id], now=now)
            await _record(conn, minor, "minor.of_age")
        return True

    async def _look(self, minor: MinorRow, now: datetime) -> bool:
        """Remind of a face that has grown, once for each template; the old one serves until there is a new one."""
        made_at = None
        if minor.person_id is not None:
            async with self._db.transaction(Scope(person_id=minor.person_id), read_only=True) as conn:
                made_at = await repository.face_of(conn, person_id=minor.person_id)
        look_at, reminded = now + _LOOK_AGAIN, None
        if made_at is not None:
            due = recapture_due(minor.birth_date, minor.time_zone, made_at, self._recapture)
            if due > now:
                look_at = min(due, look_at)
            elif minor.reminded_at is None or minor.reminded_at < made_at:
                await self._remind(minor, now)
                reminded = now
        async with self._db.transaction(Scope(community_id=minor.community_id)) as conn:
            await repository.set_looked(
                conn,
                community_id=minor.community_id,
                member_id=minor.member_id,
                look_at=look_at,
                reminded_at=reminded,
            )
        return reminded is not None

    async def _remind(self, minor: MinorRow, now: datetime) -> None:
        if minor.person_id is None:
            return
        told = await phone_to_tell(self._db, person_id=minor.person_id)
        if told is not None:
            phone, language = told
            values = {"community": await self._name(minor)}
            await self._sender.send(to=phone, template="recapture", values=values, language=language)
        async with self._db.transaction(Scope(person_id=minor.person_id)) as conn:
            await _put_before(conn, minor, Kind.RECAPTURE_DUE, now)

    async def _lapse(self, minor: MinorRow, now: datetime) -> ErasureRow | None:
        if minor.person_id is None:
            return None
        async with self._db.transaction(Scope(person_id=minor.person_id)) as conn:
            begun = await service.lapse(conn, person_id=minor.person_id, by_guardian=True, now=now)
            if begun is not None:
                await record_begun(conn, community_id=None, actor=SYSTEM, begun=[begun])
                await _put_before(conn, minor, Kind.CONSENT_LAPSED, now)
        return begun

    async def _name(self, minor: MinorRow) -> str:
        async with self._db.transaction(Scope(community_id=minor.community_id), read_only=True) as conn:
            community = await communities.get_community(conn, community_id=minor.community_id)
        return "" if community is None else community.name


async def _put_before(conn: Connection, minor: MinorRow, kind: Kind, now: datetime) -> None:
    """Tell the young person and whoever acts for him, in the app. His scope."""
    if minor.person_id is None:
        return
    ties = await guardians.list_guardians(conn, person_id=minor.person_id)
    news = [
        News(
            person_id=person_id,
            kind=kind,
            occasion=f"{minor.member_id}/{now.date()}",
            community_id=minor.community_id,
            about_id=minor.member_id,
        )
        for person_id in (minor.person_id, *(tie.guardian_id for tie in ties))
    ]
    await notifications.tell_all(conn, news=news, now=now)


async def _record(conn: Connection, minor: MinorRow, action: str) -> None:
    await audit.record(
        conn, community_id=minor.community_id, actor="system", action=action, target=f"member:{minor.member_id}"
    )


def _born(latest: date, years: int) -> date:
    """The last birth date of whoever may be that old on the latest day there is on earth; a day more is harmless."""
    return latest - relativedelta(years=years) + timedelta(days=1)
