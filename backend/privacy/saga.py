"""Carrying an erasure out: step by step, each committed for itself, from wherever the last attempt was cut off.

Every step may be repeated. A store that is away delays the erasure and is never skipped: its step is marked only when
it has answered.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from backend.access import service as access
from backend.audit import service as audit
from backend.consent import repository as holds
from backend.enrolment import service as enrolment
from backend.households.members import repository as members
from backend.keys.service import Keys
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.storage import ObjectStore
from backend.privacy import repository, service
from backend.privacy.certificates import repository as certificates
from backend.privacy.certificates.rules import PlaceWords, settled_at
from backend.privacy.certificates.service import Certifier, certificate_link
from backend.privacy.forgetting import service as forgetting
from backend.privacy.holds import repository as legal_holds
from backend.privacy.repository import ErasureRow, PlaceRow, StepName
from backend.privacy.rules import FACE_ONLY, next_attempt, while_waiting
from backend.privacy.wards import service as wards

__all__ = ["Saga"]

_log = structlog.get_logger(__name__)
#: Erasing answers what it found; after the first time that is only what was under way at that moment.
_MOST_SWEEPS = 10
#: How long a carrier of messages may be away before somebody is forgotten without having been written to.
_MESSAGE_PATIENCE = timedelta(hours=1)
#: How long at most before an erasure looks again whether a legal hold has ended.
_HOLD_PATIENCE = timedelta(hours=1)


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
        self._keys = keys
        self._objects = objects
        self._clock = clock
        self._sender = sender
        self._public_url = public_url
        self._certifier = Certifier(db, keys, issuer=public_url)
        self._steps: Mapping[StepName, Callable[[ErasureRow], Awaitable[bool]]] = {
            "grants": self._end_grants,
            "credentials": self._detach,
            "templates": self._erase_faces,
            "photos": self._erase_photos,
            "key": self._destroy_key,
            "person": self._forget_person,
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
        now = self._clock()
        if all(step.name != "person" for step in steps):
            await self._note_roles(erasure)
        words = await self._certifier.words(erasure, now=now)
        if await self._is_held(erasure, words, now=now):
            return False
        if await self._certifier.complete(erasure.erasure_id, person_id=erasure.person_id, words=words, now=now):
            _log.info("erasure-completed", erasure=str(erasure.erasure_id))
            try:
                await self._tell(erasure)
            except MessagesUnavailable:
                # Whoever is written to here has an account, and finds the certificate there.
                _log.warning("erasure-not-told", erasure=str(erasure.erasure_id))
        return True

    async def _end_grants(self, erasure: ErasureRow) -> bool:
        """End the memberships of who deletes his account, but for those as a tenant, on which a household rests.

        In all other cases the transaction that began the erasure ended the grants.
        """
        if erasure.reason != "account_deleted":
            return True
        async with self._db.transaction(Scope(person_id=erasure.person_id), read_only=True) as conn:
            mine = await members.list_memberships(conn, person_id=erasure.person_id)
        for one in mine:
            if one.relation == "tenant":
                continue
            async with self._db.transaction(Scope(community_id=one.community_id)) as conn:
                await service.end_membership(
                    conn, community_id=one.community_id, member_id=one.member_id, now=self._clock()
                )
                await audit.record(
                    conn,
                    community_id=one.community_id,
                    actor="system",
                    action="member.end",
                    target=f"member:{one.member_id}",
                )
        await wards.resign(self._db, guardian_id=erasure.person_id, now=self._clock())
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

    async def _erase_faces(self, erasure: ErasureRow, *, again: bool = False) -> bool:
        """Erase templates, photographs and reviews, until nothing is found; ``again`` where that was done before."""
        for sweep in range(_MOST_SWEEPS):
            erased = await enrolment.erase_person(self._db, self._keys, self._objects, person_id=erasure.person_id)
            if erased.photos == erased.templates == erased.objects == 0:
                if again and sweep == 0:
                    return True
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
        return await self._erase_faces(erasure, again=True)

    async def _destroy_key(self, erasure: ErasureRow) -> bool:
        """Destroy the key, and then let the person consent anew: to what will be sealed with another one."""
        await self._keys.destroy_person_key(erasure.person_id)
        # An upload that had read the key before stored its last bytes by now, and they can never be read.
        if not await self._erase_faces(erasure, again=True):
            return False
        if erasure.reason in FACE_ONLY:
            # Whoever may be gone in a moment is not asked for anything new until it is known whether he stays.
            async with self._db.transaction(Scope(person_id=erasure.person_id)) as conn:
                await holds.delete_hold(conn, person_id=erasure.person_id, erasure_id=erasure.erasure_id)
        return True

    async def _forget_person(self, erasure: ErasureRow) -> bool:
        """Forget the person as far as nothing that he still is needs him."""
        now = self._clock()
        async with self._db.transaction(Scope(person_id=erasure.person_id, platform=True), read_only=True) as conn:
            kept = await forgetting.roles(conn, person_id=erasure.person_id, now=now)
        if forgetting.account_goes(erasure, kept):
            # While his number is known: afterwards nobody can write to him.
            try:
                await self._tell(erasure)
            except MessagesUnavailable:
                if now - erasure.started_at < _MESSAGE_PATIENCE:
                    raise
                _log.warning("erasure-not-told", erasure=str(erasure.erasure_id))
        await forgetting.forget(self._db, erasure=erasure, now=now)
        return True

    async def _note_roles(self, erasure: ErasureRow) -> None:
        """Write down what somebody is who only took back a consent: the certificate says what that still needs."""
        async with self._db.transaction(Scope(person_id=erasure.person_id, platform=True)) as conn:
            kept = await forgetting.roles(conn, person_id=erasure.person_id, now=self._clock())
            await repository.set_kept_roles(conn, erasure_id=erasure.erasure_id, roles=kept)

    async def _tell(self, erasure: ErasureRow) -> None:
        """Write to the person, if he has an account, where his certificate is."""
        if self._sender is None:
            return
        told = await forgetting.phone_to_tell(self._db, person_id=erasure.person_id)
        if told is None:
            return
        phone, language = told
        async with self._db.transaction(Scope(person_id=erasure.person_id)) as conn:
            own = await certificates.ensure(
                conn, erasure_id=erasure.erasure_id, person_id=erasure.person_id, about_community=None
            )
        link = certificate_link(
            self._public_url, own.certificate_id, pepper=await self._keys.pepper(), language=language
        )
        await self._sender.send(to=phone, template="erasure_complete", values={"link": link}, language=language)

    async def _ask_gates(self, erasure: ErasureRow) -> bool:
        """Whether every gate has acknowledged a roster without the person, was wiped by its lease, or is revoked.

        While one is outstanding there is a provisional certificate.
        """
        now = self._clock()
        complete = True
        words = await self._certifier.words(erasure, now=now)
        for one in words:
            place = one.place
            if place.acknowledged_at is not None:
                continue
            at = None if place.detached_at is None else settled_at(one.gates, removed_at=place.detached_at)
            if at is None:
                complete = False
                continue
            async with self._db.transaction(Scope(person_id=erasure.person_id)) as conn:
                await repository.set_acknowledged(
                    conn, community_id=place.community_id, erasure_id=erasure.erasure_id, at=at
                )
        if not complete:
            await self._certifier.issue(erasure.erasure_id, person_id=erasure.person_id, words=words, now=now)
        return complete

    async def _is_held(self, erasure: ErasureRow, words: list[PlaceWords], *, now: datetime) -> bool:
        """Whether an order keeps photographs of the person: all else is erased by now, and this waits for its end."""
        if erasure.extent == "community":
            return False
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            standing = await legal_holds.list_standing(conn, person_id=erasure.person_id, set_before=erasure.started_at)
        if not standing:
            return False
        await self._certifier.issue(erasure.erasure_id, person_id=erasure.person_id, words=words, now=now)
        async with self._db.transaction(Scope(person_id=erasure.person_id)) as conn:
            # What releases the hold asks for the next attempt; this one is for the case that it is lost.
            await repository.set_attempt(
                conn, erasure_id=erasure.erasure_id, next_attempt_at=now + _HOLD_PATIENCE, error=None
            )
        return True

    async def _places(self, erasure: ErasureRow) -> list[PlaceRow]:
        async with self._db.transaction(Scope(person_id=erasure.person_id), read_only=True) as conn:
            return await repository.list_places(conn, erasure_id=erasure.erasure_id)
