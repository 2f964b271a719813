"""Rules of phones: whose keys, and how many."""

from datetime import datetime
from uuid import UUID

from backend.access import repository as roster
from backend.access import service as access
from backend.codes import repository
from backend.codes.challenges import check_challenge
from backend.codes.errors import KeyNotFound, NobodyHere, ProofRefused, PublicKeyInvalid, TooManyPhones
from backend.codes.repository import KeyRow
from backend.codes.schemas import NewPhone
from backend.kit.db import Connection
from backend.people import repository as people
from gate_sdk.wire import canonical_key, key_id_of, verify_phone_key

__all__ = ["MOST_PHONES", "list_phones", "register_phone", "require_subject", "revoke_phone"]

# A telephone, its successor, a tablet and a watch, and one that nobody remembers.
MOST_PHONES = 5


async def require_subject(conn: Connection, *, community_id: UUID, person_id: UUID) -> UUID:
    """The person's pseudonym in a community where he has a right to pass, now or later.

    Raises:
        NobodyHere: he has none there.
    """
    subject = await people.get_subject(conn, community_id=community_id, person_id=person_id)
    if subject is None or not await access.kinds(conn, community_id=community_id, subject_id=subject.subject_id):
        raise NobodyHere
    return subject.subject_id


async def register_phone(
    conn: Connection, *, community_id: UUID, person_id: UUID, new: NewPhone, pepper: bytes, now: datetime
) -> KeyRow:
    """Let the person enter with codes that this phone signs. Repeating is harmless.

    Raises:
        ChallengeRefused: not ours, not his, or old.
        PublicKeyInvalid, ProofRefused: no key that is taken, or not his.
        NobodyHere: he has no right to pass there.
        TooManyPhones: he has :data:`MOST_PHONES`.
    """
    check_challenge(pepper, new.challenge, community_id=community_id, person_id=person_id, now=now)
    try:
        public_key = canonical_key(new.public_key)
    except ValueError:
        raise PublicKeyInvalid from None
    if not verify_phone_key(community=community_id, challenge=new.challenge, public_key=public_key, proof=new.proof):
        raise ProofRefused
    # Before the roster is asked for: there may be no such community.
    subject_id = await require_subject(conn, community_id=community_id, person_id=person_id)
    await roster.roster_hold(conn)
    key_id = key_id_of(public_key)
    standing = await repository.list_keys(conn, community_id=community_id, subject_id=subject_id)
    known = next((row for row in standing if row.public_key == public_key), None)
    if known is not None:
        return known
    if len(standing) >= MOST_PHONES:
        raise TooManyPhones(limit=MOST_PHONES)
    row = await repository.insert_key(
        conn,
        community_id=community_id,
        subject_id=subject_id,
        key_id=key_id,
        public_key=public_key,
        label=new.label,
        now=now,
    )
    if row is None:
        # Somebody else's: one phone that serves two people says so only to its owner.
        raise ProofRefused
    return row


async def list_phones(conn: Connection, *, community_id: UUID, person_id: UUID) -> list[KeyRow]:
    """The person's phones in a community.

    Raises:
        NobodyHere: he has no right to pass there.
    """
    subject_id = await require_subject(conn, community_id=community_id, person_id=person_id)
    return await repository.list_keys(conn, community_id=community_id, subject_id=subject_id)


async def revoke_phone(conn: Connection, *, community_id: UUID, person_id: UUID, key_id: str) -> None:
    """Take a phone's key off the gates, at once.

    Raises:
        KeyNotFound: he has registered no such key there.
    """
    subject = await people.get_subject(conn, community_id=community_id, person_id=person_id)
    if subject is None:
        raise KeyNotFound
    await roster.roster_hold(conn)
    if not await repository.delete_key(
        conn, community_id=community_id, subject_id=subject.subject_id, key_id=bytes.fromhex(key_id)
    ):
        raise KeyNotFound
