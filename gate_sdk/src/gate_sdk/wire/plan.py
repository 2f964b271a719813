"""The plan: what a community's doors do when, expanded by the server for a bounded time.

A gate gets intervals and never a rule. Weekly hours, holidays, time zones and daylight saving are the server's; a gate
compares integers. The head names the plan that belongs to it by its SHA-256, so its signature covers the plan too.
"""

import hashlib
from enum import StrEnum
from uuid import UUID

import msgspec

from gate_sdk.wire.roster import GrantKind

__all__ = [
    "DoorRules",
    "Emergency",
    "EmergencyMode",
    "GateRules",
    "KindHours",
    "Plan",
    "PlanRef",
    "decode_plan",
    "encode_plan",
    "plan_hash",
    "read_plan",
]


class EmergencyMode(StrEnum):
    """``unlock`` opens to everybody, without a face; ``lockdown`` to nobody but the kinds it admits."""

    LOCKDOWN = "lockdown"
    UNLOCK = "unlock"


class Emergency(msgspec.Struct, frozen=True):
    """An order of the community's staff that stands above hours, doors and faces.

    Half open, in microseconds since the Unix epoch. ``admits`` says who still passes in a lockdown, by all the other
    rules; it has no meaning in an unlock.
    """

    id: UUID
    mode: EmergencyMode
    from_us: int
    until_us: int
    admits: tuple[GrantKind, ...] = ()

    def covers(self, at_us: int) -> bool:
        """Whether the order is in force at that instant."""
        return self.from_us <= at_us < self.until_us


class KindHours(msgspec.Struct, frozen=True):
    """When a kind of person may pass a door.

    ``bounds`` are microseconds since the Unix epoch in strictly growing order: open from the first to the second, from
    the third to the fourth, and so on, half open. An even number of them; none at all is never.
    """

    kind: GrantKind
    bounds: tuple[int, ...]


class DoorRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes for one door.

    ``groups`` are the door groups that grants may be limited to. A kind without ``hours`` may pass at any time. Of the
    ``emergencies`` that are in force at an instant the first counts; the latest order stands first.
    """

    groups: tuple[UUID, ...] = ()
    hours: tuple[KindHours, ...] = ()
    emergencies: tuple[Emergency, ...] = ()


class GateRules(msgspec.Struct, frozen=True):
    """What goes for one gate: the rules of its door."""

    gate: UUID
    rules: DoorRules


class Plan(msgspec.Struct, frozen=True, omit_defaults=True):
    """A community's plan.

    ``revision`` only goes up within an epoch. ``elsewhere`` goes for every gate that ``gates`` does not name: one that
    stands at no door, or was made a moment ago. ``until_us`` is where the hours end that were expanded, ``None`` where
    there are none; a kind with hours does not pass after it.
    """

    community: UUID
    revision: int
    until_us: int | None = None
    elsewhere: DoorRules = DoorRules()
    gates: tuple[GateRules, ...] = ()

    def rules_of(self, gate: UUID) -> DoorRules:
        """What goes for that gate."""
        return next((one.rules for one in self.gates if one.gate == gate), self.elsewhere)


class PlanRef(msgspec.Struct, frozen=True):
    """Which plan belongs to a head: its revision, and the SHA-256 of its bytes."""

    revision: int
    sha256: bytes


class _LooseEmergency(msgspec.Struct, frozen=True):
    id: UUID
    mode: str
    from_us: int
    until_us: int
    admits: tuple[str, ...] = ()


class _LooseHours(msgspec.Struct, frozen=True):
    kind: str
    bounds: tuple[int, ...]


class _LooseRules(msgspec.Struct, frozen=True):
    groups: tuple[UUID, ...] = ()
    hours: tuple[_LooseHours, ...] = ()
    emergencies: tuple[_LooseEmergency, ...] = ()


class _LooseGate(msgspec.Struct, frozen=True):
    gate: UUID
    rules: _LooseRules


class _LoosePlan(msgspec.Struct, frozen=True):
    """A plan with words that this release may not know."""

    community: UUID
    revision: int
    until_us: int | None = None
    elsewhere: _LooseRules = _LooseRules()
    gates: tuple[_LooseGate, ...] = ()


_decoder = msgspec.msgpack.Decoder(Plan)
_loose = msgspec.msgpack.Decoder(_LoosePlan)
_MODES = frozenset(EmergencyMode)
_KINDS = frozenset(GrantKind)


def encode_plan(plan: Plan) -> bytes:
    """A plan's bytes (MessagePack). Made once and stored: what is hashed and sent is never encoded anew."""
    return msgspec.msgpack.encode(plan)


def decode_plan(body: bytes) -> Plan:
    """Read a plan.

    Raises:
        msgspec.DecodeError: the bytes are no plan.
    """
    return _decoder.decode(body)


def read_plan(body: bytes) -> tuple[Plan, int]:
    """Read a plan of a server that may be newer; also how many of its words were not understood.

    Hours of an unknown kind and orders of an unknown mode are passed over. A lockdown that also admits an unknown kind
    keeps everybody else outside as it says.

    Raises:
        msgspec.DecodeError: the bytes are no plan.
    """
    try:
        return decode_plan(body), 0
    except msgspec.ValidationError:
        found = _loose.decode(body)
    elsewhere, skipped = _rules(found.elsewhere)
    gates = []
    for one in found.gates:
        rules, more = _rules(one.rules)
        gates.append(GateRules(one.gate, rules))
        skipped += more
    plan = Plan(
        community=found.community,
        revision=found.revision,
        until_us=found.until_us,
        elsewhere=elsewhere,
        gates=tuple(gates),
    )
    return plan, skipped


def _rules(found: _LooseRules) -> tuple[DoorRules, int]:
    hours = tuple(KindHours(GrantKind(one.kind), one.bounds) for one in found.hours if one.kind in _KINDS)
    orders = tuple(
        Emergency(
            id=one.id,
            mode=EmergencyMode(one.mode),
            from_us=one.from_us,
            until_us=one.until_us,
            admits=tuple(GrantKind(kind) for kind in one.admits if kind in _KINDS),
        )
        for one in found.emergencies
        if one.mode in _MODES
    )
    unknown = sum(kind not in _KINDS for one in found.emergencies if one.mode in _MODES for kind in one.admits)
    skipped = len(found.hours) - len(hours) + len(found.emergencies) - len(orders) + unknown
    return DoorRules(groups=found.groups, hours=hours, emergencies=orders), skipped


def plan_hash(body: bytes) -> bytes:
    """SHA-256 of a plan's bytes, 32 bytes."""
    return hashlib.sha256(body).digest()
