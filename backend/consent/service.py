"""Rules of consent: only to a text that counts, purpose by purpose, and kept as proof after it was taken back."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from backend.audit import service as audit
from backend.consent import repository
from backend.consent.errors import (
    ConsentDocumentNotFound,
    ConsentMissing,
    ConsentVersionOutdated,
    ErasureRunning,
)
from backend.consent.repository import ConsentRow, Language, Paper
from backend.guardians import service as guardians
from backend.guardians.repository import GuardianshipRow
from backend.kit.db import Connection

__all__ = ["Purpose", "check_may_give", "give", "is_given", "require", "withdraw"]


class Purpose(StrEnum):
    """What consent is asked for. Each is refused or withdrawn without touching the other."""

    FACE_ACCESS = "face_access"
    PHOTO_RETENTION = "photo_retention"


async def check_may_give(conn: Connection, *, person_id: UUID) -> None:
    """Go on only if no erasure is about to destroy what the person would give. Needs the person's scope.

    Raises:
        ErasureRunning: one is.
    """
    if await repository.has_hold(conn, person_id=person_id):
        raise ErasureRunning


async def give(
    conn: Connection,
    *,
    person_id: UUID,
    purpose: Purpose,
    version: int,
    language: Language,
    surface: str,
    actor: str,
    now: datetime,
    guardian: GuardianshipRow | None = None,
    paper: Paper | None = None,
) -> ConsentRow:
    """Record that the person agrees to this text; repeating it changes nothing. Needs the person's scope.

    Args:
        conn: the transaction.
        person_id: who agrees, for himself.
        purpose: what for.
        version: of the text that he was shown. Of an earlier one only where the later ones ask nobody again: a sheet
            that was printed, or a page that was opened, before they were published is as good.
        language: in which he read it.
        surface: "resident", "visitor" or "desk": where he was asked.
        actor: he himself, as the audit trail names him.
        now: the time.
        guardian: who agrees for him, and by which tie; shown to be his guardian by the caller.
        paper: where he signed it, on the surface "desk".

    Raises:
        GuardianNeeded: he is under fourteen, and nobody agrees for him.
        GuardianRefused: another guardian has said no.
        ConsentDocumentNotFound: there is no such version yet.
        ConsentVersionOutdated: a newer one asks everybody again.
        ErasureRunning: what he gave before is still being erased.
    """
    await check_may_give(conn, person_id=person_id)
    if guardian is None:
        await guardians.require_own_age(conn, person_id=person_id, now=now)
    else:
        await guardians.require_unanimous(conn, guardianship=guardian, person_id=person_id, purpose=purpose)
    versions = await repository.get_versions(conn, purpose=purpose)
    if version > versions.current:
        raise ConsentDocumentNotFound
    if version < versions.counts_from:
        raise ConsentVersionOutdated(current_version=versions.current)
    document = await repository.get_document(conn, purpose=purpose, version=version, language=language)
    if document is None:
        raise ConsentDocumentNotFound
    if guardian is None:
        # His own word takes the place of what was said for him.
        await repository.withdraw_as(conn, person_id=person_id, purpose=purpose, by_guardian=True, now=now)
        if purpose is Purpose.FACE_ACCESS:
            await guardians.note_answer(conn, person_id=person_id, now=now)
    if await repository.insert_consent(
        conn,
        person_id=person_id,
        document=document,
        surface=surface,
        given_at=now,
        given_by=None if guardian is None else guardian.guardian_id,
        guardian_relation=None if guardian is None else guardian.relation,
        paper=paper,
    ):
        target = f"consent:{purpose}/{version}"
        await audit.record(conn, community_id=None, actor=actor, action="consent.give", target=target)
    row = await repository.get_standing(conn, person_id=person_id, purpose=purpose, version=version)
    if row is None:
        raise ErasureRunning
    return row


async def is_given(conn: Connection, *, person_id: UUID, purpose: Purpose) -> bool:
    """Whether the person's agreement stands, to a text that still counts. Any scope that sees the person."""
    return await repository.has_agreed(conn, person_id=person_id, purpose=purpose)


async def require(conn: Connection, *, person_id: UUID, purpose: Purpose) -> None:
    """Go on only with the person's agreement. Any scope that sees the person.

    Raises:
        ConsentMissing: he has not given it, has taken it back, or a text that asks again has come since.
    """
    if not await is_given(conn, person_id=person_id, purpose=purpose):
        raise ConsentMissing(purpose=purpose.value)


async def withdraw(conn: Connection, *, person_id: UUID, purpose: Purpose, now: datetime) -> bool:
    """End the person's agreement in every version of the text; answers whether there was one. His scope.

    What follows from it (the erasure) is privacy's, in the same transaction.
    """
    return await repository.withdraw(conn, person_id=person_id, purpose=purpose, now=now) > 0
