"""Carrying erasures out: step by step, each committed for itself, from wherever the last attempt was cut off.

A thousand people may leave in one minute, so each step is taken for many at once; one alone is a batch of one. Every
step may be repeated. A store that is away delays an erasure and is never skipped: its step is marked only when it has
answered.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from backend.keys.service import Keys
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import Sender
from backend.kit.problems import Unavailable
from backend.kit.storage import ObjectStore
from backend.kit.tracing import part
from backend.privacy.finishing import Finishing
from backend.privacy.progress import repository as progress
from backend.privacy.repository import ErasureRow, StepName
from backend.privacy.rules import next_attempt
from backend.privacy.steps import Delays, Step, Steps

__all__ = ["MOST_TOGETHER", "Saga"]

_log = structlog.get_logger(__name__)
#: Few enough that whoever else waits for a community's roster does so for a fraction of a second.
MOST_TOGETHER = 100


class Saga:
    """Carries erasures out. Needs the worker's role."""

    def __init__(
        self,
        db: Database,
        keys: Keys,
        objects: ObjectStore,
        clock: Clock,
        *,
        sender: Sender | None = None,
        public_url: str = "http://127.0.0.1:8480",
    ) -> None:
        """Work over the data, the key store and the objects.

        Args:
            db: the data, under the worker's role.
            keys: the key store.
            objects: where photographs lie.
            clock: the time.
            sender: tells people where their certificate is; nobody is told where there is none.
            public_url: the deployment's address, the issuer of certificates.
        """
        self._db = db
        self._clock = clock
        self._finishing = Finishing(db, keys, clock, sender=sender, public_url=public_url)
        steps = Steps(db, keys, objects, clock, self._finishing)
        # In this order; an erasure has some of them.
        self._steps: Mapping[StepName, Step] = {
            "grants": steps.end_grants,
            "credentials": steps.detach,
            "templates": steps.erase_faces,
            "photos": steps.erase_photos,
            "key": steps.destroy_keys,
            "person": steps.forget,
            "gates": self._finishing.ask_gates,
        }

    async def resume(self, erasure_id: UUID) -> bool:
        """Go on with an erasure; whether it is complete. Never raises for what a later attempt may mend."""
        return erasure_id in await self.resume_all([erasure_id])

    async def resume_all(self, erasure_ids: Sequence[UUID]) -> set[UUID]:
        """Go on with up to :data:`MOST_TOGETHER` erasures; which are complete. Never raises, as above."""
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            going = await progress.list_open(conn, erasure_ids=erasure_ids)
            steps = await progress.list_steps_of(conn, erasure_ids=[row.erasure_id for row in going])
        complete = set(erasure_ids) - {row.erasure_id for row in going}
        left = {(step.erasure_id, step.name) for rows in steps.values() for step in rows if step.done_at is None}
        for name, step in self._steps.items():
            turn = [row for row in going if (row.erasure_id, name) in left]
            through = await self._take(name, step, turn)
            await self._mark(name, through)
            stays = {row.erasure_id for row in turn} - {row.erasure_id for row in through}
            going = [row for row in going if row.erasure_id not in stays]
        completed = {row.erasure_id for row in await self._take("complete", self._finishing.complete, going)}
        for erasure_id in sorted(completed):
            _log.info("erasure-completed", erasure=str(erasure_id))
        return complete | completed

    async def _take(self, name: str, step: Step, erasures: Sequence[ErasureRow]) -> list[ErasureRow]:
        """Take the step; those that are through. Why the others are not is written down with their next attempt."""
        if not erasures:
            return []
        try:
            with part("erasure-step", step=name, erasures=len(erasures)):
                delays = await step(erasures)
        except Exception as error:  # noqa: BLE001 - whatever it is, what is not erased yet is tried again
            if len(erasures) > 1 and not isinstance(error, Unavailable):
                # What one of them met must not keep the others; where a store is away, it is for all of them.
                return [row for one in erasures for row in await self._take(name, step, [one])]
            delays = self._failed(erasures, error)
        if delays:
            async with self._db.transaction(Scope(platform=True)) as conn:
                await progress.set_attempts(conn, delays=[*delays.items()])
        return [row for row in erasures if row.erasure_id not in delays]

    def _failed(self, erasures: Sequence[ErasureRow], error: Exception) -> Delays:
        name, now = type(error).__name__[:100], self._clock()
        for row in erasures:
            _log.warning("erasure-delayed", erasure=str(row.erasure_id), error=name, attempts=row.attempts)
        return {row.erasure_id: progress.Delay(next_attempt(row.attempts, now=now), name) for row in erasures}

    async def _mark(self, name: StepName, erasures: Sequence[ErasureRow]) -> None:
        if not erasures:
            return
        ids = [row.erasure_id for row in erasures]
        async with self._db.transaction(Scope(platform=True)) as conn:
            await progress.set_steps_done(conn, erasure_ids=ids, name=name, at=self._clock())
        for erasure_id in ids:
            _log.info("erasure-step", erasure=str(erasure_id), step=name)
