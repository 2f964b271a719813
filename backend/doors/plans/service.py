"""Builds and publishes plans: whoever changes what stands in one calls :func:`publish` in the same transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import structlog

from backend.doors import repository as doors
from backend.doors.emergencies import repository as emergencies
from backend.doors.emergencies.repository import EmergencyRow
from backend.doors.hours import bounds_of, united
from backend.doors.plans import repository
from backend.doors.schedules import repository as schedules
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from gate_sdk.wire import (
    DoorRules,
    Emergency,
    EmergencyMode,
    GateRules,
    GrantKind,
    KindHours,
    Plan,
    decode_plan,
    encode_plan,
)

__all__ = ["AHEAD", "RENEW_BEFORE", "publish", "renew_due"]

# Hours are expanded for as long as a gate keeps a roster without contact, and four weeks on top; with three of them
# left they are expanded anew. So a gate has wiped its roster before its hours run out, however long it is cut off and
# even where no worker has run for three weeks.
AHEAD = timedelta(days=28)
RENEW_BEFORE = timedelta(days=21)
_log = structlog.get_logger(__name__)

# Bounds by door group and kind; the community's own under None.
_Hours = dict[tuple[UUID | None, GrantKind], tuple[int, ...]]


async def publish(conn: Connection, *, community_id: UUID, now: datetime) -> int:
    """Bring the community's plan up to what its tables say; the revision that holds now.

    Gates that are connected hear of it when the transaction commits. Nothing is published where nothing changes, nor
    for a community that never said anything about its doors.

    Args:
        conn: a transaction in the community's scope, in which all changes were made already.
        community_id: the community.
        now: the present.
    """
    before = await repository.hold_plan(conn, community_id=community_id)
    rules = await repository.read_rules(conn, community_id=community_id)
    begin, until = _horizon(now, rules.wipe_after_s)
    hours = await _hours(conn, community_id, ZoneInfo(rules.time_zone), begin, until)
    orders = await emergencies.list_in_force(conn, community_id=community_id, now=now)
    gates = await doors.list_gates_at_doors(conn, community_id=community_id)
    plan = Plan(
        community=community_id,
        revision=before.revision,
        until_us=_us(until) if hours else None,
        elsewhere=_rules((), hours, orders),
        gates=tuple(GateRules(gate.gate_id, _rules(gate.groups, hours, orders)) for gate in gates),
    )
    if before.body is None and plan == Plan(community=community_id, revision=0):
        return 0
    if before.body is not None and plan == decode_plan(before.body):
        return before.revision
    plan = msgspec.structs.replace(plan, revision=before.revision + 1)
    await repository.update_plan(
        conn,
        community_id=community_id,
        revision=plan.revision,
        body=encode_plan(plan),
        time_zone=rules.time_zone,
        hours_until=until if hours else None,
        now=now,
    )
    return plan.revision


async def renew_due(db: Database, clock: Clock) -> int:
    """Expand hours anew where they run out or the community's time zone was changed; how many plans. The worker's."""
    now = clock()
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        due = await repository.list_due(conn, before=now + RENEW_BEFORE)
    renewed = 0
    for community_id in due:
        try:
            async with db.transaction(Scope(community_id=community_id)) as conn:
                await publish(conn, community_id=community_id, now=now)
            renewed += 1
        except Exception as error:  # noqa: BLE001 - one community's failure must not hold up the others' gates
            _log.error("plan-failed", community=str(community_id), error=type(error).__name__)
    return renewed


def _horizon(now: datetime, wipe_after_s: int) -> tuple[datetime, datetime]:
    # Whole days, so that what is built twice on one day is the same; a day back for clocks that are behind.
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    kept = timedelta(days=-(-wipe_after_s // 86_400))
    return midnight - timedelta(days=1), midnight + kept + AHEAD + timedelta(days=1)


async def _hours(conn: Connection, community_id: UUID, zone: ZoneInfo, begin: datetime, until: datetime) -> _Hours:
    weeks = {row.schedule_id: row.schedule for row in await schedules.list_schedules(conn, community_id=community_id)}
    days = {row.day: row.special for row in await schedules.list_days(conn, community_id=community_id)}
    expanded = {
        schedule_id: bounds_of(week, days, zone, begin=begin, until=until) for schedule_id, week in weeks.items()
    }
    return {
        (row.group_id, GrantKind(row.kind)): expanded[row.schedule_id]
        for row in await schedules.list_hours(conn, community_id=community_id)
    }


def _rules(groups: Sequence[UUID], hours: _Hours, orders: Sequence[EmergencyRow]) -> DoorRules:
    """What goes for a door in these groups.

    For each kind: the hours of its groups that have any, together; where none has, the community's; else every hour.
    """
    by_kind = []
    for kind in GrantKind:
        own = [hours[group, kind] for group in groups if (group, kind) in hours]
        if own:
            by_kind.append(KindHours(kind, united(own)))
        elif (None, kind) in hours:
            by_kind.append(KindHours(kind, hours[None, kind]))
    return DoorRules(
        groups=tuple(groups),
        hours=tuple(by_kind),
        emergencies=tuple(_order(row) for row in orders if row.group_id is None or row.group_id in groups),
    )


def _order(row: EmergencyRow) -> Emergency:
    return Emergency(
        id=row.emergency_id,
        mode=EmergencyMode(row.mode),
        from_us=_us(row.declared_at),
        until_us=_us(row.until),
        admits=tuple(GrantKind(kind) for kind in row.admits),
    )


def _us(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
