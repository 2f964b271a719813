"""Rules of printed cards: which PIN, and that there is one card a person."""

import itertools
import secrets
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.codes import repository
from backend.codes.errors import CardNotFound, PinInvalid
from backend.kit.db import Connection
from gate_sdk.wire import CARD_LOG_N, PIN_DIGITS, card_hash, encode_card, pin_verifier

__all__ = ["MadeCard", "keep_card", "make_card", "new_pin", "revoke_card"]

_PIN_LENGTH = 6


class MadeCard(msgspec.Struct, frozen=True):
    """A card before it is kept: what is printed, what is told, and what stays here."""

    text: str
    pin: str
    card_hash: bytes
    verifier: bytes

    def __repr__(self) -> str:
        """Hides all of it."""
        return "MadeCard()"


def new_pin() -> str:
    """Six random digits that :func:`make_card` takes."""
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(_PIN_LENGTH))
        if not _obvious(pin):
            return pin


def make_card(community_id: UUID, pin: str) -> MadeCard:
    """A card with a fresh secret. Takes some 50 ms and 16 MB: in a thread, and before any transaction.

    Raises:
        PinInvalid: no 4 to 12 digits, or ones that anybody tries first.
    """
    least, most = PIN_DIGITS
    if not (least <= len(pin) <= most and pin.isascii() and pin.isdigit()) or _obvious(pin):
        raise PinInvalid
    secret = secrets.token_bytes(16)
    return MadeCard(
        text=encode_card(secret),
        pin=pin,
        card_hash=card_hash(community_id, secret),
        verifier=pin_verifier(community_id, secret, pin),
    )


async def keep_card(conn: Connection, *, community_id: UUID, subject_id: UUID, card: MadeCard, now: datetime) -> None:
    """Let the subject enter with this card; one that he had before ends."""
    await roster.roster_hold(conn)
    await repository.delete_card(conn, community_id=community_id, subject_id=subject_id)
    await repository.insert_card(
        conn,
        community_id=community_id,
        subject_id=subject_id,
        card_hash=card.card_hash,
        pin_verifier=card.verifier,
        log_n=CARD_LOG_N,
        now=now,
    )


async def revoke_card(conn: Connection, *, community_id: UUID, subject_id: UUID) -> None:
    """Take a card off the gates, at once.

    Raises:
        CardNotFound: the subject has none.
    """
    await roster.roster_hold(conn)
    if not await repository.delete_card(conn, community_id=community_id, subject_id=subject_id):
        raise CardNotFound


def _obvious(pin: str) -> bool:
    steps = {int(after) - int(before) for before, after in itertools.pairwise(pin)}
    return len(steps) == 1 and steps <= {-1, 0, 1}
