"""``doorward audit export``: keeping the chains elsewhere, where nobody who can write to the database reaches them."""

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from backend.audit import repository, trail
from backend.audit.command import CannotCheck, all_chains, snapshot
from backend.audit.heads import HeadsUnreadable, SignedHead, read_heads
from backend.audit.signing import signed
from backend.keys.service import Keys
from backend.keys.signing.published import publish
from backend.kit.db import Database, Scope

__all__ = ["Exported", "export"]

_HEADS = 100_000
_PLATFORM_SCOPE = Scope(platform=True)


class Exported(msgspec.Struct, frozen=True):
    """What was written: chains and entries that are new; and where a file and the database do not agree."""

    chains: int
    entries: int
    findings: tuple[str, ...]


async def export(db: Database, keys: Keys, *, to: Path) -> Exported:
    """Keep every chain, the signed heads and the public keys in a directory: what is new since the last time is added.

    ``CHAIN.ndjson`` is a chain's trail, ``heads.ndjson`` the signed heads, ``keys.json`` the keys. What stands there
    already is never written over: where the database says something else now, that is a finding.

    Raises:
        CannotCheck: the directory cannot be written.
    """
    try:
        public = publish((key.kid, key.public_key) for key in await keys.audit_keys())
        _make(to)
        _replace(to / "keys.json", msgspec.json.format(msgspec.json.encode(public)) + b"\n")
        async with snapshot(db) as conn:
            chains = await all_chains(conn)
        entries, findings = 0, []
        for chain in chains:
            added, finding = await _export_chain(db, chain, to / f"{chain}.ndjson")
            entries += added
            findings += finding
        await _export_heads(db, chains, to / "heads.ndjson")
    except (OSError, HeadsUnreadable) as error:
        raise CannotCheck(f"{to}: {error}") from error
    return Exported(len(chains), entries, tuple(findings))


async def _export_chain(db: Database, chain: UUID, file: Path) -> tuple[int, list[str]]:
    last = _last_line(file)
    seq = 0 if last is None else last.seq
    async with snapshot(db) as conn:
        head = await repository.get_head(conn, community_id=chain)
        known = await repository.get_entry_hash(conn, community_id=chain, seq=seq)
    if last is not None and (known is None or known.hex() != last.hash):
        return 0, [f"{file.name}: its last entry, {seq}, is not the database's any more; the file was left as it is"]
    until = 0 if head is None else head.seq
    with file.open("ab") as out:
        async for page in trail.lines(db, _PLATFORM_SCOPE, chain=chain, after=seq, until=until):
            out.write(page)
        out.flush()
        os.fsync(out.fileno())
    return max(until - seq, 0), []


async def _export_heads(db: Database, chains: Sequence[UUID], file: Path) -> None:
    known = _known_heads(file)
    with file.open("ab") as out:
        for chain in chains:
            async with snapshot(db) as conn:
                rows = await repository.list_checkpoints(conn, community_id=chain, limit=_HEADS)
            out.write(msgspec.json.Encoder().encode_lines([h for h in map(signed, reversed(rows)) if h not in known]))
        out.flush()
        os.fsync(out.fileno())


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _known_heads(file: Path) -> set[SignedHead]:
    _cut_torn_line(file)
    return set(read_heads(file.read_bytes())) if file.exists() else set()


class _Line(msgspec.Struct, frozen=True):
    seq: int
    hash: str


def _last_line(file: Path) -> _Line | None:
    _cut_torn_line(file)
    last = None
    if file.exists():
        with file.open("rb") as read:
            for line in read:
                last = line
    return None if last is None else msgspec.json.decode(last, type=_Line)


def _cut_torn_line(file: Path) -> None:
    """Take off what a killed export left of a line."""
    if not file.exists():
        return
    with file.open("r+b") as whole:
        size = whole.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            begin = max(end - 65_536, 0)
            whole.seek(begin)
            found = whole.read(end - begin).rfind(b"\n")
            if found >= 0:
                end = begin + found + 1
                break
            end = begin
        if end < size:
            whole.truncate(end)


def _replace(file: Path, data: bytes) -> None:
    fresh = file.with_suffix(".new")
    with fresh.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
