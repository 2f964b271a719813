"""The fake server's roster: versions without gaps, deltas, snapshots, signed heads."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk.wire import (
    DoorRules,
    FramePolicy,
    GateRules,
    Head,
    PageKind,
    Plan,
    PlanRef,
    Policy,
    RosterEntry,
    RosterGrant,
    ServerKey,
    SignedHead,
    SyncItem,
    SyncPage,
    TemplateRef,
    decode_entry,
    encode_plan,
    endorse_key,
    entry_hash,
    plan_hash,
    roster_digest,
    sign_head,
)

__all__ = ["FakeRoster", "Person"]


class Person(msgspec.Struct, frozen=True):
    """Somebody on the roster, with the version at which he last changed."""

    subject: UUID
    version: int
    body: bytes
    template: bytes | None
    next_template: bytes | None = None


class _Sequence(msgspec.Struct, frozen=True):
    """What is left of a sequence, and the head that its last page will carry, not yet dated."""

    kind: PageKind
    items: tuple[SyncItem, ...]
    head: Head
    plan: bytes | None = None


class FakeRoster:
    """Not safe for several threads; the backend's lock guards it."""

    def __init__(self, community: UUID, policy: Policy, page_size: int, now_us: Callable[[], int]) -> None:
        self.community = community
        self.policy = policy
        self.denied_frames: FramePolicy | None = None
        self.page_size = page_size
        self.now_us = now_us
        self.key = Ed25519PrivateKey.generate()
        self.kid = "fake-1"
        #: Every key that signed heads, the first one first.
        self.server_keys: tuple[ServerKey, ...] = (
            ServerKey(kid=self.kid, public_key=self.key.public_key().public_bytes_raw()),
        )
        self.epoch = 1
        self.version = 0
        self.people: dict[UUID, Person] = {}
        self.plan: Plan | None = None
        self.plan_body: bytes | None = None
        self._removed: dict[UUID, int] = {}
        self._sequences: dict[str, _Sequence] = {}

    def rotate_key(self) -> None:
        """Sign with another key from now on, for which the present one vouches."""
        fresh = Ed25519PrivateKey.generate()
        named = ServerKey(
            kid=f"fake-{len(self.server_keys) + 1}",
            public_key=fresh.public_key().public_bytes_raw(),
            from_us=self.now_us(),
        )
        named = endorse_key(named, community=self.community, by=self.kid, key=self.key)
        self.server_keys = (*self.server_keys, named)
        self.key, self.kid = fresh, named.kid

    def put(self, subject: UUID, grants: tuple[RosterGrant, ...], template: bytes | None, pack: str) -> Person:
        """Add or replace somebody."""
        named = None if template is None else TemplateRef(pack=pack, sha256=hashlib.sha256(template).hexdigest())
        before = self.people.get(subject)
        entry = RosterEntry(subject=subject, grants=grants) if before is None else decode_entry(before.body)
        fresh = msgspec.structs.replace(entry, grants=grants, template=named, next_template=None)
        return self._put(fresh, template)

    def change(self, subject: UUID, **fields: object) -> Person:
        """Change fields of somebody's entry."""
        person = self.people[subject]
        return self._put(
            msgspec.structs.replace(decode_entry(person.body), **fields), person.template, person.next_template
        )

    def renew(self, subject: UUID, template: bytes, pack: str) -> Person:
        """Give somebody a template of the pack that the community is changing to, beside the one that he has."""
        person = self.people[subject]
        named = TemplateRef(pack=pack, sha256=hashlib.sha256(template).hexdigest())
        entry = msgspec.structs.replace(decode_entry(person.body), next_template=named)
        return self._put(entry, person.template, template)

    def end_change(self, pack: str) -> None:
        """Leave everybody the template of that pack, and nobody one of another."""
        for person in list(self.people.values()):
            entry = decode_entry(person.body)
            if entry.next_template is not None and entry.next_template.pack == pack:
                entry = msgspec.structs.replace(entry, template=entry.next_template, next_template=None)
                self._put(entry, person.next_template)
            elif entry.template is not None and entry.template.pack != pack:
                self._put(msgspec.structs.replace(entry, template=None, next_template=None), None)

    def entry(self, subject: UUID) -> RosterEntry:
        """Somebody's entry."""
        return decode_entry(self.people[subject].body)

    def _put(self, entry: RosterEntry, template: bytes | None, next_template: bytes | None = None) -> Person:
        subject = entry.subject
        self.version += 1
        person = Person(
            subject=subject,
            version=self.version,
            body=msgspec.json.encode(entry),
            template=template,
            next_template=next_template,
        )
        self.people[subject] = person
        self._removed.pop(subject, None)
        return person

    def remove(self, subject: UUID) -> None:
        """Take somebody off the roster."""
        del self.people[subject]
        self.version += 1
        self._removed[subject] = self.version

    def restore(self) -> None:
        """Begin a new epoch, as a database restored from a backup does."""
        self.epoch += 1
        self.version = 1
        self.people = {subject: msgspec.structs.replace(person, version=1) for subject, person in self.people.items()}
        self._removed = {}
        self._sequences = {}

    def rules(self, gate: UUID | None) -> DoorRules:
        """What goes for a gate, or for those that are not named."""
        if self.plan is None:
            return DoorRules()
        return self.plan.elsewhere if gate is None else self.plan.rules_of(gate)

    def set_rules(self, gate: UUID | None, rules: DoorRules) -> None:
        """Publish a plan with other rules for a gate, or for those that are not named."""
        plan = self.plan or Plan(community=self.community, revision=0)
        if gate is None:
            plan = msgspec.structs.replace(plan, elsewhere=rules)
        else:
            others = tuple(one for one in plan.gates if one.gate != gate)
            plan = msgspec.structs.replace(plan, gates=(*others, GateRules(gate, rules)))
        self.plan = msgspec.structs.replace(plan, revision=plan.revision + 1)
        self.plan_body = encode_plan(self.plan)

    def head(self) -> Head:
        """The roster as it is, dated now."""
        pairs = [(person.subject.bytes, entry_hash(person.body)) for person in self.people.values()]
        return Head(
            community=self.community,
            epoch=self.epoch,
            version=self.version,
            count=len(pairs),
            digest=roster_digest(pairs),
            issued_at_us=self.now_us(),
            policy=self.policy,
            plan=self.plan_ref,
            denied_frames=self.denied_frames,
        )

    @property
    def plan_ref(self) -> PlanRef | None:
        """How heads name the plan."""
        if self.plan is None or self.plan_body is None:
            return None
        return PlanRef(revision=self.plan.revision, sha256=plan_hash(self.plan_body))

    def sign(self, head: Head) -> SignedHead:
        """Sign a head with the community's key."""
        return sign_head(head, key=self.key, kid=self.kid)

    def snapshot(self) -> SyncPage:
        """The first page of all there is."""
        return self._page(PageKind.SNAPSHOT, self._present(after=-1), self.head(), self.plan_body)

    def delta(self, after: int) -> SyncPage:
        """The first page of what changed since version ``after``."""
        gone = [
            SyncItem(subject=subject.bytes, version=version, body=None, template=None)
            for subject, version in self._removed.items()
            if version > after
        ]
        return self._page(PageKind.DELTA, [*self._present(after=after), *gone], self.head(), self.plan_body)

    def next_page(self, cursor: str) -> SyncPage | None:
        """Go on with a sequence; ``None`` if the cursor is not known."""
        sequence = self._sequences.get(cursor)
        return (
            None if sequence is None else self._page(sequence.kind, list(sequence.items), sequence.head, sequence.plan)
        )

    def _present(self, *, after: int) -> list[SyncItem]:
        return [
            SyncItem(subject=one.subject.bytes, version=one.version, body=one.body, template=one.template)
            for one in self.people.values()
            if one.version > after
        ]

    def _page(self, kind: PageKind, items: list[SyncItem], head: Head, plan: bytes | None) -> SyncPage:
        now, rest = items[: self.page_size], items[self.page_size :]
        beside = self._beside(now)
        if not rest:
            dated = msgspec.structs.replace(head, issued_at_us=self.now_us())
            return SyncPage(
                kind=kind,
                epoch=head.epoch,
                items=tuple(now),
                head=self.sign(dated),
                keys=self.server_keys,
                plan=msgspec.UNSET if plan is None else plan,
                next_templates=beside,
            )
        cursor = secrets.token_urlsafe(9)
        self._sequences[cursor] = _Sequence(kind=kind, items=tuple(rest), head=head, plan=plan)
        return SyncPage(kind=kind, epoch=head.epoch, items=tuple(now), next=cursor, next_templates=beside)

    def _beside(self, items: list[SyncItem]) -> dict[bytes, bytes] | msgspec.UnsetType:
        """The templates of the pack to come, of those of the items that name one."""
        people = {one.subject.bytes: one for one in self.people.values() if one.next_template is not None}
        found = {
            item.subject: person.next_template
            for item in items
            if (person := people.get(item.subject)) is not None
            and person.body == item.body
            and person.next_template is not None
        }
        return found or msgspec.UNSET
