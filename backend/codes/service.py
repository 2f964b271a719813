"""Rules of codes: whose phones, how many uses, which PIN."""

import itertools
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.access import service as access
from backend.access.windows import Window, present
from backend.codes import repository
from backend.codes.challenges import check_challenge
from backend.codes.errors import (
    CardNotFound,
    KeyNotFound,
    NobodyHere,
    PinInvalid,
    ProofRefused,
    PublicKeyInvalid,
    TokenSpent,
    TooManyPhones,
)
from backend.codes.repository import KeyRow, TokenRow
from backend.codes.schemas import NewPhone
from backend.keys.service import SigningKey
from backend.kit.db import Connection
from backend.people import repository as people
from gate_sdk.wire import (
    CARD_LOG_N,
    PIN_DIGITS,
    GateEvent,
    GrantKind,
    UseAnswer,
    UseClaim,
    VisitorCode,
    canonical_key,
    card_hash,
    encode_card,
    encode_visitor,
    key_id_of,
    pin_verifier,
    sign_visitor,
    verify_phone_key,
)

__all__ = [
    "MOST_PHONES",
    "MadeCard",
    "count_told",
    "count_use",
    "keep_card",
    "list_phones",
    "make_card",
    "named",
    "new_pin",
    "register_phone",
    "require_subject",
    "revoke_card",
    "revoke_phone",
    "token_of_pass",
]

# A telephone, its successor, a tablet and a watch, and one that nobody remembers.
MOST_PHONES = 5
# A head that is issued while a token is being committed does not know of it yet.
_SLACK = timedelta(seconds=5)
_PIN_LENGTH = 6
_TOKEN_ID = re.compile("[0-9a-f]{16}")


class MadeCard(msgspec.Struct, frozen=True):
    """A card before it is kept: what is printed, what is told, and what stays here."""

    text: str
    pin: str
    card_hash: bytes
    verifier: bytes

    def __repr__(self) -> str:
        """Hides all of it."""
        return "MadeCard()"


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


async def token_of_pass(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    pass_id: UUID,
    valid_from: datetime,
    valid_until: datetime,
    uses: int,
    key: SigningKey,
    now: datetime,
    known_only: bool = False,
) -> str:
    """The text of a pass's code, the same each time; another one only once the pass was changed.

    Args:
        conn: a transaction in the community's scope.
        community_id: the community.
        subject_id: the guest, who has accepted.
        pass_id: the pass.
        valid_from: of the pass.
        valid_until: of the pass.
        uses: how often in all; 0 has no limit.
        key: the community's server key. Fetched before: nothing slow happens while the roster is held.
        now: the present.
        known_only: whether only gates that have heard of it may open, since its window has gaps.

    Raises:
        TokenSpent: it was changed after it had been used as often as it now may.
    """
    wanted = TokenRow(
        token_id=secrets.token_bytes(8),
        subject_id=subject_id,
        pass_id=pass_id,
        valid_from=valid_from,
        valid_until=valid_until,
        # Gates hear of a guest a while before his window, and until then they cannot know his token either.
        known_since=max(now, present(GrantKind.GUEST, Window(valid_from, valid_until), now=now).begin) + _SLACK,
        uses=uses,
    )
    row = await repository.get_token_of_pass(conn, community_id=community_id, pass_id=pass_id)
    if row is None or _changed(row, wanted):
        await roster.roster_hold(conn)
        row = await repository.get_token_of_pass(conn, community_id=community_id, pass_id=pass_id)
        if row is None or _changed(row, wanted):
            row = await _replace(conn, community_id=community_id, before=row, wanted=wanted, now=now)
    # A gate that has not heard of a token cannot know its doors, nor whom it has to ask first. Where that matters it
    # has to have heard: known since ever.
    limited = known_only or await repository.is_conditional(conn, community_id=community_id, pass_id=pass_id)
    code = VisitorCode(
        token_id=row.token_id,
        from_s=int(row.valid_from.timestamp()),
        until_s=int(row.valid_until.timestamp()),
        # Up: never earlier than the roster that names it.
        since_s=0 if limited else int(row.known_since.timestamp()) + 1,
        uses=row.uses,
    )
    return encode_visitor(sign_visitor(code, community=community_id, key=key.private))


def _changed(row: TokenRow, wanted: TokenRow) -> bool:
    return (row.valid_from, row.valid_until, row.subject_id) != (
        wanted.valid_from,
        wanted.valid_until,
        wanted.subject_id,
    )


async def _replace(
    conn: Connection, *, community_id: UUID, before: TokenRow | None, wanted: TokenRow, now: datetime
) -> TokenRow:
    uses = wanted.uses
    if before is not None:
        if uses:
            # What is signed anew carries only what is left: gates count each token by itself.
            uses -= await repository.count_uses(conn, community_id=community_id, token_id=before.token_id)
            if uses <= 0:
                raise TokenSpent
        await repository.delete_token(conn, community_id=community_id, token_id=before.token_id)
    return await repository.insert_token(
        conn,
        community_id=community_id,
        subject_id=wanted.subject_id,
        pass_id=wanted.pass_id,
        token_id=wanted.token_id,
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
        known_since=wanted.known_since,
        uses=uses,
        now=now,
    )


async def count_use(
    conn: Connection, *, community_id: UUID, gate_id: UUID, claim: UseClaim, now: datetime
) -> UseAnswer:
    """Count one use of a token across the community's gates; repeating the same use gives the same answer.

    A token that is not there any more has no uses left.
    """
    row = await repository.get_token(conn, community_id=community_id, token_id=claim.token_id, lock=True)
    if row is None:
        return UseAnswer(allowed=False, left=0)
    others = await repository.count_uses(conn, community_id=community_id, token_id=claim.token_id, without=claim.use)
    if row.uses and others >= row.uses:
        return UseAnswer(allowed=False, left=0)
    await repository.insert_use(
        conn, community_id=community_id, token_id=claim.token_id, use_id=claim.use, gate_id=gate_id, at=now
    )
    return UseAnswer(allowed=True, left=max(0, row.uses - others - 1))


async def count_told(
    conn: Connection, *, community_id: UUID, gate_id: UUID, events: Sequence[GateEvent], now: datetime
) -> None:
    """Count uses that a gate let in by itself and tells of now; each once, and also beyond the limit: it happened."""
    for event in events:
        kind, _, number = (event.credential or "").partition(":")
        if event.use is None or kind != "token" or _TOKEN_ID.fullmatch(number) is None:
            continue
        await repository.insert_use(
            conn,
            community_id=community_id,
            token_id=bytes.fromhex(number),
            use_id=event.use,
            gate_id=gate_id,
            at=now,
        )


async def named(conn: Connection, *, community_id: UUID, events: Sequence[GateEvent]) -> list[GateEvent]:
    """The events, with the guest where a gate let a token in that it had not heard of, and so could not name him."""
    found = []
    for event in events:
        kind, _, number = (event.credential or "").partition(":")
        if event.subject is None and kind == "token" and _TOKEN_ID.fullmatch(number) is not None:
            token = await repository.get_token(conn, community_id=community_id, token_id=bytes.fromhex(number))
            found.append(event if token is None else msgspec.structs.replace(event, subject=token.subject_id))
        else:
            found.append(event)
    return found


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
