"""Numbering what companies are told, and putting it on its way: the worker's.

See the table's migration for why it is done afterwards.
"""

from datetime import datetime
from uuid import UUID

from backend.kit.db import Database, Scope
from backend.partners.events import repository as events
from backend.partners.events.kinds import EventKind
from backend.partners.webhooks.rules import JOB
from backend.partners.webhooks.sending import repository as webhooks

__all__ = ["publish"]

_COMPANIES = 200
_BATCH = 500


async def publish(db: Database, *, now: datetime) -> int:
    """Number what has been told since, at most 500 events of each of 200 companies; how many.

    Two at once follow each other company by company. Whatever is killed in between leaves its company to the next.
    """
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        waiting = await events.list_unnumbered(conn, limit=_COMPANIES)
    numbered = 0
    for partner_id in waiting:
        numbered += await _publish_of(db, partner_id, now)
    return numbered


async def _publish_of(db: Database, partner_id: UUID, now: datetime) -> int:
    async with db.transaction(Scope(platform=True)) as conn:
        head = await events.lock_head(conn, partner_id=partner_id)
        count = await events.number_events(conn, partner_id=partner_id, after=head, limit=_BATCH)
        await events.set_head(conn, partner_id=partner_id, seq=head + count)
        endpoints = await webhooks.insert_deliveries(
            conn,
            partner_id=partner_id,
            after=head,
            upto=head + count,
            test_kind=EventKind.WEBHOOK_TEST.value,
            now=now,
        )
        if endpoints:
            await webhooks.enqueue(conn, entrypoint=JOB, endpoints=[(partner_id, one) for one in endpoints])
    return count
