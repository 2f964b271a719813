"""Checking a chain against itself and against the heads that were signed, those kept elsewhere included."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.audit import repository
from backend.audit.chain import GENESIS, Fault, first_fault
from backend.audit.heads import SignedHead, is_genuine
from backend.audit.signing import signed
from backend.kit.db import Connection

__all__ = ["Checked", "check_chain"]

_PAGE = 1000
_HEADS = 100_000
_TOLD = {
    "missing": "removed: there is none of that number",
    "changed": "changed: its hash does not fit what it says",
    "detached": "does not follow from the one before: one of the two was changed or inserted, or one between removed",
}


class Checked(msgspec.Struct, frozen=True):
    """A chain, how many entries it has, with how many signed heads it was compared, and what is wrong with it."""

    chain: UUID
    length: int
    heads: int
    findings: tuple[str, ...]


class _Walked(msgspec.Struct, frozen=True):
    """The last entry's number and hash, the first fault, and the hashes of the entries that were asked for."""

    seq: int
    hash: bytes
    fault: Fault | None
    hashes: Mapping[int, bytes]


async def check_chain(
    conn: Connection, *, chain: UUID, kept: Sequence[SignedHead], keys: Mapping[str, Ed25519PublicKey]
) -> Checked:
    """Compare a chain with its hashes, its head and every signed head.

    Args:
        conn: a transaction that sees the chain; REPEATABLE READ where others may be writing.
        chain: whose; the zero UUID for the platform's own.
        kept: signed heads of this chain that were kept elsewhere.
        keys: public keys by id, from somebody who is trusted.
    """
    here = [signed(row) for row in await repository.list_checkpoints(conn, community_id=chain, limit=_HEADS)]
    findings = [
        f"the head signed on {one.head.day} is no longer among the database's own" for one in kept if one not in here
    ]
    genuine = []
    for one in {(one.head.day, one.signature.value): one for one in (*here, *kept)}.values():
        if is_genuine(one, keys):
            genuine.append(one)
        else:
            findings.append(f"the head of {one.head.day} bears no signature of the keys given: it was put there")
    genuine.sort(key=lambda one: (one.head.seq, one.head.day))
    walked = await _walk(conn, chain, frozenset(one.head.seq for one in genuine))
    findings += _against_itself(walked, await repository.get_head(conn, community_id=chain))
    findings += _against_heads(walked, genuine)
    return Checked(chain, walked.seq, len(genuine), tuple(findings))


async def _walk(conn: Connection, chain: UUID, asked: frozenset[int]) -> _Walked:
    seq, previous, fault = 0, GENESIS, None
    hashes: dict[int, bytes] = {}
    while rows := await repository.list_after(conn, community_id=chain, seq=seq, limit=_PAGE):
        if fault is None:
            fault = first_fault(chain, rows, after_seq=seq, after_hash=previous)
        hashes |= {row.seq: row.hash for row in rows if row.seq in asked}
        seq, previous = rows[-1].seq, rows[-1].hash
    return _Walked(seq, previous, fault, hashes)


def _against_itself(walked: _Walked, head: repository.AuditHeadRow | None) -> list[str]:
    found = []
    if walked.fault is not None:
        found.append(f"{_entries(walked.fault.seq, walked.fault.until)}: {_TOLD[walked.fault.kind]}")
    length, ends = (0, GENESIS) if head is None else (head.seq, head.hash)
    if walked.seq < length:
        found.append(f"{_entries(walked.seq + 1, length)}: removed at the end")
    elif walked.seq > length:
        found.append(f"{_entries(length + 1, walked.seq)}: inserted behind the chain's end")
    elif walked.hash != ends and walked.fault is None:
        found.append(f"entry {length} is not the one at which the chain ended")
    return found


def _against_heads(walked: _Walked, heads: Sequence[SignedHead]) -> list[str]:
    """What the signed heads show, up to the first that does not fit: whatever follows cannot fit either."""
    good = 0
    for one in heads:
        head = one.head
        if head.seq > walked.seq:
            return [f"{_entries(walked.seq + 1, head.seq)}: removed, the head signed on {head.day} is entry {head.seq}"]
        if walked.hashes.get(head.seq) != bytes.fromhex(head.hash):
            place = _entries(good + 1, head.seq)
            return [f"{place}: rebuilt, hashes and all: entry {head.seq} is not the one signed on {head.day}"]
        good = head.seq
    return []


def _entries(first: int, last: int) -> str:
    return f"entry {first}" if first == last else f"entries {first} to {last}"
