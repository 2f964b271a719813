"""What a batch's lines do to a community's register, in earnest or to be told only."""

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID, uuid4

import asyncpg
import msgspec

from backend.access.moving.service import move_residents
from backend.access.windows import Window
from backend.households.imports import bulk
from backend.households.imports.bulk import HomeSaid
from backend.households.imports.plan import Outcome, Registered, plan
from backend.households.imports.values import Line
from backend.households.joining import SOURCE
from backend.kit.db import Connection, savepoint

__all__ = ["Following", "lay", "try_out"]


class Following(Protocol):
    """Lets go with households whose time has changed what goes by it, in the transaction in which it changes."""

    def __call__(
        self, conn: Connection, *, community_id: UUID, tenancy_ids: Sequence[UUID], now: datetime
    ) -> Awaitable[None]:
        """Do it; the community's scope is set."""


class _Undo(Exception):
    """Rolls a check back."""


async def try_out(
    conn: Connection, community_id: UUID, lines: Sequence[Line], now: datetime, follow: Following
) -> list[Outcome]:
    """What would become of the lines: all is done as in earnest, and undone."""
    outcomes: list[Outcome] = []
    try:
        async with savepoint(conn):
            outcomes = await lay(conn, community_id, lines, now, follow)
            raise _Undo  # noqa: TRY301 - the savepoint is undone by nothing else
    except _Undo:
        # Ids of what was never made lead nowhere.
        return [
            msgspec.structs.replace(one, member_id=None, tenancy_id=None) if one.verdict == "created" else one
            for one in outcomes
        ]


async def lay(
    conn: Connection, community_id: UUID, lines: Sequence[Line], now: datetime, follow: Following
) -> list[Outcome]:
    """Change the register by the lines. Where the database refuses, by halves, so that one line costs no other.

    Args:
        conn: a transaction in the community's scope.
        community_id: whose register it is.
        lines: of one batch.
        now: the present.
        follow: what else goes by households' times.
    """
    try:
        async with savepoint(conn):
            return await _written(conn, community_id, lines, now, follow)
    except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError):
        if len(lines) == 1:
            return [Outcome(lines[0].line, "refused", "conflict")]
    half = len(lines) // 2
    return [
        *await lay(conn, community_id, lines[:half], now, follow),
        *await lay(conn, community_id, lines[half:], now, follow),
    ]


async def _written(
    conn: Connection, community_id: UUID, lines: Sequence[Line], now: datetime, follow: Following
) -> list[Outcome]:
    said: dict[tuple[str, str, str], HomeSaid] = {}
    for line in lines:
        place = (line.building, line.unit, line.home)
        if line.member_limit is not None or place not in said:
            said[place] = HomeSaid(*place, line.member_limit)
    homes = await bulk.hold_homes(conn, community_id=community_id, homes=said.values())
    there: Registered = await bulk.hold(
        conn,
        community_id=community_id,
        homes=homes,
        tenancies={line.tenancy for line in lines},
        members={line.number for line in lines},
    )
    planned = plan(lines, there, now=now, new_id=uuid4)
    if planned.new_tenancies:
        await bulk.insert_tenancies(conn, community_id=community_id, tenancies=planned.new_tenancies)
    if planned.new_members:
        await bulk.insert_members(conn, community_id=community_id, members=planned.new_members)
    if planned.changed_members:
        await bulk.update_members(conn, community_id=community_id, members=planned.changed_members)
    if planned.moved_tenancies:
        joined = await bulk.update_tenancies(conn, community_id=community_id, tenancies=planned.moved_tenancies)
        windows = {one.tenancy_id: Window(one.starts_at, one.ends_at) for one in planned.moved_tenancies}
        moved = {member_id: windows[tenancy_id] for member_id, tenancy_id in joined}
        if moved:
            # Last, since whoever waits for this community's roster waits for the end of the transaction.
            await move_residents(conn, community_id=community_id, source=SOURCE, windows=moved, now=now)
        await follow(conn, community_id=community_id, tenancy_ids=[*windows], now=now)
    return planned.outcomes
