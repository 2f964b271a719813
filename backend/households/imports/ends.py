"""Who stands on the register under a number and is not in the file: whom an import may end."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from uuid import UUID

import msgspec

from backend.households.imports import bulk, reports
from backend.households.imports.batches import NewBatch
from backend.households.imports.bulk import NumberedRow
from backend.households.imports.plan import Outcome
from backend.kit.db import Connection

__all__ = ["allowed", "batch", "missing"]

_PAGE = 2000
# A register loses a household or two between two files; a file that was cut off loses half a building.
_LARGE_PART = 5
_FEW = 5
_MANY = "many-not-in-file"


async def missing(conn: Connection, *, community_id: UUID, there: AbstractSet[str]) -> list[Outcome]:
    """One outcome for each who is missing; with his tenancy where the whole household is, so that it ends as one."""
    households: dict[UUID, list[NumberedRow]] = {}
    after: UUID | None = None
    while True:
        rows = await bulk.list_numbered(conn, community_id=community_id, after=after, limit=_PAGE)
        for row in rows:
            households.setdefault(row.tenancy_id, []).append(row)
        if len(rows) < _PAGE:
            break
        after = rows[-1].member_id
    found = []
    standing = sum(len(members) for members in households.values())
    for tenancy_id, members in households.items():
        gone = [member for member in members if member.register_number not in there]
        whole = len(gone) == len(members) and any(member.relation == "tenant" for member in members)
        found += [
            Outcome(0, "ended", "not-in-file", member_id=one.member_id, tenancy_id=tenancy_id if whole else None)
            for one in gone
        ]
    if len(found) > _FEW and len(found) * _LARGE_PART > standing:
        return [msgspec.structs.replace(one, code=_MANY) for one in found]
    return found


def allowed(found: Sequence[Outcome], *, large: bool) -> list[Outcome]:
    """Who is ended: everybody, but where so many are missing of a community, nobody unless that was confirmed."""
    return [one if large or one.code != _MANY else msgspec.structs.replace(one, verdict="unchanged") for one in found]


def batch(community_id: UUID, position: int, found: Sequence[Outcome], now: datetime) -> NewBatch:
    """As an import keeps them until it is applied."""
    return NewBatch(
        community_id=community_id, position=position, kind="ends", first_line=0, lines=0,
        outcome=reports.encode(found), ended=len(found), done_at=now,
    )  # fmt: skip
