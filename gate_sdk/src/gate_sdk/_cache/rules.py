"""What a gate believes, keeps and forgets. Pure: no I/O, the clock is an argument."""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from gate_sdk.errors import (
    DigestMismatchError,
    HeadExpiredError,
    RollbackError,
    WrongCommunityError,
    WrongSignatureError,
)
from gate_sdk.wire import (
    BadSignature,
    Head,
    PageKind,
    Plan,
    Reading,
    SignedHead,
    SyncItem,
    TemplateRef,
    entry_hash,
    plan_hash,
    read_entry,
    read_plan,
    roster_digest,
    verify_head,
)

__all__ = [
    "Floor",
    "Row",
    "accept_head",
    "check_item",
    "check_plan",
    "check_stored",
    "check_template",
    "check_whole",
    "clock_was_ahead",
    "expires_at_us",
    "merged",
    "newest",
    "roster_overdue",
]

_SUBJECT_BYTES = 16
# Ordinary clocks differ by seconds; a grant's last two minutes are not worth a snapshot.
_CLOCK_SLACK_US = 120_000_000


class Floor(msgspec.Struct, frozen=True):
    """The newest head this gate has believed, of which nothing older may ever follow; outlives a wiped roster."""

    epoch: int
    version: int
    issued_at_us: int
    digest: bytes
    plan_revision: int = 0

    @staticmethod
    def of(head: Head) -> "Floor":
        """The floor that ``head`` sets."""
        return Floor(
            epoch=head.epoch,
            version=head.version,
            issued_at_us=head.issued_at_us,
            digest=head.digest,
            plan_revision=0 if head.plan is None else head.plan.revision,
        )


def newest(*floors: Floor | None) -> Floor | None:
    """The highest of them: every head believed was issued after the ones before it."""
    known = [floor for floor in floors if floor is not None]
    return max(known, key=lambda floor: (floor.issued_at_us, floor.version, floor.plan_revision), default=None)


class Row(msgspec.Struct, frozen=True):
    """One subject as kept: ``hash`` always; ``body`` and templates are gone once every grant has ended.

    ``until_us`` is when the last grant ends, ``None`` if one of them has no end. ``next_template`` is by another model
    pack than ``template``, while the community changes from one to the other.
    """

    subject: bytes
    version: int
    hash: bytes
    body: bytes | None
    template: bytes | None
    until_us: int | None
    next_template: bytes | None = None


