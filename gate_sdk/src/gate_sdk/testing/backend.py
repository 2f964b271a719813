"""A whole Doorward server in memory, as far as gates can tell."""

from __future__ import annotations

import secrets
from collections import Counter
from uuid import UUID, uuid4

import msgspec

from gate_sdk.testing.phone import Phone
from gate_sdk.testing.reports import Identity
from gate_sdk.testing.roster import Person
from gate_sdk.testing.server import FakeServer
from gate_sdk.wire import (
    AskRequest,
    Card,
    DeniedFrame,
    DoorRules,
    Emergency,
    EmergencyMode,
    FramePolicy,
    GateEvent,
    GateHealth,
    GrantKind,
    KindHours,
    RosterGrant,
    VisitorCode,
    card_hash,
    encode_card,
    encode_visitor,
    pin_verifier,
    sign_visitor,
)

__all__ = ["FakeBackend", "Person", "always"]


def always(kind: GrantKind = GrantKind.RESIDENT) -> RosterGrant:
    """A grant that began long ago and has no end."""
    return RosterGrant(kind=kind, from_us=0)


class FakeBackend(FakeServer):
    """Speaks the gate protocol exactly: claim codes, assertions, tokens, long polls, signed heads, receipts.

    Every method may be called from any thread; changes wake gates that poll. What gates told it can be read in
    ``events`` (counted once), ``deliveries`` (how often each came) and ``acknowledged`` (by gate).
    """

    def claim(self) -> str:
        """A fresh claim code."""
        with self._condition:
            return self._devices.claim()

    def add_person(
        self,
        template: bytes | None = None,
        grants: tuple[RosterGrant, ...] = (always(),),
        *,
        subject: UUID | None = None,
        pack: str | None = None,
    ) -> UUID:
        """Put somebody on the roster, or replace ``subject``; ``template`` is float16 little-endian bytes."""
        with self._changing():
            return self.roster.put(subject or uuid4(), grants, template, pack or self.pack).subject

    def renew(self, subject: UUID, template: bytes, *, pack: str) -> None:
        """Give somebody a template of another pack beside his own, as while a community changes its models."""
        with self._changing():
            self.roster.renew(subject, template, pack)

    def end_change(self, pack: str) -> None:
        """End a change of models: only templates of that pack remain."""
        with self._changing():
            self.roster.end_change(pack)
            self.pack = pack

    def set_grants(self, subject: UUID, grants: tuple[RosterGrant, ...]) -> None:
        """Change when somebody may pass."""
        with self._changing():
            self.roster.put(subject, grants, self.roster.people[subject].template, self.pack)

    def expire(self, subject: UUID, kind: GrantKind = GrantKind.GUEST) -> None:
        """Let somebody's only grant have ended a second ago, while he still is on the roster."""
        self.set_grants(subject, (RosterGrant(kind=kind, from_us=0, until_us=self.roster.now_us() - 1_000_000),))

    def revoke(self, subject: UUID) -> None:
        """Take somebody off the roster."""
        with self._changing():
            self.roster.remove(subject)

    def add_phone(self, subject: UUID, phone: Phone) -> None:
        """Register a phone's key for somebody."""
        with self._changing():
            self.roster.change(subject, keys=(*self.roster.entry(subject).keys, phone.key))

    def revoke_phone(self, subject: UUID, phone: Phone) -> None:
        """Take a phone's key off the roster: it was lost."""
        with self._changing():
            kept = tuple(key for key in self.roster.entry(subject).keys if key.id != phone.key.id)
            self.roster.change(subject, keys=kept)

    def issue_token(self, subject: UUID, from_us: int, until_us: int, *, uses: int = 0) -> str:
        """A visitor's token for somebody on the roster, as the text of its QR code; ``uses`` 0 has no limit."""
        with self._changing():
            token_id = secrets.token_bytes(8)
            self.roster.change(subject, tokens=(*self.roster.entry(subject).tokens, token_id))
            self._reports.limit(token_id, uses)
            code = VisitorCode(
                token_id=token_id,
                from_s=from_us // 1_000_000,
                until_s=until_us // 1_000_000,
                since_s=self.roster.now_us() // 1_000_000 + 1,
                uses=uses,
            )
            return encode_visitor(sign_visitor(code, community=self.roster.community, key=self.roster.key))

    @property
    def events(self) -> dict[Identity, GateEvent]:
        """What gates reported, each event once, by gate, store epoch and sequence."""
        return self._reports.events

    @property
    def deliveries(self) -> Counter[Identity]:
        """How often each event came."""
        return self._reports.deliveries

    @property
    def frames(self) -> dict[Identity, DeniedFrame]:
        """Pictures of denied approaches that were kept."""
        return self._reports.frames

    @property
    def health(self) -> dict[UUID, GateHealth]:
        """What each gate last told of how it is doing."""
        return self._reports.health

    @property
    def asked(self) -> dict[UUID, AskRequest]:
        """What gates asked homes, by approach; each once, however often it was asked."""
        return self._homes.asked

    def answer(self, approach: UUID, *, approve: bool) -> bool:
        """Say yes or no for the home to what a gate has asked; whether it still waited for that."""
        with self._changing():
            return self._homes.answer(approach, approve=approve)

    def cancel_tokens(self, subject: UUID) -> None:
        """Cancel all of somebody's tokens; his grants stay."""
        with self._changing():
            self.roster.change(subject, tokens=())

    def mark_lookalike(self, subject: UUID) -> None:
        """Say of somebody that another one is so like him that his face needs the larger lead."""
        with self._changing():
            self.roster.change(subject, lookalike=True)

    def issue_card(self, subject: UUID, pin: str) -> str:
        """A printed card for somebody, as the text of its QR code."""
        with self._changing():
            secret = secrets.token_bytes(16)
            community = self.roster.community
            # As cheap as gates take it: a test has many PINs to try.
            verifier = pin_verifier(community, secret, pin, log_n=10)
            self.roster.change(subject, card=Card(hash=card_hash(community, secret), pin=verifier, log_n=10))
            return encode_card(secret)

    def keep_denied_frames(self, policy: FramePolicy | None) -> None:
        """Have gates keep pictures of denied approaches, or no longer; they hear of it at once.

        What they hand over can be read in ``frames``.
        """
        with self._changing():
            self.roster.denied_frames = policy

    def set_door(self, rules: DoorRules, *, gate: UUID | None = None) -> None:
        """Publish what goes for the door of ``gate``, or of every gate that has no rules of its own."""
        with self._changing():
            self.roster.set_rules(gate, rules)

    def set_hours(self, kind: GrantKind, bounds: tuple[int, ...], *, gate: UUID | None = None) -> None:
        """Let that kind pass between the first and the second bound, the third and the fourth, and so on only."""
        with self._changing():
            rules = self.roster.rules(gate)
            others = tuple(one for one in rules.hours if one.kind is not kind)
            hours = (*others, KindHours(kind=kind, bounds=bounds))
            self.roster.set_rules(gate, msgspec.structs.replace(rules, hours=hours))

    def declare(
        self,
        mode: EmergencyMode,
        *,
        seconds: float = 3600,
        admits: tuple[GrantKind, ...] = (GrantKind.STAFF,),
        gate: UUID | None = None,
    ) -> UUID:
        """Order a lockdown or an unlock from now on; its id."""
        with self._changing():
            now_us = self.roster.now_us()
            order = Emergency(
                id=uuid4(),
                mode=mode,
                from_us=now_us,
                until_us=now_us + int(seconds * 1e6),
                admits=admits if mode is EmergencyMode.LOCKDOWN else (),
            )
            rules = self.roster.rules(gate)
            rules = msgspec.structs.replace(rules, emergencies=(order, *rules.emergencies))
            self.roster.set_rules(gate, rules)
            return order.id

    def end_emergency(self, order: UUID, *, gate: UUID | None = None) -> None:
        """End an order before its time."""
        with self._changing():
            rules = self.roster.rules(gate)
            kept = tuple(one for one in rules.emergencies if one.id != order)
            self.roster.set_rules(gate, msgspec.structs.replace(rules, emergencies=kept))

    def restore(self) -> None:
        """Begin a new epoch."""
        with self._changing():
            self.roster.restore()

    def rotate_key(self) -> None:
        """Sign heads with another key from now on; the present one vouches for it."""
        with self._changing():
            self.roster.rotate_key()

    def revoke_gates(self) -> None:
        """Take every gate out of service."""
        with self._changing():
            self._devices.revoke_all()

    def partition(self, *, on: bool = True) -> None:
        """Cut the network, or mend it."""
        with self._changing():
            self._partitioned = on

    def diverge(self) -> None:
        """Answer the next poll with 409: the gate's roster is not ours."""
        with self._changing():
            self._diverged = True

    def fail(self, path: str, status: int, *, times: int = 1, retry_after: float | None = None) -> None:
        """Answer the next requests to ``path`` (its last part) with ``status``."""
        with self._changing():
            self._faults += [(path, status, retry_after)] * times

    def lose_answer(self, path: str, *, times: int = 1) -> None:
        """Do what the next requests to ``path`` ask, and cut the connection before the answer."""
        with self._changing():
            self._lost += [path] * times

    def drop_tokens(self) -> None:
        """Make every access token invalid."""
        with self._changing():
            self._devices.drop_tokens()
