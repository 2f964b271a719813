"""Rotation: communities' and authorities' keys get a new version, and the master key may be another one.

All state is in the key store: an owner with two versions is being rotated. Whoever goes on with it, after whatever
ended the one before, finds there what is left; two at once follow each other.
"""

from uuid import UUID

import asyncpg
import msgspec

from backend.keys import repository
from backend.keys.errors import KeyMissing, WrappingRefused
from backend.keys.service import Keys, open_person_key, owner_context, wrap_person_key
from backend.keys.wrapping import MovingKeyWrapper
from backend.kit.crypto import new_key
from backend.kit.db import Scope

__all__ = ["Rewrapped", "begin_rotation", "continue_rotation", "continue_rotations", "list_owners", "rewrap"]

#: People's keys in a transaction, which holds their rows for some ten milliseconds.
BATCH = 500


class Rewrapped(msgspec.Struct, frozen=True):
    """What a change of the master key did: keys wrapped anew, and those that were already."""

    done: int
    already: int


async def list_owners(keys: Keys) -> list[UUID]:
    """Communities and authorities that have a wrapping key."""
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        return await repository.list_owners(conn)


async def begin_rotation(keys: Keys, *, owner_id: UUID) -> int:
    """Give the owner's key a new version, with which new keys of people are wrapped from now on; answers it.

    A rotation under way is not begun again: its version is answered.

    Raises:
        KeyMissing: the owner has no key; it has wrapped nothing yet.
        KeyServiceUnavailable: the key service does not answer.
    """
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        newest = await repository.get_wrapping_key(conn, owner_id=owner_id)
        if newest is None:
            raise KeyMissing
        if await repository.list_wrapping_keys(conn, owner_id=owner_id, before=newest.version):
            return newest.version
    version = newest.version + 1
    wrapped = await keys.wrapper.wrap(new_key(), context=owner_context(owner_id, version))
    async with keys.db.transaction(Scope()) as conn:
        await repository.insert_wrapping_key(conn, owner_id=owner_id, version=version, wrapped=wrapped)
    return version


async def continue_rotation(keys: Keys, *, owner_id: UUID, batch: int = BATCH) -> int:
    """Wrap the people's keys by the newest version, then destroy the older ones; how many were wrapped anew.

    Batches with a transaction each: cut off anywhere, it is simply continued. Enrolments go on meanwhile.

    Raises:
        KeyMissing: the owner has no key.
        WrappingRefused: a version was wrapped by another master key.
        KeyServiceUnavailable: the key service does not answer.
    """
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        newest = await repository.get_wrapping_key(conn, owner_id=owner_id)
    if newest is None:
        raise KeyMissing
    total = 0
    while True:
        while done := await _rewrap_batch(keys, newest, batch):
            total += done
        if await _destroy_old(keys, newest):
            return total


async def continue_rotations(keys: Keys) -> int:
    """Go on with every rotation that was begun; how many people's keys were wrapped anew. The worker's duty."""
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        rotating = await repository.list_owners(conn, rotating=True)
    total = 0
    for owner_id in rotating:
        total += await continue_rotation(keys, owner_id=owner_id)
    return total


async def rewrap(keys: Keys, moving: MovingKeyWrapper) -> Rewrapped:
    """Wrap under the new master key everything that the previous one wraps. Row by row; cut off, it is repeated.

    Processes that run meanwhile must know both master keys.

    Raises:
        WrappingRefused: neither master key unwraps a row; the message names it. What was done stays.
        KeyServiceUnavailable: a key service does not answer.
    """
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        rows = await repository.list_by_master(conn)
    done = 0
    for row in rows:
        try:
            await moving.new.unwrap(row.wrapped, context=row.context)
        except WrappingRefused:
            key = await moving.previous.unwrap(row.wrapped, context=row.context)
            wrapped = await moving.new.wrap(key, context=row.context)
            async with keys.db.transaction(Scope()) as conn:
                await repository.set_wrapped_by_master(conn, row=row, wrapped=wrapped)
            done += 1
    return Rewrapped(done=done, already=len(rows) - done)


async def _rewrap_batch(keys: Keys, newest: repository.WrappingKeyRow, batch: int) -> int:
    new = await keys.owner_key(newest)
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        older = await repository.list_wrapping_keys(conn, owner_id=newest.owner_id, before=newest.version)
    # Unwrapped before people's rows are locked: the key service may take its time.
    old = {row.version: await keys.owner_key(row) for row in older}
    async with keys.db.transaction(Scope()) as conn:
        rows = await repository.list_wrapped_before(conn, owner_id=newest.owner_id, version=newest.version, limit=batch)
        fresh = [
            (
                row.person_id,
                wrap_person_key(
                    new,
                    open_person_key(old[row.owner_version], row.wrapped, person_id=row.person_id),
                    person_id=row.person_id,
                ),
            )
            for row in rows
        ]
        await repository.set_wrapped(conn, version=newest.version, rows=fresh)
    return len(rows)


async def _destroy_old(keys: Keys, newest: repository.WrappingKeyRow) -> bool:
    """Whether no older version is left. One that has just wrapped a new person's key stays for another round."""
    try:
        async with keys.db.transaction(Scope()) as conn:
            gone = await repository.delete_old_wrapping_keys(conn, owner_id=newest.owner_id, version=newest.version)
    except asyncpg.ForeignKeyViolationError:
        return False
    for version in range(1, newest.version):
        keys.forget_owner_key(newest.owner_id, version)
    return gone
