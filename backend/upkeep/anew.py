"""What follows the loading of older data, wherever they lie, before anything serves them. Needs no superuser."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from backend.audit import service as audit
from backend.keys.service import Keys
from backend.kit.clock import utc_now
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore
from backend.privacy.saga import Saga
from backend.upkeep import again, repository
from backend.upkeep.repository import EndRow

__all__ = ["Anew", "Loaded", "begin_anew", "known_ends"]


class Loaded(msgspec.Struct, frozen=True):
    """Loaded data at this release's schema, which nothing serves: open under each role that has something to do."""

    owner: Database
    api: Database
    worker: Database


class Anew(msgspec.Struct, frozen=True):
    """What was done: keys destroyed again, people erased again, communities with a new epoch."""

    keys_destroyed: int
    erased_again: int
    communities: int


async def known_ends(before: Database) -> list[EndRow]:
    """What had ended, as data know that were not set back so far; nothing where that database was never migrated.

    Args:
        before: under the worker's role, or another one that sees every community's rows.

    Raises:
        DatabaseUnavailable: the database does not answer.
    """
    async with before.transaction(Scope(platform=True), read_only=True) as conn:
        return await repository.list_ends(conn) if await repository.has_data(conn) else []


async def begin_anew(
    loaded: Loaded, keys: Keys, objects: ObjectStore | None, ends: Sequence[EndRow], *, now: datetime
) -> Anew:
    """Make loaded data fit to serve, with nobody in them who was erased since. Cut off, it may be run again.

    Args:
        loaded: the data.
        keys: the key store beside them; its tombstones say who was erased, and the data's erasures tell it whose key it
            should not have, should it be the older one.
        objects: where photographs lie; None where the worker is to erase them when it starts.
        ends: what had ended before the data were set back.
        now: UTC.

    Raises:
        KeyServiceUnavailable: the key service does not answer.
        DatabaseUnavailable: a database does not answer.
    """
    for database in (loaded.owner, keys.db):
        async with database.transaction(Scope()) as conn:
            await repository.gather_statistics(conn)
    async with loaded.worker.transaction(Scope(platform=True)) as conn:
        await repository.delete_log_ins(conn)
        await repository.skip_event_numbers(conn)
        communities = await repository.list_communities(conn)
        buried = await repository.list_destroyed(conn)
    for community_id in communities:
        async with loaded.worker.transaction(Scope(community_id=community_id)) as conn:
            await repository.delete_claims(conn)
            await repository.new_epoch(conn)
            await audit.record(
                conn,
                community_id=community_id,
                actor="system",
                action="backup.restore",
                target=f"community:{community_id}",
            )
    destroyed = await keys.bury(buried)
    saga = None if objects is None else Saga(loaded.worker, keys, objects, utc_now)
    erasures = await again.end_again(loaded.api, loaded.worker, ends, now=now)
    # Carried out before the faces are looked through, which would begin them a second time.
    if saga is not None:
        await again.carry_out(saga, erasures)
    faces = await again.erase_again(loaded.api, loaded.worker, keys, now=now)
    if saga is not None:
        await again.carry_out(saga, faces)
    return Anew(keys_destroyed=destroyed, erased_again=len(erasures) + len(faces), communities=len(communities))
