"""Carrying an erasure out: step by step, each committed for itself, from wherever the last attempt was cut off.

Every step may be repeated. A store that is away delays the erasure and is never skipped: its step is marked only when
it has answered.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from uuid import UUID

import structlog

from backend.access import service as access
from backend.consent import repository as holds
from backend.enrolment import service as enrolment
from backend.gates import repository as gates
from backend.keys.service import Keys
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore
from backend.privacy import repository
from backend.privacy.repository import ErasureRow, PlaceRow, StepName
from backend.privacy.rules import next_attempt, while_waiting

__all__ = ["Saga"]

_log = structlog.get_logger(__name__)
#: Erasing answers what it found; after the first time that is only what was under way at that moment.
_MOST_SWEEPS = 10


class Saga:
    """Carries erasures out. Needs the worker's role."""

    def __init__(self, db: Database, keys: Keys, objects: ObjectStore, clock: Clock) -> None:
        """Work over the data, the key store and the objects."""
        self._db = db
        self._keys = keys
        self._objects = objects
        self._clock = clock
        self._steps: Mapping[StepName, Callable[[ErasureRow], Awaitable[bool]]] = {
            "grants": _done_at_once,
            "credentials": self._detach,
            "templates": self._erase_faces,
            "photos": self._erase_photos,
            "key": self._destroy_key,
            "gates": self._ask_gates,
        }

    async def resume(self, erasure_id: UUID) -> bool:
        """Go on with an erasure; whether it is complete. Never raises for what a later attempt may mend."""
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            erasure = await repository.get_erasure(conn, erasure_id=erasure_id)
        if erasure is None or erasure.completed_at is not None:
            return True
        try:
            return await self._advance(erasure)
        except Exception as error:  # noqa: BLE001 - whatever it is, what is not erased yet is tried again
            now = self._clock()
            name = type(error).__name__
            _log.warning("erasure-delayed", erasure=str(erasure_id), error=name, attempts=erasure.attempts)
            async with self._db.transaction(Scope(person_id=erasure.person_id)) as conn:
                await repository.set_attempt(
                    conn,
                    erasure_id=erasure_id,
                    next_attempt_at=next_attempt(erasure.attempts, now=now),
                    error=name[:100],
                )
            return False

    async def _advance(self, erasure: ErasureRow) -> bool:
        scope = Scope(person_id=erasure.person_id)
        async with self._db.transaction(scope, read_only=True) as conn:
            steps = await repository.list_steps(conn, erasure_id=erasure.erasure_id)
        for step in steps:
            if step.done_at is not None:
                continue
            if not await self._steps[step.name](erasure):
                async with self._db.transaction(scope) as conn:
                    await repository.set_attempt(
                        conn,
                        erasure_id=erasure.erasure_id,
                        next_attempt_at=while_waiting(erasure.started_at, now=self._clock()),
                        error=None,
                    )
                return False
            async with self._db.transaction(scope) as conn:
                await repository.set_step_done(conn, erasure_id=erasure.erasure_id, name=step.name, at=self._clock())
            _log.info("erasure-step", erasure=str(erasure.erasure_id), step=step.name)
        async with self._db.transaction(scope) as conn:
            await repository.set_completed(conn, erasure_id=erasure.erasure_id, at=self._clock())
        _log.info("erasure-completed", erasure=str(erasure.erasure_id))
        return True

    async def _detach(self, erasure: ErasureRow) -> bool:
        """Take the face off the gates and out of the gallery of every place, one transaction each."""
        for place in await self._places(erasure):
            async with self._db.transaction(
                Scope(community_id=place.community_id, person_id=erasure.person_id)
            ) as conn:
                await enrolment.detach(conn, community_id=place.community_id, subject_id=place.subject_id)
                head = await access.roster_version(conn, community_id=place.community_id)
                await repository.set_detached(
                    conn,
                    community_id=place.community_id,
                    erasure_id=erasure.erasure_id,
                    epoch=head.epoch,
                    version=head.version,
                    at=self._clock(),
                )
        return True

    async def _erase_faces(self, erasure: ErasureRow) -> bool:
        """Erase templates, photographs and reviews, until nothing is found."""
        for _ in range(_MOST_SWEEPS):
            erased = await enrolment.erase_person(self._db, self._keys, self._objects, person_id=erasure.person_id)
            if erased.photos == erased.templates == erased.objects == 0:
                break
        else:
            return False
        # Whoever attached the face at this moment held its template: it was attached before the template went, and
        # is detached now, or never.
        return await self._detach(erasure)

    async def _erase_photos(self, erasure: ErasureRow) -> bool:
        """Erase the photographs alone where the rest stays; otherwise see that none is left."""
        if erasure.extent == "photos":
            await enrolment.tidy(self._db, self._objects, person_id=erasure.person_id, now=self._clock())
            return True
        return await self._erase_faces(erasure)

    async def _destroy_key(self, erasure: ErasureRow) -> bool:
        """Destroy the key, and then let the person consent anew: to what will be sealed with another one."""
        await self._keys.destroy_person_key(erasure.person_id)
        # An upload that had read the key before stored its last bytes by now, and they can never be read.
        if not await self._erase_faces(erasure):
            return False
        async with self._db.transaction(Scope(person_id=erasure.person_id)) as conn:
            await holds.delete_hold(conn, person_id=erasure.person_id, erasure_id=erasure.erasure_id)
        return True

    async def _ask_gates(self, erasure: ErasureRow) -> bool:
        """Whether every gate in service has acknowledged a roster without the person, in every place."""
        complete = True
        for place in await self._places(erasure):
            if place.acknowledged_at is not None:
                continue
            at = await self._acknowledged_at(place)
            if at is None:
                complete = False
                continue
            async with self._db.transaction(Scope(person_id=erasure.person_id)) as conn:
                await repository.set_acknowledged(
                    conn, community_id=place.community_id, erasure_id=erasure.erasure_id, at=at
                )
        return complete

    async def _acknowledged_at(self, place: PlaceRow) -> datetime | None:
        """When the last gate acknowledged; now where there is none; None while one has not."""
        if place.roster_epoch is None or place.roster_version is None:
            return None
        async with self._db.transaction(Scope(community_id=place.community_id), read_only=True) as conn:
            receipts = await gates.list_receipts(
                conn, community_id=place.community_id, epoch=place.roster_epoch, version=place.roster_version
            )
        times = [receipt.confirmed_at for receipt in receipts]
        if any(at is None for at in times):
            return None
        return max((at for at in times if at is not None), default=self._clock())

    async def _places(self, erasure: ErasureRow) -> list[PlaceRow]:
        async with self._db.transaction(Scope(person_id=erasure.person_id), read_only=True) as conn:
            return await repository.list_places(conn, erasure_id=erasure.erasure_id)


async def _done_at_once(_: ErasureRow) -> bool:
    """Nothing is left to do: the transaction that began the erasure ended the grants."""
    return True
