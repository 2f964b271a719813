"""Sending to endpoints: at least once, whatever is killed in between, and none in the way of another.

There is a job for each endpoint, so that a slow one is waited for by nobody else. A first transaction takes what is due
and moves it on to its next attempt before anything is sent: whoever is killed while he sends leaves it to be sent
again, under the same id, by which the company tells a repetition. A second one notes what became of it.
"""

import asyncio
from datetime import datetime
from uuid import UUID

import httpx
import msgspec
import structlog
from prometheus_client import Counter
from standardwebhooks import Webhook

from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.metrics import REGISTRY
from backend.kit.outgoing import AddressRefused, Outgoing
from backend.partners.events import service as events
from backend.partners.events.kinds import EventKind
from backend.partners.events.repository import EventRow
from backend.partners.events.schemas import Event
from backend.partners.events.service import NewEvent
from backend.partners.webhooks.repository import DisabledBy
from backend.partners.webhooks.rules import AT_ONCE, DISABLE_AFTER, JOB, MOST_ATTEMPTS, RETRIES
from backend.partners.webhooks.sealing import open_secret
from backend.partners.webhooks.sending import repository
from backend.partners.webhooks.sending.repository import MessageRow, TargetRow

__all__ = ["Webhooks", "enqueue_due"]

_log = structlog.get_logger(__name__)
_messages = Counter(
    "doorward_webhook_messages",
    "Attempts to hand a message to a company: delivered, failed and to be repeated, or dead.",
    ("outcome",),
    registry=REGISTRY,
)
_PLATFORM = Scope(platform=True)
_GONE = 410
# Turns of one job: an endpoint with a long backlog gives way to others now and then.
_TURNS = 50
_ENDPOINTS = 1000


class Webhooks:
    """Sends. Needs the worker's role."""

    def __init__(self, db: Database, outgoing: Outgoing, *, pepper: bytes, clock: Clock) -> None:
        """Work over the data.

        Args:
            db: the worker's.
            outgoing: connects to public addresses only, and gives up after seconds.
            pepper: opens the endpoints' secrets.
            clock: the time; the receiver compares it with his.
        """
        self._db = db
        self._outgoing = outgoing
        self._pepper = pepper
        self._clock = clock

    async def send(self, *, partner_id: UUID, endpoint_id: UUID) -> int:
        """Whatever is due to this endpoint; how many messages it took. Repeating is harmless.

        Ends with the first that fails, and where it has failed before tries one alone: the rest would fail, too.
        """
        delivered = 0
        for _ in range(_TURNS):
            async with self._db.transaction(_PLATFORM) as conn:
                target = await repository.get_target(conn, partner_id=partner_id, endpoint_id=endpoint_id)
                if target is None:
                    break
                messages = await repository.claim_due(
                    conn,
                    partner_id=partner_id,
                    endpoint_id=endpoint_id,
                    retries=RETRIES,
                    limit=AT_ONCE if target.failing_since is None else 1,
                    now=self._clock(),
                )
            if not messages:
                break
            statuses = await asyncio.gather(
                *(self._post(target, message, partner_id=partner_id, endpoint_id=endpoint_id) for message in messages)
            )
            taken = sum(_is_taken(status) for status in statuses)
            await self._note(partner_id, endpoint_id, dict(zip(messages, statuses, strict=True)), now=self._clock())
            delivered += taken
            if taken < len(messages):
                break
        return delivered

    async def _post(self, target: TargetRow, message: MessageRow, *, partner_id: UUID, endpoint_id: UUID) -> int | None:
        """The status of its answer; None where there was none."""
        event = EventRow(**{name: getattr(message, name) for name in EventRow.__struct_fields__})
        body = msgspec.json.encode(Event.of(event))
        now, sealed = self._clock(), [target.secret_sealed]
        if target.previous_sealed is not None and target.previous_until is not None and now < target.previous_until:
            sealed.append(target.previous_sealed)
        signatures = [
            Webhook(open_secret(self._pepper, one, partner_id=partner_id, endpoint_id=endpoint_id)).sign(
                str(message.event_id), now, body.decode()
            )
            for one in sealed
        ]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Doorward",
            "webhook-id": str(message.event_id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        try:
            return (await self._outgoing.post(target.url, content=body, headers=headers)).status
        except (AddressRefused, httpx.HTTPError, TimeoutError):
            return None

    async def _note(
        self, partner_id: UUID, endpoint_id: UUID, answers: dict[MessageRow, int | None], *, now: datetime
    ) -> None:
        async with self._db.transaction(_PLATFORM) as conn:
            for message, status in answers.items():
                dead = not _is_taken(status) and message.attempts >= MOST_ATTEMPTS
                _messages.labels("delivered" if _is_taken(status) else "dead" if dead else "failed").inc()
                await repository.settle(
                    conn,
                    partner_id=partner_id,
                    endpoint_id=endpoint_id,
                    event_id=message.event_id,
                    status=status,
                    outcome="delivered" if _is_taken(status) else "dead" if dead else None,
                    now=now,
                )
            if any(_is_taken(status) for status in answers.values()):
                await repository.note_recovered(conn, partner_id=partner_id, endpoint_id=endpoint_id)
            elif any(status == _GONE for status in answers.values()):
                await _switch_off(conn, partner_id, endpoint_id, "gone", now)
            else:
                since = await repository.note_failed(conn, partner_id=partner_id, endpoint_id=endpoint_id, now=now)
                if since is not None and now - since >= DISABLE_AFTER:
                    await _switch_off(conn, partner_id, endpoint_id, "failures", now)


async def _switch_off(conn: Connection, partner_id: UUID, endpoint_id: UUID, by: DisabledBy, now: datetime) -> None:
    """Send nothing there any more; what was on its way can be replayed. The company reads of it."""
    if not await repository.disable(conn, partner_id=partner_id, endpoint_id=endpoint_id, by=by, now=now):
        return
    buried = await repository.bury(conn, partner_id=partner_id, endpoint_id=endpoint_id, now=now)
    _messages.labels("dead").inc(buried)
    event = NewEvent(partner_id, EventKind.WEBHOOK_DISABLED, now, endpoint_id=endpoint_id)
    await events.tell(conn, events=[event], now=now)
    _log.warning("webhook-disabled", by=by)


def _is_taken(status: int | None) -> bool:
    return status is not None and httpx.codes.is_success(status)


async def enqueue_due(db: Database, *, now: datetime) -> int:
    """Ask for what is due again, and for what a lost job has left; for how many endpoints. A duty of seconds."""
    async with db.transaction(_PLATFORM) as conn:
        due = await repository.list_due(conn, at=now, limit=_ENDPOINTS)
        if due:
            await repository.enqueue(conn, entrypoint=JOB, endpoints=[(row.partner_id, row.endpoint_id) for row in due])
    return len(due)
