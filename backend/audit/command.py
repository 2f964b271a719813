"""``doorward audit verify``: checking the chains, by the signed heads here and elsewhere."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.audit import repository
from backend.audit.checking import Checked, check_chain
from backend.audit.heads import HeadsUnreadable, SignedHead, read_heads
from backend.audit.repository import PLATFORM
from backend.keys.service import Keys
from backend.keys.signing.published import KeySetInvalid, read_key_set
from backend.kit.db import Connection, Database, Scope

__all__ = ["CannotCheck", "all_chains", "snapshot", "told", "verify"]

_CHAINS = 200


class CannotCheck(Exception):
    """The chains could not be checked or kept; the message says why and what helps."""


async def verify(
    db: Database, keys: Keys, *, community_id: UUID | None, heads: Path | None, trusted: Path | None
) -> list[Checked]:
    """Check one chain or all of them.

    Args:
        db: the data, under the worker's role.
        keys: the key store, whose public keys are believed where ``trusted`` is None.
        community_id: whose chain; None for every community's and the platform's.
        heads: a file with signed heads that were kept elsewhere.
        trusted: a file with the public keys.

    Raises:
        CannotCheck: a file cannot be read, or nothing is known of that chain, or of any.
    """
    public = await _public_keys(keys, trusted)
    kept: dict[UUID, list[SignedHead]] = defaultdict(list)
    if heads is not None:
        try:
            for one in read_heads(_read(heads)):
                kept[one.head.chain].append(one)
        except HeadsUnreadable as error:
            raise CannotCheck(f"{heads}: {error}") from None
    if community_id is not None:
        chains = [community_id]
    else:
        async with snapshot(db) as conn:
            chains = sorted({*kept, *await all_chains(conn)})
        if not chains:
            raise CannotCheck("nothing is recorded here at all: is this the deployment's own folder, or its database?")
    found = []
    for chain in chains:
        async with snapshot(db) as conn:
            found.append(await check_chain(conn, chain=chain, kept=kept.get(chain, ()), keys=public))
    if community_id is not None and found[0] == Checked(community_id, 0, 0, ()):
        raise CannotCheck(f"nothing is recorded of {community_id}: take the id from the list of communities")
    return found


def told(found: Sequence[Checked]) -> str:
    """What was found, for people."""
    lines = []
    for one in found:
        name = "platform" if one.chain == PLATFORM else str(one.chain)
        state = "FOUND:" if one.findings else "sound"
        lines.append(f"{name}  {one.length} entries, {one.heads} signed heads  {state}")
        lines += [f"  {finding}" for finding in one.findings]
    bad = sum(bool(one.findings) for one in found)
    lines.append(f"{len(found)} chains checked, {bad} of them not as they were written" if bad else _all_sound(found))
    return "\n".join(lines)


async def all_chains(conn: Connection) -> list[UUID]:
    """Every chain that there is, by id. In the platform scope."""
    found: list[UUID] = []
    while page := await repository.list_chains(conn, after=found[-1] if found else None, limit=_CHAINS):
        found += page
    return found


async def _public_keys(keys: Keys, trusted: Path | None) -> Mapping[str, Ed25519PublicKey]:
    if trusted is None:
        return {key.kid: key.private.public_key() for key in await keys.audit_keys()}
    try:
        return read_key_set(_read(trusted))
    except KeySetInvalid as error:
        raise CannotCheck(f"{trusted} holds no public keys: {error}") from None


@asynccontextmanager
async def snapshot(db: Database) -> AsyncIterator[Connection]:
    """What the database says at one moment."""
    async with db.transaction(Scope(platform=True), isolation="REPEATABLE READ", read_only=True) as conn:
        yield conn


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CannotCheck(f"{file} cannot be read: {error.strerror}") from error


def _all_sound(found: Sequence[Checked]) -> str:
    return f"{len(found)} chains checked: every entry is as it was written"
