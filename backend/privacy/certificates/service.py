"""Making certificates while the erasure runs, and once more, for good, in the transaction that completes it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Literal, TypeAlias
from uuid import UUID

import msgspec

from backend.communities import repository as communities
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.privacy.certificates import repository
from backend.privacy.certificates.repository import CertificateRow, GateWordRow, Wanted
from backend.privacy.certificates.rules import PlaceWords, certify, gate_word, same, secret_of
from backend.privacy.certificates.schemas import Certificate, CertifiedGate, SignedCertificate
from backend.privacy.certificates.signing import sign
from backend.privacy.holds import meeting
from backend.privacy.progress import repository as progress
from backend.privacy.progress.repository import PlaceRow
from backend.privacy.repository import ErasureRow
from backend.privacy.retention import repository as retention
from backend.privacy.retention.rules import period_of
from backend.privacy.retention.table import RULES

__all__ = ["Certifier", "Words", "begin", "certificate_link"]

#: By erasure, what the gates of its places have said.
Words: TypeAlias = Mapping[UUID, Sequence[PlaceWords]]


async def begin(conn: Connection, *, erasure: ErasureRow, places: list[UUID]) -> None:
    """The certificates of an erasure that begins, still empty; the person's own and the places'. Needs his scope."""
    await repository.ensure(conn, wanted=_wanted(erasure, places))


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

    async def words(self, erasures: Sequence[ErasureRow], *, now: datetime) -> Words:
        """What the gates of each one's places have said so far."""
        async with self._db.transaction(Scope(platform=True), read_only=True) as conn:
            places = await progress.list_places_of(conn, erasure_ids=[row.erasure_id for row in erasures])
        found: dict[UUID, list[PlaceWords]] = {row.erasure_id: [] for row in erasures}
        for community_id, here in groupby(places, key=lambda place: place.community_id):
            async with self._db.transaction(Scope(community_id=community_id), read_only=True) as conn:
                for words in await _words(conn, community_id, [*here], now=now):
                    found[words.place.erasure_id].append(words)
        return found

    async def issue(self, erasures: Sequence[ErasureRow], *, words: Words, now: datetime) -> None:
        """Make the provisional certificates, or make them anew where there is something new to say."""
        await self._make(erasures, words=words, completed_at=None, now=now)

    async def complete(self, erasures: Sequence[ErasureRow], *, words: Words, now: datetime) -> set[UUID]:
        """Complete the erasures and their certificates, both or neither; those that were not complete before.

        However often it is tried, and by however many workers at once, there is one complete certificate each.
        """
        return await self._make(erasures, words=words, completed_at=now, now=now)

    async def _make(
        self, erasures: Sequence[ErasureRow], *, words: Words, completed_at: datetime | None, now: datetime
    ) -> set[UUID]:
        if not erasures:
            return set()
        # Before the transaction: the keys are in another database, and may be made at this moment.
        key, *_ = await self._keys.certificate_keys()
        async with self._db.transaction(Scope(platform=True)) as conn:
            rows = await progress.lock_open(conn, erasure_ids=[row.erasure_id for row in erasures])
            ids = [row.erasure_id for row in rows]
            steps = await progress.list_steps_of(conn, erasure_ids=ids)
            consents = await repository.list_consents(conn, erasures=rows)
            held = await meeting.list_disclosed(conn, erasures=rows)
            communities_of = {row.erasure_id: [one.place.community_id for one in words[row.erasure_id]] for row in rows}
            wanted = [one for row in rows for one in _wanted(row, communities_of[row.erasure_id])]
            await repository.ensure(conn, wanted=wanted)
            by_id = {row.erasure_id: row for row in rows}
            documents = []
            for certificate in await repository.list_of_erasures(conn, erasure_ids=ids):
                erasure = by_id[certificate.erasure_id]
                made = certify(
                    certificate_id=certificate.certificate_id,
                    about_community=certificate.about_community,
                    issuer=self._issuer,
                    erasure=erasure,
                    steps=steps[erasure.erasure_id],
                    places=words[erasure.erasure_id],
                    consents=consents[erasure.erasure_id],
                    holds=held[erasure.erasure_id],
                    completed_at=completed_at,
                    now=now,
                )
                if not _says(certificate, made):
                    documents.append((certificate.certificate_id, sign(made, key)))
            status: Literal["provisional", "complete"] = "provisional" if completed_at is None else "complete"
            await repository.store(conn, status=status, documents=documents, at=now)
            if completed_at is not None:
                await progress.set_completed(conn, erasure_ids=ids, at=completed_at)
        return set(ids)


def _wanted(erasure: ErasureRow, places: Sequence[UUID]) -> list[Wanted]:
    return [Wanted(erasure.erasure_id, erasure.person_id, about) for about in (None, *places)]


def _says(row: CertificateRow, made: Certificate) -> bool:
    """Whether what is handed out says the same already."""
    return row.document is not None and same(
        msgspec.json.decode(row.document, type=SignedCertificate).certificate, made
    )


async def _words(
    conn: Connection, community_id: UUID, places: Sequence[PlaceRow], *, now: datetime
) -> list[PlaceWords]:
    """What the community's gates have said of each of these people. In its scope."""
    community = await communities.get_community(conn, community_id=community_id)
    settings = await retention.list_settings(conn, community_id=community_id)
    days = {row.rule: row.days for row in settings}
    # Those who were taken off the gates together have their words in common.
    said: dict[tuple[object, ...], list[GateWordRow]] = {}
    found = []
    for place in places:
        since = (place.roster_epoch, place.roster_version, place.detached_at)
        if since not in said:
            said[since] = await _gate_rows(conn, place)
        found.append(
            PlaceWords(
                place=place,
                name="" if community is None else community.name,
                gates=tuple(_gates(said[since], place, now)),
                entries_kept=period_of(RULES["entries"], days=days.get("entries")),
                register_kept=period_of(RULES["register"], days=days.get("register")),
            )
        )
    return found


async def _gate_rows(conn: Connection, place: PlaceRow) -> list[GateWordRow]:
    if place.roster_epoch is None or place.roster_version is None or place.detached_at is None:
        return []
    return await repository.list_gate_words(
        conn,
        community_id=place.community_id,
        epoch=place.roster_epoch,
        version=place.roster_version,
        removed_at=place.detached_at,
    )


def _gates(rows: Sequence[GateWordRow], place: PlaceRow, now: datetime) -> list[CertifiedGate]:
    found = [gate_word(row, wipe_after_s=place.wipe_after_s, now=now) for row in rows]
    if place.acknowledged_at is None:
        return found
    # All that may have known him were done with then; a device that came later never did.
    return [gate for gate in found if gate.state != "outstanding"]
