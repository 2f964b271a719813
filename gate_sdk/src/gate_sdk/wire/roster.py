"""What a gate holds about one person, and the digest over a whole roster.

The server's database writes an entry's body once, as JSON text, and keeps those bytes; every hash in the protocol is
over the stored bytes. Nobody re-serialises an entry to compare it, so a change of library or of float formatting can
never make two equal rosters look different.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from uuid import UUID

import msgspec

from gate_sdk.wire.codes import Card, PhoneKey

__all__ = ["GrantKind", "RosterEntry", "RosterGrant", "TemplateRef", "decode_entry", "entry_hash", "roster_digest"]


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


class RosterGrant(msgspec.Struct, frozen=True, omit_defaults=True):
    """One interval in which the subject may pass.

    ``from_us`` and ``until_us`` are microseconds since the Unix epoch, UTC; the interval is half open and ``None``
    has no end. The server expands recurrences, so a gate compares two integers and parses no rules.
    ``doors`` are ids of door groups: the subject may pass where the gate belongs to one of them. ``None``, and absent
    from the body, is every door.
    """

    kind: GrantKind
    from_us: int
    until_us: int | None = None
    doors: tuple[UUID, ...] | None = None

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
    """

    subject: UUID
    grants: tuple[RosterGrant, ...]
    template: TemplateRef | None = None
    keys: tuple[PhoneKey, ...] = ()
    tokens: tuple[bytes, ...] = ()
    card: Card | None = None
    lookalike: bool = False


_decoder = msgspec.json.Decoder(RosterEntry)


def decode_entry(body: bytes) -> RosterEntry:
    """Read an entry's stored body.

    Raises:
        msgspec.DecodeError: the bytes are not JSON.
        msgspec.ValidationError: they are not an entry.
    """
    return _decoder.decode(body)


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
    digest = hashlib.sha256()
    for subject, hashed in sorted(entries):
        digest.update(subject)
        digest.update(hashed)
    return digest.digest()
