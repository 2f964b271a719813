"""Making certificates while the erasure runs, and once more, for good, in the transaction that completes it."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.communities import repository as communities
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.privacy import repository as erasures
from backend.privacy.certificates import repository
from backend.privacy.certificates.repository import CertificateRow
from backend.privacy.certificates.rules import PlaceWords, certify, gate_word, same, secret_of
from backend.privacy.certificates.schemas import CertifiedGate, SignedCertificate
from backend.privacy.certificates.signing import sign
from backend.privacy.holds import repository as holds
from backend.privacy.repository import ErasureRow, PlaceRow
from backend.privacy.retention import repository as retention
from backend.privacy.retention.rules import period_of
from backend.privacy.retention.table import RULES

__all__ = ["Certifier", "begin", "certificate_link"]


async def begin(conn: Connection, *, erasure: ErasureRow, places: list[UUID]) -> CertificateRow:
    """The certificates of an erasure that begins, still empty; the person's own. Needs his scope."""
    own = await repository.ensure(
        conn, erasure_id=erasure.erasure_id, person_id=erasure.person_id, about_community=None
    )
    for community_id in places:
        await repository.ensure(
            conn, erasure_id=erasure.erasure_id, person_id=erasure.person_id, about_community=community_id
        )
    return own


def certificate_link(public_url: str, certificate_id: UUID, *, pepper: bytes, language: str = "zh-CN") -> str:
    """Where somebody finds his certificate without an account. The secret stands in the fragment, as in links."""
    query = "?language=en" if language == "en" else ""
    return f"{public_url.rstrip('/')}/certificates/{certificate_id}{query}#{secret_of(pepper, certificate_id)}"


class Certifier:
    """Makes certificates. Needs the worker's role."""

    def __init__(self, db: Database, keys: Keys, *, issuer: str) -> None:
        """Work over the data and the key store; ``issuer`` is the deployment's address."""
        self._db = db
        self._keys = keys
        self._issuer = issuer

    async def words(self, erasure: ErasureRow, *, now: datetime) -> list[PlaceWords]:
        """What the gates of each place have said so far."""
        async with self._db.transaction(Scope(person_id=erasure.person_id), read_only=True) as conn:
            places = await erasures.list_places(conn, erasure_id=erasure.erasure_id)
        found: list[PlaceWords] = []
        for place in places:
            async with self._db.transaction(Scope(community_id=place.community_id), read_only=True) as conn:
                community = await communities.get_community(conn, community_id=place.community_id)
                gates = await _gates(conn, place, now)
                settings = await retention.list_settings(conn, community_id=place.community_id)
            days = {row.rule: row.days for row in settings}
            found.append(
                PlaceWords(
                    place=place,
                    name="" if community is None else community.name,
                    gates=tuple(gates),
                    entries_kept=period_of(RULES["entries"], days=days.get("entries")),
                    register_kept=period_of(RULES["register"], days=days.get("register")),
                )
            )
        return found

    async def issue(self, erasure_id: UUID, *, person_id: UUID, words: list[PlaceWords], now: datetime) -> None:
        """Make the provisional certificates, or make them anew where there is something new to say."""
        await self._make(erasure_id, person_id=person_id, words=words, completed_at=None, now=now)

    async def complete(self, erasure_id: UUID, *, person_id: UUID, words: list[PlaceWords], now: datetime) -> bool:
        """Complete the erasure and its certificates, both or neither; False where that was done before.

        However often it is tried, and by however many workers at once, there is one complete certificate each.
        """
        return await self._make(erasure_id, person_id=person_id, words=words, completed_at=now, now=now)

    async def _make(
        self,
        erasure_id: UUID,
        *,
        person_id: UUID,
        words: list[PlaceWords],
        completed_at: datetime | None,
        now: datetime,
    ) -> bool:
        # Before the transaction: the keys are in another database, and may be made at this moment.
        key, *_ = await self._keys.certificate_keys()
        async with self._db.transaction(Scope(person_id=person_id)) as conn:
            erasure = await erasures.lock_erasure(conn, erasure_id=erasure_id)
            if erasure is None or erasure.completed_at is not None:
                return False
            steps = await erasures.list_steps(conn, erasure_id=erasure_id)
            consents = await repository.list_consents(conn, person_id=person_id, erasure_id=erasure_id)
            held = await holds.list_disclosed(conn, person_id=person_id, begun_at=erasure.started_at)
            await begin(conn, erasure=erasure, places=[one.place.community_id for one in words])
            for row in await repository.list_of_erasure(conn, erasure_id=erasure_id):
                made = certify(
                    certificate_id=row.certificate_id,
                    about_community=row.about_community,
                    issuer=self._issuer,
                    erasure=erasure,
                    steps=steps,
                    places=words,
                    consents=consents,
                    holds=() if erasure.extent == "community" else held,
                    completed_at=completed_at,
                    now=now,
                )
                if row.document is not None:
                    before = msgspec.json.decode(row.document, type=SignedCertificate)
                    if same(before.certificate, made):
                        continue
                await repository.store(
                    conn,
                    certificate_id=row.certificate_id,
                    status="provisional" if completed_at is None else "complete",
                    document=sign(made, key),
                    at=now,
                )
            if completed_at is not None:
                await erasures.set_completed(conn, erasure_id=erasure_id, at=completed_at)
        return True


async def _gates(conn: Connection, place: PlaceRow, now: datetime) -> list[CertifiedGate]:
    if place.roster_epoch is None or place.roster_version is None or place.detached_at is None:
        return []
    rows = await repository.list_gate_words(
        conn,
        community_id=place.community_id,
        epoch=place.roster_epoch,
        version=place.roster_version,
        removed_at=place.detached_at,
    )
    found = [gate_word(row, wipe_after_s=place.wipe_after_s, now=now) for row in rows]
    if place.acknowledged_at is None:
        return found
    # All that may have known him were done with then; a device that came later never did.
    return [gate for gate in found if gate.state != "outstanding"]
