"""What a code is worth at this moment. Pure: what the gate remembers and the time go in, a verdict comes out."""

import hmac
from collections.abc import Mapping
from uuid import UUID

import msgspec

from gate_sdk._codes.index import CodeIndex
from gate_sdk._decide import Verdict, admit, kept_out, leased
from gate_sdk._door import EVERY_HOUR, Door
from gate_sdk.wire import (
    STEP_TOLERANCE,
    Card,
    CardCode,
    GrantKind,
    Head,
    Outcome,
    PhoneCode,
    Reason,
    RosterEntry,
    RosterGrant,
    VisitorCode,
    card_hash,
    pin_verifier,
    step_at,
    verify_phone,
    verify_visitor,
)

__all__ = ["Book", "back_off_us", "judge_approved", "judge_card", "judge_phone", "judge_visitor"]

# Three slips are an old man's. After them each wrong PIN doubles the wait, 30 seconds to a day: whoever found the card
# gets some fifteen guesses in the first day and one in each after it, of a million PINs of six digits.
_FREE_PINS = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 30, 86_400


class Book(msgspec.Struct, frozen=True):
    """What codes are held against: one version of the roster.

    ``keys`` are the community's server keys, id to raw public key. ``approved``: the home was asked, and said yes.
    """

    community: UUID
    head: Head
    entries: Mapping[UUID, RosterEntry]
    index: CodeIndex
    keys: dict[str, bytes]
    now_us: int
    door: Door = EVERY_HOUR
    approved: bool = False


def judge_phone(code: PhoneCode, book: Book, *, last_step: int | None) -> Verdict:
    """Decide about a phone's changing code.

    Args:
        code: as it was read.
        book: the roster.
        last_step: of the last code of that key which opened this gate. Only later ones do: a code works once here, and
            so does a screenshot of it.
    """
    subject, phone = book.index.phones.get(code.key_id, (None, None))
    if subject is None or phone is None:
        return Verdict(Outcome.DENY, Reason.CODE_UNKNOWN)
    if not verify_phone(code, community=book.community, public_key=phone.key):
        return Verdict(Outcome.DENY, Reason.CODE_FORGED)
    if abs(code.step - step_at(book.now_us)) > STEP_TOLERANCE:
        return Verdict(Outcome.DENY, Reason.CODE_EXPIRED, subject)
    if last_step is not None and code.step <= last_step:
        return Verdict(Outcome.DENY, Reason.CODE_REPLAYED, subject)
    return _admit(book, subject)


def judge_visitor(code: VisitorCode, book: Book, *, used: int) -> Verdict:
    """Decide about a visitor's token.

    Args:
        code: as it was read.
        book: the roster.
        used: how often this gate has let the token in.
    """
    if not verify_visitor(code, community=book.community, keys=book.keys):
        return Verdict(Outcome.DENY, Reason.CODE_FORGED)
    subject = book.index.tokens.get(code.token_id)
    if not code.from_s * 1_000_000 <= book.now_us < code.until_s * 1_000_000:
        return Verdict(Outcome.DENY, Reason.OUTSIDE_WINDOW, subject)
    verdict = _admit_new(code, book) if subject is None else _admit(book, subject)
    if verdict.outcome is not Outcome.ALLOW or code.uses == 0:
        return verdict
    if used >= code.uses:
        return Verdict(Outcome.DENY, Reason.CODE_USED_UP, subject)
    return Verdict(Outcome.NEEDS_APPROVAL, Reason.USE_UNCOUNTED, subject)


def judge_approved(subject: UUID | None, book: Book) -> Verdict:
    """Decide once more about somebody whose phone's code or card was right, after his home has said yes."""
    if subject is None:
        return Verdict(Outcome.DENY, Reason.CODE_UNKNOWN)
    return _admit(book, subject)


def _admit(book: Book, subject: UUID) -> Verdict:
    return admit(
        book.entries[subject], book.head, now_us=book.now_us, by_code=True, door=book.door, approved=book.approved
    )


def _admit_new(code: VisitorCode, book: Book) -> Verdict:
    """A genuine token that is not on the roster."""
    if book.head.issued_at_us >= code.since_s * 1_000_000:
        # Whoever wrote this head knew of the token: it was cancelled.
        return Verdict(Outcome.DENY, Reason.CODE_UNKNOWN)
    _, reason = kept_out([RosterGrant(kind=GrantKind.GUEST, from_us=0)], book.door, book.now_us)
    if reason is not None:
        return Verdict(Outcome.DENY, reason)
    if leased(book.head, now_us=book.now_us, visiting=True, by_code=True):
        # Issued while this gate was without a network. The signature and the window have to do.
        return Verdict(Outcome.ALLOW, Reason.MATCHED)
    return Verdict(Outcome.DENY, Reason.LEASE_EXPIRED)


def judge_card(code: CardCode, book: Book, *, pin: str | None, locked_until_us: int) -> Verdict:
    """Decide about a printed card; with a PIN this takes some 50 ms.

    Args:
        code: as it was read.
        book: the roster.
        pin: what was typed, ``None`` before anything was.
        locked_until_us: until when the card takes no PIN, after wrong ones.
    """
    hashed = card_hash(book.community, code.secret)
    subject, card = book.index.cards.get(hashed, (None, None))
    if subject is None or card is None:
        return Verdict(Outcome.DENY, Reason.CODE_UNKNOWN)
    if book.now_us < locked_until_us:
        return Verdict(Outcome.DENY, Reason.PIN_LOCKED, subject)
    if pin is None:
        return Verdict(Outcome.NEEDS_SECOND_FACTOR, Reason.PIN_NEEDED, subject)
    if not _fits(card, book.community, code.secret, pin):
        return Verdict(Outcome.DENY, Reason.PIN_WRONG, subject)
    return _admit(book, subject)


def _fits(card: Card, community: UUID, secret: bytes, pin: str) -> bool:
    try:
        return hmac.compare_digest(pin_verifier(community, secret, pin, log_n=card.log_n), card.pin)
    except ValueError:
        return False


def back_off_us(failures: int) -> int:
    """For how long a card takes no PIN after so many wrong ones in a row, microseconds."""
    if failures < _FREE_PINS:
        return 0
    # Bounded before it is a power: the number of failures is not.
    doublings = min(failures - _FREE_PINS, 20)
    return min(_FIRST_WAIT_S << doublings, _LONGEST_WAIT_S) * 1_000_000


def began_later(until_us: int, failures: int, now_us: int) -> bool:
    """Whether a card's wait after so many wrong PINs would have begun in the future: the clock had been ahead.

    Such a wait begins anew, which gains no guess. As it is, the card would take no PIN for as long as the clock was
    ahead.
    """
    return until_us - back_off_us(failures) > now_us
