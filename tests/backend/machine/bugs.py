"""Bugs that the machine is held to find: each is planted in the running application, and one invariant ends it.

A machine that finds none of them would also pass on a server that lets in whomever it likes. Each line says what would
be wrong, which invariant of community.py finds it, and how it is planted: in the test's own database, or in a rule.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import msgspec
import pytest

from backend.access import service as granting
from backend.access.windows import Presence, Window, present
from backend.couriers.shifts import repository as shifts
from backend.couriers.shifts import service as shifting
from backend.doors.emergencies import repository as emergencies
from backend.doors.emergencies.repository import EmergencyRow
from backend.doors.plans import service as plans
from backend.gates import rosters
from backend.gates.rosters import RosterRow
from backend.kit.db import Connection
from backend.privacy.moving import service as moving
from backend.visitors import service as visitors
from gate_sdk.wire import GrantKind
from tests.backend.machine.site import Site

__all__ = ["BUGS", "Bug"]

Planting = Callable[[Site], AbstractContextManager[None]]


class Bug(msgspec.Struct, frozen=True):
    """What is wrong, and the names of the invariants that find it, whichever comes first."""

    what: str
    found_by: frozenset[str]
    plant: Planting


async def _nothing(*_: Any, **__: Any) -> None:
    return None


async def _shift_without_its_grant(
    conn: Connection, *, community_id: UUID, partner_id: UUID, shift_id: UUID, now: datetime
) -> None:
    del partner_id
    await shifts.end_shift(conn, community_id=community_id, shift_id=shift_id, now=now)


def _couriers_early(kind: GrantKind, window: Window, *, now: datetime) -> Presence:
    presence = present(kind, window, now=now)
    begin = presence.begin - timedelta(hours=kind is GrantKind.COURIER)
    return msgspec.structs.replace(presence, begin=begin)


async def _everywhere(conn: Connection, *, community_id: UUID, now: datetime) -> list[EmergencyRow]:
    rows = await _in_force(conn, community_id=community_id, now=now)
    return [msgspec.structs.replace(row, group_id=None) for row in rows]


async def _who_is_there(conn: Connection, *, community_id: UUID, since: int, limit: int) -> list[RosterRow]:
    rows = await _changes(conn, community_id=community_id, since=since, limit=limit)
    return [row for row in rows if row.body is not None]


_in_force, _changes = emergencies.list_in_force, rosters.list_changes


def _rule(target: Any, name: str, instead: Any) -> Planting:
    @contextmanager
    def planted(_: Site) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, name, instead)
            yield

    return planted


def _function(name: str, right: str, wrong: str) -> Planting:
    """A function of the database with something else in place of ``right``, which it must contain."""

    @contextmanager
    def planted(site: Site) -> Iterator[None]:
        (whole,) = site.run(_fetch(site, "SELECT pg_get_functiondef($1::regproc)", name))
        assert whole.count(right) == 1, f"{name}: {right} is there {whole.count(right)} times"
        site.run(_execute(site, whole.replace(right, wrong)))
        try:
            yield
        finally:
            site.run(_execute(site, whole))

    return planted


def _trigger(table: str, name: str) -> Planting:
    """A table that somebody took the trigger off."""

    @contextmanager
    def planted(site: Site) -> Iterator[None]:
        site.run(_execute(site, f"ALTER TABLE {table} DISABLE TRIGGER {name}"))
        try:
            yield
        finally:
            site.run(_execute(site, f"ALTER TABLE {table} ENABLE TRIGGER {name}"))

    return planted


async def _fetch(site: Site, query: str, *values: str) -> tuple[str, ...]:
    conn = await asyncpg.connect(site.world.urls.superuser)
    try:
        return tuple(await conn.fetchrow(query, *values))
    finally:
        await conn.close()


async def _execute(site: Site, statement: str) -> None:
    conn = await asyncpg.connect(site.world.urls.superuser)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()


KNOWN, FACES, LETS_IN, ORDERS, SIGNED = (
    frozenset({name}) for name in ("known", "faces", "lets-in", "orders", "signed")
)

BUGS = (
    Bug("the tick ends nobody's right", KNOWN, _function(
        "access_tick", "(state <> 'ended' AND present_until <= p_at)", "false",
    )),
    Bug("a restricted face stays on the gates", FACES, _function(
        "roster_project", "AND fr.subject_id = s.subject_id", "AND fr.subject_id = p_community",
    )),
    Bug("a right ends an hour late at the gate", LETS_IN, _function(
        "roster_project", "epoch_us(ag.valid_until)", "epoch_us(ag.valid_until + interval '1 hour')",
    )),
    Bug("a right begins an hour late at the gate", LETS_IN, _function(
        "roster_project", "epoch_us(ag.valid_from)", "epoch_us(ag.valid_from + interval '1 hour')",
    )),
    Bug("gates hear of a right an hour late", KNOWN, _function(
        "access_tick", "present_from <= p_at", "present_from + interval '1 hour' <= p_at",
    )),
    Bug("gates know couriers an hour early", KNOWN, _rule(granting, "present", _couriers_early)),
    Bug("an emergency that is called off goes on", ORDERS, _rule(emergencies, "update_ended", _nothing)),
    Bug("gates are not told who is gone", SIGNED, _rule(rosters, "list_changes", _who_is_there)),
    Bug("an emergency of one group is everywhere", ORDERS, _rule(emergencies, "list_in_force", _everywhere)),
    Bug("a guest's right is a resident's", LETS_IN, _function(
        "roster_project", "'kind', ag.kind", "'kind', 'resident'",
    )),
    Bug("a face that is deleted stays on the gates", FACES, _trigger("face_credential", "roster_follow_delete")),
    Bug("a right that is changed stays as it was", KNOWN | LETS_IN, _trigger("access_grant", "roster_follow_update")),
    Bug("a shift that is taken back leaves its right", KNOWN | LETS_IN, _rule(
        shifting, "end_shift", _shift_without_its_grant,
    )),
    Bug("a planned end leaves the guests' rights", KNOWN | LETS_IN, _rule(visitors, "follow_households", _nothing)),
    Bug("a planned end leaves the members' rights", KNOWN | LETS_IN, _rule(moving, "move_residents", _nothing)),
    Bug("a household that leaves leaves its guests", KNOWN, _rule(visitors, "end_passes_of_home", _nothing)),
    Bug("hours go by another zone's clocks", LETS_IN, _rule(plans, "ZoneInfo", lambda _: ZoneInfo("UTC"))),
)  # fmt: skip
