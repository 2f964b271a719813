"""One poll of a gate: acknowledge what it has, wait for news, answer with them."""

import asyncio

import structlog

from backend.access.service import RosterVersion
from backend.audit import service as audit
from backend.gates import service
from backend.gates.errors import RosterDiverged
from backend.gates.feed import RosterFeed
from backend.gates.lags import service as lags
from backend.gates.lags.repository import LagRow
from backend.gates.limits import Attempts
from backend.gates.pages import Page, Pages, Position, Standing
from backend.gates.plans import Held, is_news
from backend.keys.service import Keys
from backend.kit.auth import GatePrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from gate_sdk.wire import Acknowledged

__all__ = ["MAX_WAIT_S", "GateSync"]

# Below the idle limits of home routers and proxies.
MAX_WAIT_S = 25
_log = structlog.get_logger(__name__)


class GateSync:
    """What a process keeps for its gates: the feed, the pages being shared, the claim codes being tried."""

    def __init__(self, db: Database, keys: Keys, clock: Clock) -> None:
        """Serve gates out of ``db``; ``feed`` must be running for polls to be woken."""
        self._db = db
        self._clock = clock
        self.feed = RosterFeed(db)
        self.pages = Pages(db, keys, clock)
        self.claims = Attempts(most=10, per_s=60)

    async def poll(
        self,
        gate: GatePrincipal,
        *,
        state: Acknowledged | None,
        position: Position | None,
        wait_s: float,
        held: Held = None,
        frames: str | None = None,
    ) -> Page:
        """The page that answers this poll.

        Args:
            gate: who asks.
            state: what it has; None for nothing.
            position: where its sequence of pages goes on; then nothing is acknowledged and nobody waits.
            wait_s: how long it would wait for news.
            held: which plan of the doors it has.
            frames: what it goes by about pictures of denied approaches; None where it does not say, then what goes for
                the community as it asks.

        Raises:
            GateRevoked: it is out of service, perhaps since it began to wait.
            RosterDiverged: what it has is not what that version is.
            CursorStale: its sequence of pages has become void.
        """
        community_id = gate.community_id
        asked = asyncio.get_running_loop().time()
        # Taken before anything is read; see RosterFeed.
        generation = self.feed.generation(community_id)
        if position is not None or state is None:
            await self._arrive(gate, None, held)
            page = await self.pages.read(community_id=community_id, position=position, held=held)
            return await self._handed_out(gate, page)
        standing = await self._arrive(gate, state, held)
        frames = frames or standing.frames
        head, news = standing.head, is_news(held, standing.plan) or frames != standing.frames
        since = RosterVersion(state.epoch, state.version)
        deadline = asked + wait_s
        alone = True
        while True:
            left = deadline - asyncio.get_running_loop().time()
            if head != since and left > 0:
                # It was told a moment ago, and comes back for what has changed meanwhile.
                await asyncio.sleep(min(self.feed.rest(community_id), left))
            elif not news and left > 0:
                alone = await self.feed.wait(community_id, gate.gate_id, since=generation, seconds=left)
            generation = self.feed.generation(community_id)
            page = await self.pages.changes(
                community_id=community_id,
                since=since,
                held=held,
                generation=generation,
                at_least=standing,
                asked=asked,
            )
            await self._check(gate, page)
            over = not alone or asyncio.get_running_loop().time() >= deadline
            if page.at != since or is_news(held, page.plan) or page.frames != frames or over:
                return await self._handed_out(gate, page)

    async def _handed_out(self, gate: GatePrincipal, page: Page) -> Page:
        """The page. Face templates in it are recorded before they are sent, once for each page."""
        if page.templates:
            async with self._db.transaction(Scope(community_id=gate.community_id)) as conn:
                await audit.record(
                    conn,
                    community_id=gate.community_id,
                    actor=f"gate:{gate.gate_id}",
                    action="templates.send",
                    target=f"roster:{page.at.epoch}/{page.at.version}",
                    reason=f"{page.templates} templates",
                )
        return page

    async def _arrive(self, gate: GatePrincipal, state: Acknowledged | None, held: Held) -> Standing:
        """Take the gate's acknowledgement. Nothing is written where it says what it said before."""
        standing = await self.pages.standing(
            community_id=gate.community_id,
            gate_id=gate.gate_id,
            epoch=-1 if state is None else state.epoch,
            version=-1 if state is None else state.version,
        )
        now = self._clock()
        row, head = standing.gate, standing.head
        ours = state is not None and state.epoch == head.epoch and state.version <= head.version
        diverged = ours and state is not None and standing.digest not in (None, state.digest)
        news = ours and state is not None and (row.acked_epoch, row.acked_version) != (state.epoch, state.version)
        # With a state only: naming it says that it is on the gate's disk, and so is its plan.
        plan = None if state is None or is_news(held, standing.plan) or held is None else standing.plan
        plan_news = plan is not None and row.acked_plan != plan.revision
        late: list[LagRow] = []
        if diverged or news or plan_news or service.seen_is_old(row, now=now):
            async with self._db.transaction(Scope(community_id=gate.community_id)) as conn:
                if diverged and state is not None:
                    await service.record_diverged(conn, gate=row, state=state, now=now)
                elif news and state is not None:
                    late = await lags.of_acknowledgement(conn, gate=row, state=state)
                    verified = standing.digest is not None
                    await service.record_acknowledged(conn, gate=row, state=state, verified=verified, now=now)
                else:
                    await service.record_seen(conn, gate=row, now=now)
                if plan is not None and plan_news:
                    await service.record_plan(conn, gate=row, revision=plan.revision)
        lags.observe(late)
        if diverged:
            _log.error("roster diverged", community=str(gate.community_id), gate=str(gate.gate_id))
            raise RosterDiverged
        if state is not None and not ours:
            _log.warning(
                "gate holds a version that is not ours", community=str(gate.community_id), gate=str(gate.gate_id)
            )
        return standing

    async def _check(self, gate: GatePrincipal, page: Page) -> None:
        # A shared page may be older than the gate itself, so only the database says that it was revoked: a device
        # that hears so erases itself.
        if gate.gate_id not in page.in_service:
            await self.pages.standing(community_id=gate.community_id, gate_id=gate.gate_id, epoch=-1, version=-1)
