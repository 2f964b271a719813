"""Challenges that a phone signs to register its key: kept nowhere, since they say themselves what they are. Pure."""

import hmac
import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from backend.codes.errors import ChallengeRefused
from backend.kit.crypto import keyed_hash

__all__ = ["CHALLENGE_TTL", "check_challenge", "new_challenge"]

# The time of one tap; a proof that was overheard registers nothing but the same key, for the same person, again.
CHALLENGE_TTL = timedelta(minutes=5)
_TIME, _RANDOM, _TAG = 8, 16, 32


def new_challenge(pepper: bytes, *, community_id: UUID, person_id: UUID, now: datetime) -> bytes:
    """A challenge for this person in this community, 56 bytes: time, random bytes, and our own tag over both."""
    content = int(now.timestamp()).to_bytes(_TIME, "big") + secrets.token_bytes(_RANDOM)
    return content + _tag(pepper, content, community_id, person_id)


def check_challenge(pepper: bytes, challenge: bytes, *, community_id: UUID, person_id: UUID, now: datetime) -> None:
    """Refuse a challenge that is not ours, not his, or old.

    Raises:
        ChallengeRefused: one of these.
    """
    content, tag = challenge[:-_TAG], challenge[-_TAG:]
    if len(challenge) != _TIME + _RANDOM + _TAG or not hmac.compare_digest(
        tag, _tag(pepper, content, community_id, person_id)
    ):
        raise ChallengeRefused
    made_at = datetime.fromtimestamp(int.from_bytes(content[:_TIME], "big"), UTC)
    if not timedelta(seconds=-1) <= now - made_at <= CHALLENGE_TTL:
        raise ChallengeRefused


def _tag(pepper: bytes, content: bytes, community_id: UUID, person_id: UUID) -> bytes:
    return keyed_hash(pepper, "phone-key-challenge", f"{content.hex()}/{community_id}/{person_id}")
