"""Rules of imports: who may begin one, how far it may go by itself, and when its file goes."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from backend.audit import service as audit
from backend.households.imports import batches, repository, staging
from backend.households.imports.errors import EndsDiffer, ImportNotFound, ImportNotOpen, ImportsFull
from backend.households.imports.repository import ImportRow
from backend.households.imports.schemas import Apply, ImportOptions, NewImport, parse_options
from backend.keys.service import Keys
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember, StaffRole
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Forbidden
from backend.kit.storage import ObjectStore

__all__ = [
    "JOB",
    "KEPT",
    "Shown",
    "apply",
    "begin",
    "cancel",
    "get",
    "look",
    "reach_of",
    "receive",
    "rerun",
    "shown",
    "shred",
]

#: The job that runs an import; its payload is the import's id.
JOB = "register.import"
#: How long a file waits for being confirmed.
KEPT = timedelta(days=7)
# Each may lay 256 MiB into the object store.
_OPEN = 5
_PAGE = 100


async def reach_of(
    conn: Connection, staff: StaffMember, permission: Permission = Permission.REGISTER_WRITE
) -> list[UUID] | None:
    """The communities for which the member of staff has the permission; None for all of his authority's.

    Raises:
        Forbidden: none.
        SecondFactorRequired: it needs a second factor, which this session has not given lately.
    """
    try:
        staff.require(permission)
    except SecondFactorRequired:
        raise
    except Forbidden:
        lacking: Forbidden | None = None
        reach: list[UUID] = []
        for role in StaffRole:
            refusal = _refusal(staff, role, permission)
            if refusal is not None and not isinstance(refusal, SecondFactorRequired):
                continue
            found = await repository.list_reach(conn, staff_id=staff.staff_id, role=role.value)
            if found and refusal is not None:
                # A role of his allows it: what he lacks is the second factor, and he is told so.
                lacking = refusal
            reach += found
        if lacking is not None:
            raise lacking from None
        if not reach:
            raise
        return reach
    return None


class Shown(msgspec.Struct, frozen=True):
    """An import, and of which communities' lines it is shown; None is every line, also those of no community."""

    row: ImportRow
    communities: tuple[UUID, ...] | None


def shown(staff: StaffMember, reach: list[UUID] | None, row: ImportRow) -> Shown:
    """An import that he may see. Whoever began it sees the whole file, others what it says of their communities."""
    whole = reach is None or row.staff_id == staff.staff_id
    return Shown(row, None if whole or reach is None else tuple(reach))


async def begin(conn: Connection, *, staff: StaffMember, new: NewImport, now: datetime) -> ImportRow:
    """An import that waits for its file.

    Raises:
        Forbidden: he may write no register.
        ImportsFull: too many wait already.
    """
    reach = await reach_of(conn, staff)
    if await repository.count_open(conn, authority_id=staff.authority_id) >= _OPEN:
        raise ImportsFull
    # Whom a file ends is always looked at first.
    options = ImportOptions(new=new, check=new.dry_run or new.ends_missing)
    row = await repository.insert_import(
        conn,
        authority_id=staff.authority_id,
        staff_id=staff.staff_id,
        reach=reach,
        options=msgspec.json.encode(options).decode(),
        now=now,
    )
    await _record(conn, staff, "import.begin", row.import_id)
    return row


async def get(conn: Connection, *, staff: StaffMember, import_id: UUID, lock: bool = False) -> ImportRow:
    """An import that this member of staff may steer: his own, or with a role for the whole authority any.

    Raises:
        Forbidden: he may write no register.
        ImportNotFound: there is none, or it is somebody else's.
    """
    reach = await reach_of(conn, staff)
    row = await repository.get_import(conn, authority_id=staff.authority_id, import_id=import_id, lock=lock)
    if row is None or shown(staff, reach, row).communities is not None:
        raise ImportNotFound
    return row


async def look(conn: Connection, *, staff: StaffMember, import_id: UUID) -> Shown:
    """An import that this member of staff may look at: also one that somebody else has begun for his community.

    Raises:
        Forbidden: he may write no register.
        ImportNotFound: there is none, or it touches none of his communities.
    """
    reach = await reach_of(conn, staff)
    row = await repository.get_import(conn, authority_id=staff.authority_id, import_id=import_id)
    if row is None:
        raise ImportNotFound
    found = shown(staff, reach, row)
    if found.communities is not None and not await batches.touches(
        conn, import_id=import_id, communities=found.communities
    ):
        raise ImportNotFound
    return found