def accept_head(
    signed: SignedHead,
    *,
    keys: Mapping[str, bytes],
    community: bytes,
    floor: Floor | None,
    kind: PageKind,
    wall_us: int,
) -> Head:
    """Decide whether a head may take effect here.

    Args:
        signed: as it came.
        keys: the trusted keys, id to raw public key.
        community: the 16 bytes of the community this gate belongs to.
        floor: the newest head believed so far, or ``None`` on a fresh gate.
        kind: what kind of sequence it ended.
        wall_us: the device's wall clock, microseconds since the Unix epoch. Not trusted time: that would carry a wrong
            clock on after it was set right.

    Raises:
        WrongSignatureError: not signed by a trusted key.
        WrongCommunityError: rightly signed, but for somebody else.
        RollbackError: older than ``floor``, or of another epoch without being a signed reset.
        DigestMismatchError: the same version as ``floor``, yet another content.
        HeadExpiredError: so old that its roster would have to be wiped at once.
        msgspec.ValidationError: signed, but unreadable.
    """
    try:
        head = verify_head(signed, dict(keys))
    except (BadSignature, ValueError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise
        raise WrongSignatureError(str(error)) from None
    if head.community.bytes != community:
        raise WrongCommunityError
    if floor is not None:
        _not_behind(head, floor, kind)
    # A server dates heads when it answers, so this one was held back, or the clock is ahead. Taken all the same, its
    # roster would be wiped with the next tick and fetched anew, for ever and without a pause.
    if roster_overdue(head, wall_us):
        raise HeadExpiredError
    return head


def _not_behind(head: Head, floor: Floor, kind: PageKind) -> None:
    if head.epoch == floor.epoch:
        if head.version < floor.version:
            raise RollbackError(f"version {head.version} after {floor.version}")
        if head.issued_at_us < floor.issued_at_us:
            raise RollbackError(f"version {head.version} was issued before the newest head")
        if head.version == floor.version and head.digest != floor.digest:
            raise DigestMismatchError(f"version {head.version} was signed for two different rosters")
        revision = 0 if head.plan is None else head.plan.revision
        if revision < floor.plan_revision:
            raise RollbackError(f"the plan's revision {revision} after {floor.plan_revision}")
        return
    # A restored database starts a new epoch. It has to be newer than all that was seen, or an old epoch's head could
    # be played back; and it has to bring the whole roster, for changes of another history do not fit ours.
    if head.issued_at_us <= floor.issued_at_us:
        raise RollbackError(f"epoch {head.epoch} was issued before the newest head")
    if kind is not PageKind.SNAPSHOT:
        raise RollbackError(f"epoch {head.epoch} did not begin with a snapshot")


def check_plan(head: Head, body: bytes | None) -> tuple[Plan | None, int]:
    """Verify and read the plan that belongs to a head; ``None`` where the head names none.

    Also how many of its words only a newer gate understands.

    Raises:
        DigestMismatchError: these bytes are not that plan, or there are none, or it is for another community.
        msgspec.DecodeError: signed for, but no plan.
    """
    if head.plan is None:
        return None, 0
    if body is None or plan_hash(body) != head.plan.sha256:
        raise DigestMismatchError(f"this is not the plan of revision {head.plan.revision}")
    plan, skipped = read_plan(body)
    if (plan.community, plan.revision) != (head.community, head.plan.revision):
        raise DigestMismatchError("the plan is not the one that its head names")
    return plan, skipped


def check_item(item: SyncItem, next_template: bytes | None = None) -> Row | None:
    """Verify one subject's state and make it a row; ``None`` where the subject is to be removed.

    ``next_template`` is what came beside the item, if anything did.

    Raises:
        DigestMismatchError: the body is another subject's, or the template is not the one that the body names.
        msgspec.DecodeError: the body is no entry.
    """
    if len(item.subject) != _SUBJECT_BYTES:
        raise DigestMismatchError("a subject has not 16 bytes")
    if item.body is None:
        return None
    reading = read_entry(item.body)
    if reading.entry.subject.bytes != item.subject:
        raise DigestMismatchError("an entry came under another subject")
    check_template(reading.entry.template, item.template)
    check_template(reading.entry.next_template, next_template)
    return Row(
        subject=item.subject,
        version=item.version,
        hash=entry_hash(item.body),
        body=item.body,
        template=item.template,
        until_us=expires_at_us(reading),
        next_template=next_template,
    )


def check_template(named: TemplateRef | None, template: bytes | None) -> None:
    """Raise :class:`DigestMismatchError` if ``template`` is another than the one that its entry names.

    None at all is taken: a server that has lost one sends the entry without it, and that person uses the QR route.
    Withholding a template opens no gate, so it must not keep everybody else's from arriving.
    """
    if template is None:
        return
    if named is None:
        raise DigestMismatchError("a template came for an entry that names none")
    if hashlib.sha256(template).hexdigest() != named.sha256:
        raise DigestMismatchError("a template is not the one that its entry names")


def merged(kept: Iterable[Row], changes: Mapping[bytes, Row | None], kind: PageKind) -> dict[bytes, Row]:
    """Subject to row as they will be after a sequence; ``changes`` maps to ``None`` what is removed."""
    rows = {} if kind is PageKind.SNAPSHOT else {row.subject: row for row in kept}
    for subject, row in changes.items():
        if row is None:
            rows.pop(subject, None)
        else:
            rows[subject] = row
    return rows


def check_whole(entries: Iterable[tuple[bytes, bytes]], head: Head) -> None:
    """Raise :class:`DigestMismatchError` unless these are the entries that the head was signed for.

    ``entries`` are pairs of subject (16 bytes) and entry hash (32 bytes), in any order.
    """
    hashes = list(entries)
    if len(hashes) != head.count:
        raise DigestMismatchError(f"{len(hashes)} entries where version {head.version} has {head.count}")
    if roster_digest(hashes) != head.digest:
        raise DigestMismatchError(f"the entries do not have the digest of version {head.version}")


def check_stored(row: Row) -> None:
    """Raise :class:`DigestMismatchError` unless a row read from the disk is still what was verified."""
    if row.body is None:
        return
    if entry_hash(row.body) != row.hash:
        raise DigestMismatchError("a stored entry does not have its hash")
    entry = read_entry(row.body).entry
    check_template(entry.template, row.template)
    check_template(entry.next_template, row.next_template)


def expires_at_us(reading: Reading) -> int | None:
    """When the last of the grants ends, microseconds since the epoch; ``None`` never, 0 without any grant.

    Never, too, where a grant was not understood: wiped here, its entry would be missing once the gate is updated.
    """
    ends = [grant.until_us for grant in reading.entry.grants]
    if reading.skipped or any(end is None for end in ends):
        return None
    return max((end for end in ends if end is not None), default=0)


def roster_overdue(head: Head, now_us: int) -> bool:
    """Whether the server was silent for so long that the whole roster goes (``policy.wipe_after_s``)."""
    return now_us >= head.issued_at_us + head.policy.wipe_after_s * 1_000_000


def clock_was_ahead(wiped: Iterable[int], now_us: int) -> bool:
    """Whether templates were wiped that, as it turns out, had not ended yet.

    Then the device's clock had been ahead; the roster still has the digest but lacks templates, so the gate needs a
    snapshot. ``wiped`` are the ends (``until_us``) of the wiped rows; ``now_us`` is trusted time just after a head: as
    long as the clock is ahead, a snapshot would be wiped again.
    """
    return any(until > now_us + _CLOCK_SLACK_US for until in wiped)
