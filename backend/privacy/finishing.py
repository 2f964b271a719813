"""How erasures end: the gates' word, certificates, and word to the people that there is one."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from backend.keys.service import Keys
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.privacy.certificates import repository as certificates
from backend.privacy.certificates.rules import settled_at
from backend.privacy.certificates.service import Certifier, certificate_link
from backend.privacy.forgetting import service as forgetting
from backend.privacy.holds import meeting
from backend.privacy.progress import repository as progress
from backend.privacy.progress.repository import Delay
from backend.privacy.repository import ErasureRow
from backend.privacy.rules import next_attempt, while_waiting

__all__ = ["Finishing"]

_log = structlog.get_logger(__name__)
#: How long a carrier of messages may be away before somebody is forgotten without having been written to.
_MESSAGE_PATIENCE = timedelta(hours=1)
#: How long at most before an erasure looks again whether a legal hold has ended. What releases the hold asks for the
#: next attempt; this one is for the case that it is lost.
_HOLD_PATIENCE = timedelta(hours=1)
_MESSAGES_AT_ONCE = 8


class Finishing:
    """Ends erasures. Needs the worker's role."""

    def __init__(self, db: Database, keys: Keys, clock: Clock, *, sender: Sender | None, public_url: str) -> None:
        """Work over the data and the key store; for the rest see :class:`backend.privacy.saga.Saga`."""
        self._db = db
        self._keys = keys
        self._clock = clock
        self._sender = sender
        self._public_url = public_url
        self._certifier = Certifier(db, keys, issuer=public_url)
        self._sending = asyncio.Semaphore(_MESSAGES_AT_ONCE)

    async def ask_gates(self, erasures: Sequence[ErasureRow]) -> Mapping[UUID, Delay]:
        """Whether every gate has acknowledged a roster without the person, was wiped by its lease, or is revoked.

        While one is outstanding there is a provisional certificate.
        """
        now = self._clock()
        words = await self._certifier.words(erasures, now=now)
        settled, outstanding = [], set()
        for one in (word for row in erasures for word in words[row.erasure_id]):
            if one.place.acknowledged_at is not None:
                continue
            removed_at = one.place.detached_at
            at = None if removed_at is None else settled_at(one.gates, removed_at=removed_at)
            if at is None:
                outstanding.add(one.place.erasure_id)
            else:
                settled.append((one.place, at))
        async with self._db.transaction(Scope(platform=True)) as conn:
            await progress.set_acknowledged(conn, settled=settled)
        waiting = [row for row in erasures if row.erasure_id in outstanding]
        await self._certifier.issue(waiting, words=words, now=now)
        return {row.erasure_id: Delay(while_waiting(row.started_at, now=now)) for row in waiting}

    async def complete(self, erasures: Sequence[ErasureRow]) -> Mapping[UUID, Delay]:
        """Complete them with their certificates, but for those that wait for the end of a legal hold."""
        now = self._clock()
        await self._note_roles(erasures)
        words = await self._certifier.words(erasures, now=now)
        held = await self._held(erasures)
        await self._certifier.issue([row for row in erasures if row.erasure_id in held], words=words, now=now)
        free = [row for row in erasures if row.erasure_id not in held]
        completed = await self._certifier.complete(free, words=words, now=now)
        # Whoever is written to here has an account, and finds the certificate there.
        await self._tell([row for row in free if row.erasure_id in completed])
        return {erasure_id: Delay(now + _HOLD_PATIENCE) for erasure_id in held}

    async def tell_before(self, erasures: Sequence[ErasureRow]) -> Mapping[UUID, Delay]:
        """Write to those whose numbers are about to go; who is to be kept a while, since nobody could."""
        now = self._clock()
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            kept = await forgetting.roles_of(conn, person_ids=[row.person_id for row in erasures], now=now)
        # While their numbers are known: afterwards nobody can write to them.
        untold = await self._tell([row for row in erasures if forgetting.account_goes(row, kept[row.person_id])])
        return {
            row.erasure_id: Delay(next_attempt(row.attempts, now=now), MessagesUnavailable.__name__)
            for row in untold
            if now - row.started_at < _MESSAGE_PATIENCE
        }

    async def _note_roles(self, erasures: Sequence[ErasureRow]) -> None:
        """Write down what those are who go on being it: the certificate says what that still needs."""
        async with self._db.transaction(Scope(platform=True)) as conn:
            steps = await progress.list_steps_of(conn, erasure_ids=[row.erasure_id for row in erasures])
            stay = [row for row in erasures if all(step.name != "person" for step in steps[row.erasure_id])]
            kept = await forgetting.roles_of(conn, person_ids=[row.person_id for row in stay], now=self._clock())
            await forgetting.note_roles(conn, erasures=stay, kept=kept)

    async def _held(self, erasures: Sequence[ErasureRow]) -> set[UUID]:
        """Those of whom an order keeps photographs: all else is erased by now, and this waits for its end."""
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            return await meeting.list_kept_open(conn, erasure_ids=[row.erasure_id for row in erasures])

    async def _tell(self, erasures: Sequence[ErasureRow]) -> list[ErasureRow]:
        """Write to the people who have an account where their certificates are; whom nobody could write to."""
        if self._sender is None:
            return []
        told = await forgetting.phones_to_tell(self._db, person_ids=[row.person_id for row in erasures])
        reached = [row for row in erasures if row.person_id in told]
        if not reached:
            return []
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            rows = await certificates.list_of_erasures(conn, erasure_ids=[row.erasure_id for row in reached])
        own = {row.erasure_id: row.certificate_id for row in rows if row.about_community is None}
        pepper = await self._keys.pepper()

        async def send(row: ErasureRow, sender: Sender) -> ErasureRow | None:
            phone, language = told[row.person_id]
            link = certificate_link(self._public_url, own[row.erasure_id], pepper=pepper, language=language)
            try:
                async with self._sending:
                    await sender.send(to=phone, template="erasure_complete", values={"link": link}, language=language)
            except MessagesUnavailable:
                _log.warning("erasure-not-told", erasure=str(row.erasure_id))
                return row
            return None

        failed = await asyncio.gather(*(send(row, self._sender) for row in reached))
        return [row for row in failed if row is not None]