async def receive(
    db: Database, keys: Keys, objects: ObjectStore, stream: AsyncIterator[bytes], *, staff: StaffMember, import_id: UUID
) -> ImportRow:
    """Keep the import's file, sealed, and have the worker read it. A broken upload may be sent again.

    Raises:
        Forbidden, ImportNotFound: as :func:`get`.
        ImportNotOpen: it has its file already.
        FileNotText, FileTooLarge, FileEmpty: as the names say.
    """
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        row = await get(conn, staff=staff, import_id=import_id)
    if row.state != "receiving":
        raise ImportNotOpen
    size, count = await staging.receive(keys, objects, stream, import_id=import_id, authority_id=row.authority_id)
    async with db.transaction(Scope(platform=True)) as conn:
        if not await repository.set_received(conn, import_id=import_id, file_bytes=size, blocks=count):
            raise ImportNotOpen
        await repository.enqueue(conn, entrypoint=JOB, import_id=import_id)
        await _record(conn, staff, "import.receive", import_id)
        return await get(conn, staff=staff, import_id=import_id)


async def apply(conn: Connection, *, staff: StaffMember, import_id: UUID, confirmed: Apply) -> ImportRow:
    """Do what a check has shown.

    Raises:
        Forbidden, ImportNotFound: as :func:`get`.
        ImportNotOpen: it was not checked, or is under way.
        SecondFactorRequired: it ends people, and this session has not given a second factor lately.
        EndsDiffer: the check shows another number of people to be ended.
    """
    row = await get(conn, staff=staff, import_id=import_id, lock=True)
    if row.state != "checked":
        raise ImportNotOpen
    if parse_options(row).new.ends_missing:
        await reach_of(conn, staff, Permission.TENANCY_END)
    if (await batches.get_progress(conn, import_id=import_id)).ended != confirmed.ends:
        raise EndsDiffer
    options = msgspec.structs.replace(parse_options(row), check=False, large_ends=confirmed.large_ends)
    await batches.reset_batches(conn, import_id=import_id)
    await repository.set_state(
        conn, import_id=import_id, state="applying", options=msgspec.json.encode(options).decode(), finished_at=None
    )
    await repository.enqueue(conn, entrypoint=JOB, import_id=import_id)
    await _record(conn, staff, "import.apply", import_id)
    return await get(conn, staff=staff, import_id=import_id)


async def cancel(conn: Connection, *, staff: StaffMember, import_id: UUID, now: datetime) -> ImportRow:
    """Stop an import; what it has done stands. Repeating is harmless.

    Raises:
        Forbidden, ImportNotFound: as :func:`get`.
        ImportNotOpen: it is over.
    """
    row = await get(conn, staff=staff, import_id=import_id, lock=True)
    if row.state == "cancelled":
        return row
    if row.state in ("done", "failed", "expired"):
        raise ImportNotOpen
    await repository.set_state(conn, import_id=import_id, state="cancelled", options=row.options, finished_at=now)
    await _record(conn, staff, "import.cancel", import_id)
    return await get(conn, staff=staff, import_id=import_id)


async def rerun(db: Database) -> int:
    """Put imports that wait, or whose run was lost, to the worker again; how many. For every few seconds."""
    async with db.transaction(Scope(platform=True)) as conn:
        waiting = await repository.list_to_run(conn)
        for import_id in waiting:
            await repository.enqueue(conn, entrypoint=JOB, import_id=import_id)
    return len(waiting)


async def shred(db: Database, keys: Keys, objects: ObjectStore, *, now: datetime) -> int:
    """Destroy the files of imports that are over or have waited too long: key, blocks and sealed lines; how many."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        over = await repository.list_to_shred(conn, before=now - KEPT, limit=_PAGE)
    for import_id in over:
        # The key first: what a crash leaves behind is noise, and is found again.
        await keys.destroy_person_key(import_id)
        await staging.discard(objects, import_id=import_id)
        async with db.transaction(Scope(platform=True)) as conn:
            await repository.mark_shredded(conn, import_id=import_id, now=now)
    return len(over)


def _refusal(staff: StaffMember, role: StaffRole, permission: Permission) -> Forbidden | None:
    """What he would be refused with if he had that role."""
    try:
        msgspec.structs.replace(staff, roles=(role,)).require(permission)
    except Forbidden as refusal:
        return refusal
    return None


async def _record(conn: Connection, staff: StaffMember, action: str, import_id: UUID) -> None:
    await audit.record(
        conn, community_id=None, actor=f"staff:{staff.staff_id}", action=action, target=f"import:{import_id}"
    )
