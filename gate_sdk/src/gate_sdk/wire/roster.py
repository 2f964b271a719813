"""What a gate holds about one person, and the digest over a whole roster.

The server's database writes an entry's body once, as JSON text, and keeps those bytes; every hash in the protocol is
over the stored bytes. Nobody re-serialises an entry to compare it, so a change of library or of float formatting can
never make two equal rosters look different.
"""

import contextlib
import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import msgspec

from gate_sdk.wire.codes import Card, PhoneKey

__all__ = [
    "GrantKind",
    "Reading",
    "RosterEntry",
    "RosterGrant",
    "TemplateRef",
    "decode_entry",
    "entry_hash",
    "read_entry",
    "roster_digest",
]


class GrantKind(StrEnum):
    """Why somebody may pass; decides which lease the grant lives under."""

    RESIDENT = "resident"
    STAFF = "staff"
    GUEST = "guest"
    COURIER = "courier"

    @property
    def visiting(self) -> bool:
        """True where the shorter lease applies: people who are here for a window, not for a tenancy."""
        return self in {GrantKind.GUEST, GrantKind.COURIER}


class RosterGrant(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One interval in which the subject may pass.

    A field more than these may limit the grant in a way that its reader does not know, so no such grant is read.

    ``from_us`` and ``until_us`` are microseconds since the Unix epoch, UTC; the interval is half open and ``None``
    has no end. The server expands recurrences, so a gate compares two integers and parses no rules.
    ``doors`` are ids of door groups: the subject may pass where the gate belongs to one of them. ``None``, and absent
    from the body, is every door. With ``ask_first`` the home that it rests on is asked each time; absent is no.
    """

    kind: GrantKind
    from_us: int
    until_us: int | None = None
    doors: tuple[UUID, ...] | None = None
    ask_first: bool = False

    def covers(self, at_us: int) -> bool:
        """Whether the instant ``at_us`` (microseconds since the epoch) lies in the interval."""
        return self.from_us <= at_us and (self.until_us is None or at_us < self.until_us)


class TemplateRef(msgspec.Struct, frozen=True):
    """Names the template that belongs to an entry: the model pack it was made by and its stored bytes' SHA-256."""

    pack: str
    sha256: str


class RosterEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a gate may know of a person: a pseudonym, when he may pass, and which template is his.

    ``subject`` is random per community; the same person is another subject elsewhere. Without ``template`` the person
    uses the QR route only. ``keys`` are his phones' public keys, ``tokens`` the ids (8 bytes) of signed tokens of his
    that have not been cancelled, ``card`` what checks his printed card. All three are left out where there are none.
    ``lookalike`` says that somebody else's template is so like his that a face alone needs a larger lead; absent is no.
    ``next_template`` is his by another model pack, beside ``template``, while a community changes its models; a gate
    goes by whichever it has the models of.
    """

    subject: UUID
    grants: tuple[RosterGrant, ...]
    template: TemplateRef | None = None
    keys: tuple[PhoneKey, ...] = ()
    tokens: tuple[bytes, ...] = ()
    card: Card | None = None
    lookalike: bool = False
    next_template: TemplateRef | None = None


class Reading(msgspec.Struct, frozen=True):
    """An entry as far as this release understands it, and how many of its grants and codes it had to pass over."""

    entry: RosterEntry
    skipped: int


# As a default: a union of this type with None takes nothing but null.
_NONE = msgspec.Raw(b"null")


class _Loose(msgspec.Struct, frozen=True):
    """An entry whose grants and codes are not yet looked at."""

    subject: UUID
    grants: tuple[msgspec.Raw, ...]
    template: TemplateRef | None = None
    keys: tuple[msgspec.Raw, ...] = ()
    tokens: tuple[bytes, ...] = ()
    card: msgspec.Raw = _NONE
    lookalike: bool = False
    next_template: TemplateRef | None = None


_T = TypeVar("_T")
_decoder = msgspec.json.Decoder(RosterEntry)
_loose = msgspec.json.Decoder(_Loose)


def decode_entry(body: bytes) -> RosterEntry:
    """Read an entry's stored body.

    Raises:
        msgspec.DecodeError: the bytes are not JSON.
        msgspec.ValidationError: they are not an entry.
    """
    return _decoder.decode(body)


def read_entry(body: bytes) -> Reading:
    """Read an entry of a server that may be newer: what is not understood opens nothing, and stops nobody else.

    A grant of an unknown kind or with an unknown field is passed over, and so is a key or a card of another form.

    Raises:
        msgspec.DecodeError: the bytes are not JSON.
        msgspec.ValidationError: they are no entry, not even for the rest.
    """
    try:
        return Reading(_decoder.decode(body), 0)
    except msgspec.ValidationError:
        found = _loose.decode(body)
    grants = _understood(found.grants, RosterGrant)
    keys = _understood(found.keys, PhoneKey)
    carried = () if bytes(found.card) == bytes(_NONE) else (found.card,)
    cards = _understood(carried, Card)
    parts = len(found.grants) + len(found.keys) + len(carried)
    entry = RosterEntry(
        subject=found.subject,
        grants=grants,
        template=found.template,
        keys=keys,
        tokens=found.tokens,
        card=cards[0] if cards else None,
        lookalike=found.lookalike,
        next_template=found.next_template,
    )
    return Reading(entry, parts - len(grants) - len(keys) - len(cards))


def _understood(parts: Iterable[msgspec.Raw], kind: type[_T]) -> tuple[_T, ...]:
    known: list[_T] = []
    for part in parts:
        with contextlib.suppress(msgspec.ValidationError):
            known.append(msgspec.json.decode(part, type=kind))
    return tuple(known)


def entry_hash(body: bytes) -> bytes:
    """SHA-256 of an entry's stored body, 32 bytes. The body names its template's hash, so it covers that too."""
    return hashlib.sha256(body).digest()


def roster_digest(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    """SHA-256 over the ``(subject, entry hash)`` pairs in the order of the subjects' 16 bytes.

    Args:
        entries: pairs of 16 and 32 bytes, in any order, one per subject.

    Returns:
        32 bytes. The empty roster has the digest of the empty string.
    """
    # In one piece: ten thousand entries are half a megabyte, and hashing them one by one takes five times as long.
    return hashlib.sha256(b"".join([part for pair in sorted(entries) for part in pair])).digest()
