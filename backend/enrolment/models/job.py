"""What a change of models does by itself: templates made, people asked, and at the end the old ones erased.

Everything that is left to do is read from the database, in chunks with a transaction each: a worker that is killed is
replaced by any other, which goes on where it stopped.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from backend.access.repository import roster_hold
from backend.audit import service as audit
from backend.enrolment.calibration.service import count_impostors
from backend.enrolment.faces import ModelsRefused
from backend.enrolment.findings import LOOK_ALIKE
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.lookalikes import repository as lookalikes
from backend.enrolment.gallery.opened import Face, open_face, unpacked
from backend.enrolment.gallery.service import detach
from backend.enrolment.models import repository
from backend.enrolment.models.renewal import renew
from backend.enrolment.models.repository import ChangeRow, NextRow, RenewableRow
from backend.enrolment.retention import tidy
from backend.enrolment.templates import repository as kept_templates
from backend.keys.errors import KeyStoreError
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Unavailable
from backend.kit.storage import ObjectStore
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from backend.notifications.service import News
from gate_sdk.face import FaceEngine

__all__ = ["LAST_CALL", "ModelChanges"]

_log = structlog.get_logger(__name__)
#: People are asked when a change begins, and once more so long before it ends.
LAST_CALL = timedelta(days=7)
_CHUNK = 50
_PAGE = 500
_ALIKE = 50
_NIL = UUID(int=0)


class ModelChanges:
    """Carries out every community's change of models; ``advance`` is called again and again."""

    def __init__(self, db: Database, keys: Keys, objects: ObjectStore, load: Callable[[str], FaceEngine]) -> None:
        """Work on ``db``, ``keys`` and ``objects``; ``load`` loads a pack, blocking."""
        self._db = db
        self._keys = keys
        self._objects = objects
        self._load = load
        # Photographs in which the new pack finds no face: looked at once by each worker.
        self._hopeless: set[UUID] = set()

    async def advance(self, *, now: datetime) -> int:
        """Go on with every change as far as it goes now; how many people it has brought forward. Platform scope."""
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            changes = await repository.list_open(conn)
        done = 0
        for change in changes:
            try:
                done += await self._advance(change, now)
            except (ModelsRefused, Unavailable) as error:
                _log.warning("model-change-waits", community=str(change.community_id), error=type(error).__name__)
        return done

    async def _advance(self, change: ChangeRow, now: datetime) -> int:
        done = 0
        if change.state == "running" and now >= change.ends_at:
            change = await self._go_on(change, "finishing", now)
        if change.state == "running":
            done += await self._renew_all(change, now)
            if change.asked == 0 or (change.asked == 1 and now >= change.ends_at - LAST_CALL):
                await self._ask_all(change, now)
        elif change.state in ("finishing", "cancelling"):
            done += await (self._finish(change, now) if change.state == "finishing" else self._cancel(change))
            change = await self._go_on(change, "erasing", now)
        if change.state == "erasing":
            await self._erase(change, now)
        return done

    async def _go_on(self, change: ChangeRow, state: repository.ChangeState, now: datetime) -> ChangeRow:
        """Take the change to its next state, unless somebody else has."""
        async with self._db.transaction(Scope(community_id=change.community_id)) as conn:
            row = await repository.lock_open(conn, community_id=change.community_id)
            if row is None or row.change_id != change.change_id or row.state != change.state:
                return change if row is None else row
            await repository.update_state(
                conn,
                community_id=change.community_id,
                change_id=change.change_id,
                state=state,
                cancelled=change.cancelled,
                now=now,
            )
            if state == "ended":
                await repository.delete_thresholds(conn, community_id=change.community_id)
            await audit.record(
                conn,
                community_id=change.community_id,
                actor="system",
                action="models.go_on",
                target=f"community:{change.community_id}",
                reason=f"{change.to_pack}: {state}",
            )
            return await repository.lock_open(conn, community_id=change.community_id) or row

    async def _renew_all(self, change: ChangeRow, now: datetime) -> int:
        """Put the new pack's template beside everybody's whose photographs are there."""
        done, after, engine = 0, _NIL, None
        while True:
            async with self._db.transaction(Scope(community_id=change.community_id), read_only=True) as conn:
                rows = await repository.list_renewable(
                    conn, community_id=change.community_id, to_pack=change.to_pack, after=after, limit=_CHUNK
                )
            if not rows:
                return done
            if engine is None:
                engine = await asyncio.to_thread(self._load, change.to_pack)
            made = [(row, face) for row in rows if (face := await self._face(change, row, engine, now)) is not None]
            done += await self._put_beside(change, made)
            after = rows[-1].subject_id

    async def _face(self, change: ChangeRow, row: RenewableRow, engine: FaceEngine, now: datetime) -> Face | None:
        if row.template_id in self._hopeless:
            return None
        async with self._db.transaction(Scope(person_id=row.person_id), read_only=True) as conn:
            templates = await kept_templates.list_templates(conn, person_id=row.person_id)
        by_id = {one.template_id: one for one in templates}
        try:
            if row.next_id is not None and row.next_id in by_id:
                return await open_face(self._keys, by_id[row.next_id])
        except (KeyStoreError, SealBroken):
            return None  # he is being erased
        old = by_id.get(row.template_id)
        if old is None:
            return None
        renewed = await renew(self._db, self._keys, self._objects, engine, of=old)
        if renewed is None:
            self._hopeless.add(row.template_id)
            return None
        face, probes = renewed
        await count_impostors(
            self._db, community_id=change.community_id, subject_id=row.subject_id, face=face, probes=probes, now=now
        )
        return face

    async def _put_beside(self, change: ChangeRow, made: list[tuple[RenewableRow, Face]]) -> int:
        """Give gates and gallery these templates, in one change of the roster."""
        if not made:
            return 0
        community_id = change.community_id
        async with self._db.transaction(Scope(community_id=community_id)) as conn:
            await gallery.ensure_partition(conn)
        async with self._db.transaction(Scope(community_id=community_id)) as conn:
            await roster_hold(conn)
            packs = await repository.packs_of(conn, community_id=community_id)
            if packs.coming != change.to_pack:
                return 0  # it was ended or called off while the photographs were looked at
            linked = await repository.set_next(
                conn,
                community_id=community_id,
                pack=change.to_pack,
                rows=[
                    NextRow(row.subject_id, row.template_id, face.row.template_id, face.row.sha256)
                    for row, face in made
                ],
            )
            for row, face in made:
                if row.subject_id in linked:
                    await self._put_into_gallery(conn, change, row.subject_id, face)
            await audit.record(
                conn,
                community_id=community_id,
                actor="system",
                action="templates.renew",
                target=f"community:{community_id}",
                reason=f"{change.to_pack}: {len(linked)} templates",
            )
        return len(linked)

    async def _put_into_gallery(self, conn: Connection, change: ChangeRow, subject_id: UUID, face: Face) -> None:
        await gallery.put_row(
            conn,
            community_id=change.community_id,
            subject_id=subject_id,
            template_id=face.row.template_id,
            pack=change.to_pack,
            template=face.template,
        )
        alike = await gallery.list_near(
            conn,
            community_id=change.community_id,
            pack=change.to_pack,
            besides=subject_id,
            probe=unpacked(face.template),
            at_least=LOOK_ALIKE,
            limit=_ALIKE,
        )
        if alike:
            # By either pack: whoever two are alike to, the larger lead is asked for until neither finds them so.
            await lookalikes.mark(
                conn,
                community_id=change.community_id,
                subject_id=subject_id,
                vouched=await lookalikes.is_vouched(conn, community_id=change.community_id, subject_id=subject_id),
                alike=[one.subject_id for one in alike],
            )

    async def _ask_all(self, change: ChangeRow, now: datetime) -> None:
        """Ask everybody who is waited for to renew his face; each once a pass, however often it is cut off."""
        after: UUID | None = change.after_subject
        while after is not None:
            async with self._db.transaction(Scope(community_id=change.community_id)) as conn:
                rows = await repository.list_waited_for(
                    conn, community_id=change.community_id, to_pack=change.to_pack, after=after, limit=_PAGE
                )
                await notifications.tell_all(
                    conn,
                    news=[
                        News(
                            person_id=row.person_id,
                            kind=Kind.FACE_RENEWAL_DUE,
                            occasion=f"{change.change_id}/{change.asked}",
                            community_id=change.community_id,
                            about_id=None,
                            detail=change.ends_at.date().isoformat(),
                        )
                        for row in rows
                    ],
                    now=now,
                )
                after = rows[-1].subject_id if len(rows) == _PAGE else None
                await repository.update_pass(
                    conn, community_id=change.community_id, change_id=change.change_id, after=after
                )

    async def _finish(self, change: ChangeRow, now: datetime) -> int:
        """Leave everybody the new pack's template; who has none goes by his QR code, and is told so."""
        done = 0
        while True:
            async with self._db.transaction(Scope(community_id=change.community_id)) as conn:
                await roster_hold(conn)
                left = await repository.finish_chunk(
                    conn, community_id=change.community_id, to_pack=change.to_pack, limit=_PAGE
                )
                lost = [row for row in left if row.lost]
                await detach(conn, community_id=change.community_id, subject_ids=[row.subject_id for row in lost])
                await notifications.tell_all(
                    conn,
                    news=[
                        News(
                            person_id=row.person_id,
                            kind=Kind.FACE_RENEWAL_MISSED,
                            occasion=str(change.change_id),
                            community_id=change.community_id,
                            about_id=None,
                            detail=None,
                        )
                        for row in lost
                    ],
                    now=now,
                )
            if not left:
                return done
            done += len(left)

    async def _cancel(self, change: ChangeRow) -> int:
        done = 0
        while True:
            async with self._db.transaction(Scope(community_id=change.community_id)) as conn:
                await roster_hold(conn)
                count = await repository.cancel_chunk(conn, community_id=change.community_id, limit=_PAGE)
            if not count:
                return done
            done += count

    async def _erase(self, change: ChangeRow, now: datetime) -> None:
        """Erase the templates that none of a person's communities can go by any more, person by person."""
        after = change.after_subject
        while True:
            async with self._db.transaction(Scope(community_id=change.community_id), read_only=True) as conn:
                rows = await repository.list_people(conn, community_id=change.community_id, after=after, limit=_PAGE)
            for row in rows:
                await tidy(self._db, self._objects, person_id=row.person_id, now=now)
            if not rows:
                await self._go_on(change, "ended", now)
                return
            after = rows[-1].subject_id
            async with self._db.transaction(Scope(community_id=change.community_id)) as conn:
                await repository.update_pass(
                    conn, community_id=change.community_id, change_id=change.change_id, after=after
                )
