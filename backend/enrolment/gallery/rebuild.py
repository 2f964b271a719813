"""Filling galleries from ciphertext: after a crash of the database, whose UNLOGGED tables are empty then."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.repository import NewGalleryRow, SealedRow
from backend.enrolment.sealing import open_template
from backend.keys.service import Keys
from backend.kit.crypto import SealBroken
from backend.kit.db import Connection, Database, Scope

__all__ = ["Progress", "complete_gallery", "ensure_galleries", "open_templates", "opened", "rebuild_gallery"]

#: Called with (rows made so far, of this community) while a gallery is rebuilt.
Progress = Callable[[int], None]

#: Rows in a transaction: it holds the community's roster, for some 50 ms.
_BATCH = 2_500
_NIL = UUID(int=0)


async def open_templates(
    conn: Connection, keys: Keys, *, community_id: UUID, pack: str, subject_ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """The same bytes from ciphertext: some 30 microseconds each, and the key store must answer."""
    rows = await gallery.list_sealed(conn, community_id=community_id, pack=pack, subject_ids=subject_ids)
    return {row.subject_id: row.template for row in await opened(keys, rows)}


async def rebuild_gallery(db: Database, keys: Keys, *, community_id: UUID, progress: Progress | None = None) -> int:
    """Bring the community's gallery up to its credentials, from ciphertext; how many rows were made.

    Batches with a transaction each: a rebuild that is cut off is simply continued, by anybody. Safe beside everything
    else, rebuilding by another process included.
    """
    scope = Scope(community_id=community_id)
    async with db.transaction(scope) as conn:
        await gallery.ensure_partition(conn)
    async with db.transaction(scope) as conn:
        await gallery.delete_stale(conn, community_id=community_id)
    made, after = 0, (_NIL, _NIL)
    while True:
        async with db.transaction(scope, read_only=True) as conn:
            rows = await gallery.list_missing(conn, community_id=community_id, after=after, limit=_BATCH)
        if not rows:
            return made
        made_of = await opened(keys, rows)
        async with db.transaction(scope) as conn:
            made += await gallery.insert_rows(conn, community_id=community_id, rows=made_of)
        after = rows[-1].subject_id, rows[-1].template_id
        if progress is not None:
            progress(made)


async def ensure_galleries(db: Database, keys: Keys, *, progress: Callable[[UUID, int], None] | None = None) -> int:
    """Rebuild every gallery that lacks a row; how many rows were made. Cheap where none does.

    The worker calls it when it starts and every minute: UNLOGGED partitions are empty after a crash of the database,
    which need not have stopped the worker. The API does not wait for it: gates are served from ciphertext meanwhile,
    and an enrolment completes its own community's gallery before it searches there.
    """
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        communities = await gallery.list_communities(conn)
    made = 0
    for community_id in communities:
        made += await complete_gallery(db, keys, community_id, _told(progress, community_id))
    return made


async def complete_gallery(db: Database, keys: Keys, community_id: UUID, progress: Progress | None = None) -> int:
    """Rebuild the community's gallery if it lacks a row; how many rows were made."""
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        complete = await gallery.is_complete(conn, community_id=community_id)
    return 0 if complete else await rebuild_gallery(db, keys, community_id=community_id, progress=progress)


async def opened(keys: Keys, rows: Sequence[SealedRow]) -> list[NewGalleryRow]:
    """What can be opened of these; whose key is gone is being erased."""
    found = await keys.person_keys(list({row.person_id for row in rows}))
    return await asyncio.to_thread(lambda: list(_open_rows(found, rows)))


def _open_rows(keys: dict[UUID, bytes], rows: Sequence[SealedRow]) -> Iterable[NewGalleryRow]:
    for row in rows:
        key = keys.get(row.person_id)
        if key is None:
            continue
        try:
            template = open_template(key, row.sealed, person_id=row.person_id, template_id=row.template_id)
        except SealBroken:
            continue
        yield NewGalleryRow(subject_id=row.subject_id, template_id=row.template_id, template=template)


def _told(progress: Callable[[UUID, int], None] | None, community_id: UUID) -> Progress | None:
    return None if progress is None else lambda made: progress(community_id, made)
