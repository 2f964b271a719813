"""Reads the roster into pages: each from one snapshot of the database, and one for all gates that ask for the same."""

import asyncio
import gzip
from collections import OrderedDict
from contextlib import AbstractAsyncContextManager
from typing import Annotated
from uuid import UUID

import msgspec

from backend.access.service import RosterVersion
from backend.gates import repository, rosters
from backend.gates.errors import CursorStale, GateRevoked
from backend.gates.feed import Generation
from backend.gates.heads import frames_of, head_of
from backend.gates.plans import Held, is_news, plan_of
from backend.gates.repository import GateRow
from backend.gates.rosters import DigestRow, HeadRow, RosterRow
from backend.gates.templates import items_of
from backend.keys.service import Keys
from backend.keys.signing import succession
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.pagination import decode_cursor, encode_cursor
from gate_sdk.wire import PageKind, PlanRef, ServerKey, SyncPage, policy_held, sign_head

__all__ = ["MAX_ITEMS", "MAX_PAGE_BYTES", "Page", "Pages", "Position", "Standing", "read_position", "server_keys"]

MAX_ITEMS = 2000
# A page is held in memory on both sides and sent again as a whole where the line breaks.
MAX_PAGE_BYTES = 4_000_000
# Less fits a network packet as it is.
_WORTH_PACKING = 1400
# What a template adds at most: 512 values of two bytes; as much again during a change of models.
_TEMPLATE_BYTES = 1024
# A page is kept this long for those who were woken by the same news, or whose waiting ends with another's.
_FRESH_S = 1.0
# Digests that this process knows: 72 bytes each, and none is ever computed twice.
_KNOWN_DIGESTS = 8192
_NOBODY = UUID(int=0)
# Cursors come back from outside; the database counts in 63 bits.
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where in a sequence of pages the next one begins; what a cursor says.

    With ``after``: entries of subjects behind that one, of a snapshot begun at version ``since``. Without: changes
    after version ``since``, which end a snapshot as they make up a delta.
    """

    kind: PageKind
    epoch: _Number
    since: _Number
    after: UUID | None = None


class Page(msgspec.Struct, frozen=True):
    """An encoded :class:`gate_sdk.wire.SyncPage`, the head's version at its reading, and whom it may be sent to.

    ``packed`` is the same, compressed (gzip), where that saves anything. ``templates`` is how many face templates are
    in it, ``plan`` what its head names, ``frames`` what it says of pictures of denied approaches, as
    :func:`gate_sdk.wire.policy_held` words it.
    """

    body: bytes
    packed: bytes | None
    at: RosterVersion
    in_service: frozenset[UUID]
    templates: int
    plan: PlanRef | None
    frames: str


class Standing(msgspec.Struct, frozen=True):
    """A gate beside its community's roster: the digest is known where the gate's version is ours or was lately."""

    gate: GateRow
    head: RosterVersion
    digest: bytes | None
    plan: PlanRef | None
    frames: str


# What those who ask for the same share: the community, the state, the plan that they have.
_Key = tuple[UUID, int, int, Held]


class _Shared(msgspec.Struct, frozen=True):
    generation: Generation
    begun: float
    page: asyncio.Task[Page]


class Pages:
    """Reads pages and standings; remembers digests by version, and pages for as long as they are the newest."""

    def __init__(self, db: Database, keys: Keys, clock: Clock) -> None:
        """Read from ``db``; sign with ``keys``; date heads by ``clock``."""
        self._db = db
        self._keys = keys
        self._clock = clock
        self._digests: OrderedDict[tuple[UUID, int, int], DigestRow] = OrderedDict()
        self._shared: dict[_Key, _Shared] = {}

    async def standing(self, *, community_id: UUID, gate_id: UUID, epoch: int, version: int) -> Standing:
        """The gate, the roster's version, and the digest of (``epoch``, ``version``) if we can tell.

        Raises:
            GateRevoked: the gate is out of service.
        """
        async with self._snapshot(community_id) as conn:
            gate = await repository.get_gate(conn, community_id=community_id, gate_id=gate_id)
            head = await rosters.get_head(conn, community_id=community_id)
            if gate is None or gate.revoked_at is not None or head is None:
                raise GateRevoked
            known = self._digests.get((community_id, epoch, version))
            if known is None and (head.epoch, head.version) == (epoch, version):
                known = await self._digest(conn, community_id, head)
        return Standing(
            gate=gate,
            head=RosterVersion(head.epoch, head.version),
            digest=None if known is None else known.digest,
            plan=plan_of(head),
            frames=policy_held(frames_of(head, now=self._clock())),
        )

    async def read(self, *, community_id: UUID, position: Position | None, held: Held) -> Page:
        """The page at that position, or a snapshot's first; its last with the plan where ``held`` is another.

        Raises:
            CursorStale: the roster has begun another epoch since the sequence began, or forgotten a removal.
        """
        signing = await self._keys.head_keys(community_id)
        async with self._snapshot(community_id) as conn:
            head = await rosters.get_head(conn, community_id=community_id)
            if head is None:
                raise GateRevoked
            in_service = await rosters.list_in_service(conn, community_id=community_id)
            if position is None:
                position = Position(PageKind.SNAPSHOT, head.epoch, head.version, _NOBODY)
            if position.epoch != head.epoch or position.since > head.version:
                raise CursorStale
            # A delta from before a forgotten removal would leave that subject at the gate.
            if position.kind is PageKind.DELTA and position.since < head.forgotten_version:
                raise CursorStale
            rows, following = await _rows(conn, community_id, position, head)
            items, beside = await items_of(conn, self._keys, community_id=community_id, rows=rows)
            digest = None if following else await self._digest(conn, community_id, head)
            plan = plan_of(head)
            news = digest is not None and plan is not None and is_news(held, plan)
            # From the snapshot that the head is read from: the two never name different plans.
            plan_body = await rosters.get_plan(conn, community_id=community_id) if news else msgspec.UNSET
        now = self._clock()
        key = succession.signing_at(signing, now)
        page = SyncPage(
            kind=position.kind,
            epoch=head.epoch,
            items=items,
            next=None if following is None else encode_cursor(following),
            head=None
            if digest is None
            else sign_head(head_of(community_id, head, digest, now=now), key=key.private, kid=key.kid),
            keys=() if following else succession.server_keys(signing),
            plan=plan_body,
            next_templates=beside or msgspec.UNSET,
        )
        body = msgspec.msgpack.encode(page)
        return Page(
            body=body,
            packed=await _packed(body),
            at=RosterVersion(head.epoch, head.version),
            in_service=in_service,
            templates=sum(item.template is not None for item in items) + len(beside),
            plan=plan,
            frames=policy_held(frames_of(head, now=now)),
        )

    async def changes(
        self,
        *,
        community_id: UUID,
        since: RosterVersion,
        held: Held,
        generation: Generation,
        at_least: Standing,
        asked: float,
    ) -> Page:
        """What came after ``since``: a delta, empty where nothing did; a snapshot where that version is not ours.

        All who ask for the same after the same news share one reading: a revocation is read once for a community, not
        once for each of its gates.

        Args:
            community_id: the community.
            since: what the gate has.
            held: which plan it has.
            generation: what the feed has told of the community; news since make a shared page old.
            at_least: what the caller saw roster and plan at himself; news may still be on their way to the feed.
            asked: when the gate asked, by the event loop's clock. No page begun before will do: its head could be
                older than one that the gate has had since, and would be refused as a replay.
        """
        key = (community_id, since.epoch, since.version, held)
        shared = self._shared.get(key)
        if shared is None or shared.generation != generation or shared.begun < asked:
            shared = self._share(key, generation)
        # One that goes away while he waits must not take the page from the others.
        page = await asyncio.shield(shared.page)
        if _age(page.at, page.plan) < _age(at_least.head, at_least.plan):
            page = await asyncio.shield(self._share(key, generation).page)
        return page

    def _share(self, key: _Key, generation: Generation) -> _Shared:
        community_id, epoch, version, held = key
        page = asyncio.create_task(self._changes(community_id, RosterVersion(epoch, version), held))
        loop = asyncio.get_running_loop()
        shared = _Shared(generation, loop.time(), page)
        self._shared[key] = shared
        loop.call_later(_FRESH_S, self._forget, key, shared)
        return shared

    async def _changes(self, community_id: UUID, since: RosterVersion, held: Held) -> Page:
        try:
            position = Position(PageKind.DELTA, since.epoch, since.version)
            return await self.read(community_id=community_id, position=position, held=held)
        except CursorStale:
            return await self.read(community_id=community_id, position=None, held=held)

    def _forget(self, key: _Key, shared: _Shared) -> None:
        if self._shared.get(key) is shared:
            del self._shared[key]

    def _snapshot(self, community_id: UUID) -> AbstractAsyncContextManager[Connection]:
        return self._db.transaction(Scope(community_id=community_id), isolation="REPEATABLE READ", read_only=True)

    async def _digest(self, conn: Connection, community_id: UUID, head: HeadRow) -> DigestRow:
        key = (community_id, head.epoch, head.version)
        known = self._digests.get(key)
        if known is None:
            known = await rosters.digest(conn, community_id=community_id)
            self._digests[key] = known
            if len(self._digests) > _KNOWN_DIGESTS:
                self._digests.popitem(last=False)
        return known


async def _packed(body: bytes) -> bytes | None:
    """The page compressed, once for all gates that are sent it; beside the event loop, which others wait for."""
    if len(body) < _WORTH_PACKING:
        return None
    # Templates hardly shrink and entries to a third at any level, so the quickest one.
    return await asyncio.to_thread(gzip.compress, body, 1, mtime=0)


def _age(at: RosterVersion, plan: PlanRef | None) -> tuple[int, int, int]:
    return at.epoch, at.version, 0 if plan is None else plan.revision


def read_position(cursor: str | None) -> Position | None:
    """What the cursor says.

    Raises:
        CursorInvalid: it is none of ours.
    """
    return decode_cursor(cursor, Position)


async def server_keys(keys: Keys, *, community_id: UUID) -> tuple[ServerKey, ...]:
    """The public keys that the community's heads are signed with."""
    return succession.server_keys(await keys.head_keys(community_id))


