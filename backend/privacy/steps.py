"""The steps that erase. Each takes many people at once, may be repeated, and answers whom it is not done for."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import msgspec

from backend.access import service as access
from backend.audit import service as audit
from backend.consent import repository as consents
from backend.couriers import settling
from backend.enrolment import service as enrolment
from backend.households.members import repository as members
from backend.keys.service import Keys
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore, StorageUnavailable
from backend.people import repository as people
from backend.privacy import service
from backend.privacy.finishing import Finishing
from backend.privacy.forgetting import service as forgetting
from backend.privacy.progress import repository as progress
from backend.privacy.progress.repository import Delay, PlaceRow
from backend.privacy.repository import ErasureRow
from backend.privacy.rules import FACE_ONLY, next_attempt, while_waiting
from backend.privacy.wards import service as wards

__all__ = ["Delays", "Step", "Steps"]

#: Whom a step is not done for, and when each is looked at again.
Delays: TypeAlias = Mapping[UUID, Delay]
Step: TypeAlias = Callable[[Sequence[ErasureRow]], Awaitable[Delays]]

#: Erasing answers what it found; after the first time that is only what was under way at that moment.
_MOST_SWEEPS = 10


class Steps:
    """The steps up to the person himself. Needs the worker's role."""

    def __init__(self, db: Database, keys: Keys, objects: ObjectStore, clock: Clock, finishing: Finishing) -> None:
        """Work over the data, the key store and the objects; ``finishing`` writes to people before they are gone."""
        self._db = db
        self._keys = keys
        self._objects = objects
        self._clock = clock
        self._finishing = finishing

    async def end_grants(self, erasures: Sequence[ErasureRow]) -> Delays:
        """End the memberships of who deletes his account, but for those as a tenant, on which a household rests.

        What a courier had apart from the resident who he is passes to the resident. In all other cases the transaction
        that began the erasure ended the grants.
        """
        for erasure in erasures:
            if erasure.reason == "account_deleted":
                await self._end_memberships(erasure)
            elif erasure.reason == "courier_joined":
                await self._hand_over(erasure)
        return {}

    async def detach(self, erasures: Sequence[ErasureRow]) -> Delays:
        """Take the faces off the gates and out of the gallery of every place, one transaction for each community."""
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            places = await progress.list_places_of(conn, erasure_ids=[row.erasure_id for row in erasures])
        by_community: dict[UUID, list[PlaceRow]] = defaultdict(list)
        for place in places:
            by_community[place.community_id].append(place)
        for community_id, here in by_community.items():
            async with self._db.transaction(Scope(community_id=community_id, platform=True)) as conn:
                subject_ids = [place.subject_id for place in here]
                await enrolment.detach(conn, community_id=community_id, subject_ids=subject_ids)
                head = await access.roster_version(conn, community_id=community_id)
                await progress.set_detached(
                    conn,
                    community_id=community_id,
                    erasure_ids=[place.erasure_id for place in here],
                    epoch=head.epoch,
                    version=head.version,
                    at=self._clock(),
                )
        return {}

    async def erase_faces(self, erasures: Sequence[ErasureRow]) -> Delays:
        """Erase templates, photographs and reviews, until nothing is found."""
        _, delays = await self._sweep(erasures)
        # Whoever attached a face at this moment held its template: it was attached before the template went, and is
        # detached now, or never.
        await self.detach([row for row in erasures if row.erasure_id not in delays])
        return delays

    async def erase_photos(self, erasures: Sequence[ErasureRow]) -> Delays:
        """Erase the photographs alone where the rest stays; otherwise see that none is left."""
        for row in erasures:
            if row.extent == "photos":
                await enrolment.tidy(self._db, self._objects, person_id=row.person_id, now=self._clock())
        return await self._erase_again([row for row in erasures if row.extent != "photos"])

    async def destroy_keys(self, erasures: Sequence[ErasureRow]) -> Delays:
        """Destroy the keys, and then let people consent anew: to what will be sealed with other ones."""
        await self._keys.destroy_person_keys([row.person_id for row in erasures])
        # An upload that had read the key before stored its last bytes by now, and they can never be read.
        delays = await self._erase_again(erasures)
        # Whoever may be gone in a moment is not asked for anything new until it is known whether he stays.
        stay = [row.erasure_id for row in erasures if row.reason in FACE_ONLY and row.erasure_id not in delays]
        if stay:
            async with self._db.transaction(Scope(platform=True)) as conn:
                await consents.delete_holds(conn, erasure_ids=stay)
        return delays

    async def forget(self, erasures: Sequence[ErasureRow]) -> Delays:
        """Forget people as far as nothing that they still are needs it."""
        untold = await self._finishing.tell_before(erasures)
        await forgetting.forget(
            self._db, erasures=[row for row in erasures if row.erasure_id not in untold], now=self._clock()
        )
        return untold

    async def _hand_over(self, erasure: ErasureRow) -> None:
        """Done already, unless the process that joined them died."""
        async with self._db.transaction(Scope(person_id=erasure.person_id), read_only=True) as conn:
            places = await people.list_subjects_of_person(conn, person_id=erasure.person_id)
        for place in places:
            await settling.settle_subject(
                self._db,
                self._keys,
                community_id=place.community_id,
                subject_id=place.subject_id,
                now=self._clock(),
            )

    async def _end_memberships(self, erasure: ErasureRow) -> None:
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

    async def _erase_again(self, erasures: Sequence[ErasureRow]) -> Delays:
        """Erase what came since it was done before, and take those faces off the gates again."""
        found, delays = await self._sweep(erasures)
        await self.detach([row for row in found if row.erasure_id not in delays])
        return delays

    async def _sweep(self, erasures: Sequence[ErasureRow]) -> tuple[list[ErasureRow], Delays]:
        """Erase until nothing is found: of whom there was something, and for whom it did not come to an end."""
        there_was: list[ErasureRow] = []
        delays: dict[UUID, Delay] = {}
        left = list(erasures)
        for sweep in range(_MOST_SWEEPS):
            if not left:
                break
            erased = await enrolment.erase_people(
                self._db, self._keys, self._objects, person_ids=[row.person_id for row in left]
            )
            for row in left:
                if row.person_id not in erased:
                    error = StorageUnavailable.__name__
                    delays[row.erasure_id] = Delay(next_attempt(row.attempts, now=self._clock()), error)
            left = [
                row for row in left if row.person_id in erased and any(msgspec.structs.astuple(erased[row.person_id]))
            ]
            there_was = left if sweep == 0 else there_was
        for row in left:
            delays[row.erasure_id] = Delay(while_waiting(row.started_at, now=self._clock()))
        return there_was, delays
