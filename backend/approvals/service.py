"""Rules of questions to homes: asking, answering, and how a gate's request waits."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from backend.approvals import repository
from backend.approvals.errors import ApprovalAnswered, ApprovalNotFound, ApprovalOver
from backend.approvals.repository import ApprovalRow, OpenRow
from backend.approvals.rules import CLOCKS_APART, MOST_ASKED, MOST_ASKED_PER, Answer, State, state_of
from backend.gates import service as gates
from backend.gates.feed import RosterFeed
from backend.households.members import repository as members
from backend.kit.auth import GatePrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from backend.notifications.service import News
from gate_sdk.wire import AskRequest

__all__ = ["Asking", "answer", "ask"]


class Asking:
    """What a process keeps for gates that wait for homes' answers."""

    def __init__(self, db: Database, clock: Clock) -> None:
        """Wait on ``db``; ``feed`` must be running for answers to be heard at once."""
        self._db = db
        self._clock = clock
        self.feed = RosterFeed(db, channel=repository.CHANNEL)

    async def ask(self, gate: GatePrincipal, asked: AskRequest) -> State:
        """Ask, or ask again, and wait at most ``asked.wait`` seconds for an answer; where the question then stands.

        Nothing of it is in this process: a request to another one, or to this one after its end, goes on waiting.

        Raises:
            GateRevoked: it is out of service, perhaps since it began to wait.
        """
        deadline = asyncio.get_running_loop().time() + asked.wait
        scope = Scope(community_id=gate.community_id)
        while True:
            # Taken before anything is read; see RosterFeed.
            generation = self.feed.generation(gate.community_id)
            async with self._db.transaction(scope) as conn:
                await gates.require_in_service(conn, community_id=gate.community_id, gate_id=gate.gate_id)
                row = await ask(conn, gate=gate, asked=asked, now=self._clock())
            now = self._clock()
            state: State = "closed" if row is None else state_of(row, now)
            left = deadline - asyncio.get_running_loop().time()
            if row is None or state != "waiting" or left <= 0:
                return state
            # A little beyond its time, so that the answer then is that it is up. Each request waits for itself: its
            # repetition after a lost answer may be another person's, of whom nobody knows.
            left = min(left, (row.expires_at - now).total_seconds() + 0.01)
            if not await self.feed.wait(gate.community_id, uuid4(), since=generation, seconds=left):
                return state


async def ask(conn: Connection, *, gate: GatePrincipal, asked: AskRequest, now: datetime) -> ApprovalRow | None:
    """The gate's question about this approach, put to the home the first time; None where there is nobody to ask.

    In the community's scope. At one gate a guest waits for one answer: with a new approach the question before it is
    closed, so that nobody comes in by the answer to another one's ring.
    """
    community_id = gate.community_id
    found = await repository.find_asked(
        conn, community_id=community_id, gate_id=gate.gate_id, approach_id=asked.approach, subject_id=asked.subject
    )
    if found is not None:
        return found
    right = await repository.find_right(
        conn,
        community_id=community_id,
        subject_id=asked.subject,
        earliest=now - CLOCKS_APART,
        latest=now + CLOCKS_APART,
    )
    if right is None:
        return None
    count = await repository.count_asked(conn, community_id=community_id, right=right, since=now - MOST_ASKED_PER)
    if count >= MOST_ASKED:
        return None
    row = await repository.insert_approval(
        conn,
        community_id=community_id,
        gate_id=gate.gate_id,
        approach_id=asked.approach,
        subject_id=asked.subject,
        right=right,
        asked_at=now,
        expires_at=now + timedelta(seconds=asked.for_s),
    )
    if row is None:
        # Asked twice at the same moment; the other one has told the home.
        return await repository.find_asked(
            conn, community_id=community_id, gate_id=gate.gate_id, approach_id=asked.approach, subject_id=asked.subject
        )
    if await repository.close_others(conn, community_id=community_id, row=row, now=now):
        await repository.announce(conn, community_id=community_id)
    people = await members.list_people_of_home(conn, community_id=community_id, home_id=row.home_id)
    news = [
        News(
            person_id=person_id,
            kind=Kind.APPROVAL_ASKED,
            occasion=str(row.approval_id),
            community_id=community_id,
            about_id=row.approval_id,
        )
        for person_id in people
    ]
    await notifications.tell_all(conn, news=news, now=now)
    return row


async def answer(
    conn: Connection, *, community_id: UUID, home_id: UUID, approval_id: UUID, said: Answer, now: datetime
) -> tuple[OpenRow, bool]:
    """Keep the home's answer and wake the gate; the question, and whether it was not answered so before.

    The caller has shown that the home is his. Repeating an answer is harmless, whoever of the home gave it first.

    Raises:
        ApprovalNotFound: the home has no such question.
        ApprovalAnswered: the other answer was given before.
        ApprovalOver: its time is up, or the pass or delivery has ended.
    """
    row = await repository.lock_approval(conn, community_id=community_id, home_id=home_id, approval_id=approval_id)
    if row is None:
        raise ApprovalNotFound
    fresh = row.outcome is None
    if fresh:
        if state_of(row, now) == "closed" or not await repository.still_stands(
            conn, community_id=community_id, row=row
        ):
            raise ApprovalOver
        await repository.set_answer(conn, community_id=community_id, approval_id=approval_id, answer=said, now=now)
        await repository.announce(conn, community_id=community_id)
    elif row.outcome != said:
        raise ApprovalAnswered
    (shown,) = await repository.list_open(
        conn, community_id=community_id, home_id=home_id, now=now, limit=1, approval_id=approval_id
    )
    return shown, fresh