async def _rows(
    conn: Connection, community_id: UUID, position: Position, head: HeadRow
) -> tuple[list[RosterRow], Position | None]:
    """The page's rows, and where the next one begins, if this is not the last."""
    rows: list[RosterRow] = []
    since = position.since
    if position.after is not None:
        found = await rosters.list_entries(conn, community_id=community_id, after=position.after, limit=MAX_ITEMS + 1)
        rows = _cut(found, MAX_ITEMS, MAX_PAGE_BYTES)
        if len(rows) < len(found):
            return rows, msgspec.structs.replace(position, after=rows[-1].subject_id)
    if since < head.version:
        # What changed while a snapshot's pages were fetched; some of it was sent already, and is harmless twice.
        room = MAX_ITEMS - len(rows)
        found = await rosters.list_changes(conn, community_id=community_id, since=since, limit=room + 1)
        changes = _cut(found, room, MAX_PAGE_BYTES - _size(rows))
        if changes:
            since = changes[-1].version
        rows += changes
        if len(changes) < len(found):
            return rows, Position(position.kind, position.epoch, since)
    return rows, None


def _cut(rows: list[RosterRow], most: int, most_bytes: int) -> list[RosterRow]:
    kept: list[RosterRow] = []
    size = 0
    for row in rows[:most]:
        size += _size([row])
        if size > most_bytes and kept:
            break
        kept.append(row)
    return kept


def _size(rows: list[RosterRow]) -> int:
    return sum(
        len(row.body) + _TEMPLATE_BYTES * (1 + (b'"next_template"' in row.body)) for row in rows if row.body is not None
    )
