"""Sending notifications to telephones, once each, whatever is killed in between.

A first transaction decides by which ways one goes out. A second takes what is due and moves it on to its next attempt
before anything is sent: whoever is killed while he sends leaves it to be sent again, under the same key, by which a
carrier tells a repetition; nobody sends the same at the same time. A third notes what became of it.
"""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from backend.accounts.sessions.devices import unknown_device
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.language import Language
from backend.kit.messages import MessagesUnavailable, Sender
from backend.notifications import service as notifications
from backend.notifications.kinds import KINDS, RETRIES, Channel, Kind, channels
from backend.notifications.push import Browser, Push, PushAnswer, PushResult
from backend.notifications.repository import enqueue
from backend.notifications.sending import repository
from backend.notifications.sending.repository import BrowserRow, DeliveryRow, ToSendRow
from backend.notifications.service import JOB
from backend.notifications.subscriptions import repository as subscriptions
from backend.notifications.texts import LOCKED

__all__ = ["Sending", "enqueue_due"]

_log = structlog.get_logger(__name__)
# The job that was asked for with the notification takes this long at most where the workers keep up.
_OVERDUE = timedelta(seconds=20)
_BATCH = 500


class PushPayload(msgspec.Struct, frozen=True):
    """What a browser gets: what it may show on a locked screen, and which notification to read after log-in."""

    notification_id: UUID
    text: str


class Sending:
    """Sends them. Needs the worker's role."""

    def __init__(self, db: Database, sender: Sender, push: Push, clock: Clock) -> None:
        """Work over the data and the carriers."""
        self._db = db
        self._sender = sender
        self._push = push
        self._clock = clock

    async def send(self, *, person_id: UUID, notification_id: UUID) -> int:
        """Whatever of this notification is due; how many ways it went out by. Repeating is harmless.

        One that does not exist, or belongs to somebody who is gone, is nothing to do.
        """
        scope = Scope(person_id=person_id, platform=True)
        async with self._db.transaction(scope) as conn:
            row = await repository.get_to_send(conn, person_id=person_id, notification_id=notification_id)
            if row is None or row.kind not in set(Kind):
                return 0
            browsers = {one.subscription_id: one for one in await repository.list_browsers(conn, person_id=person_id)}
            if row.routed_at is None:
                said = await notifications.preferences(conn, person_id=person_id, kind=Kind(row.kind))
                told = channels(Kind(row.kind), said.get(Kind(row.kind), {}))
                await repository.insert_deliveries(
                    conn,
                    person_id=person_id,
                    notification_id=notification_id,
                    sms=Channel.SMS in told and row.phone is not None,
                    browsers=list(browsers) if Channel.PUSH in told else [],
                    now=self._clock(),
                )
                await repository.set_routed(
                    conn, person_id=person_id, notification_id=notification_id, now=self._clock()
                )
        async with self._db.transaction(scope) as conn:
            due = await repository.claim_due(
                conn, person_id=person_id, notification_id=notification_id, retries=RETRIES, now=self._clock()
            )
        sent = await asyncio.gather(*(self._deliver(person_id, notification_id, row, one, browsers) for one in due))
        return sum(sent)

    async def _deliver(
        self,
        person_id: UUID,
        notification_id: UUID,
        row: ToSendRow,
        delivery: DeliveryRow,
        browsers: dict[UUID, BrowserRow],
    ) -> bool:
        language: Language = "en" if row.language == "en" else "zh-CN"
        browser = None if delivery.subscription_id is None else browsers.get(delivery.subscription_id)
        if delivery.channel == Channel.SMS:
            answer = await self._text(row, delivery, language)
        elif browser is None:
            # Logged out since; its row goes with the log-in's.
            answer = PushAnswer(PushResult.REFUSED)
        else:
            answer = await self._push.send(
                Browser(browser.endpoint, browser.p256dh, browser.auth),
                msgspec.json.encode(PushPayload(notification_id, LOCKED[language])),
                topic=notification_id.hex,
                urgent=KINDS[Kind(row.kind)].urgent,
            )
        await self._note(person_id, delivery, answer, browser, now=self._clock())
        return answer.result is PushResult.SENT

    async def _text(self, row: ToSendRow, delivery: DeliveryRow, language: Language) -> PushAnswer:
        if row.phone is None:
            return PushAnswer(PushResult.REFUSED)
        values = {"device": row.detail or unknown_device(language)} if row.kind == Kind.NEW_DEVICE else {}
        try:
            await self._sender.send(
                to=row.phone, template=row.kind, values=values, language=language, key=str(delivery.delivery_id)
            )
        except MessagesUnavailable:
            return PushAnswer(PushResult.LATER)
        return PushAnswer(PushResult.SENT)

    async def _note(
        self, person_id: UUID, delivery: DeliveryRow, answer: PushAnswer, browser: BrowserRow | None, *, now: datetime
    ) -> None:
        delivery_id = delivery.delivery_id
        async with self._db.transaction(Scope(person_id=person_id)) as conn:
            if answer.result is PushResult.GONE and browser is not None:
                await subscriptions.drop_subscription(
                    conn, person_id=person_id, subscription_id=browser.subscription_id, endpoint=browser.endpoint
                )
            elif answer.result is not PushResult.LATER:
                outcome = "sent" if answer.result is PushResult.SENT else "refused"
                await repository.settle(conn, person_id=person_id, delivery_id=delivery_id, outcome=outcome, now=now)
            elif delivery.attempts >= len(RETRIES):
                _log.warning("notification-given-up", channel=delivery.channel)
                await repository.settle(conn, person_id=person_id, delivery_id=delivery_id, outcome="given_up", now=now)
            elif answer.wait is not None:
                await repository.postpone(conn, person_id=person_id, delivery_id=delivery_id, until=now + answer.wait)


async def enqueue_due(db: Database, *, now: datetime) -> int:
    """Ask for what is due again, and for what a lost job has left; how many. A duty of every few seconds."""
    async with db.transaction(Scope(platform=True)) as conn:
        due = await repository.list_unfinished(conn, told_before=now - _OVERDUE, at=now, limit=_BATCH)
        if due:
            await enqueue(conn, entrypoint=JOB, notifications=[(row.person_id, row.notification_id) for row in due])
    return len(due)
