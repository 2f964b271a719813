"""Making a courier's grants follow from what was said: by him, by his company, by the authority.

A yes is given in one transaction and its grants are made in one per community, since a community's roster must not
wait for another's. Whatever stops the work in between (a crash, a lost connection), settling again completes it: it
compares what was said with what stands, and changes the difference. The worker does so every half minute.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import repository as roster
from backend.access import service as access
from backend.access.service import NewGrant
from backend.couriers import repository
from backend.couriers.deliveries import repository as deliveries
from backend.couriers.employments import repository as single
from backend.couriers.employments.bulk import repository as employments
from backend.couriers.shifts import repository as shift_rows
from backend.couriers.shifts.bulk import repository as many_shifts
from backend.enrolment import service as enrolment
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.partners import repository as partners
from backend.partners.errors import PartnerNotFound
from backend.people import repository as people
from gate_sdk.wire import GrantKind

__all__ = ["attach_worker", "resume", "settle", "settle_worker", "settle_workers", "suspend"]

_BATCH = 500


class _Due(msgspec.Struct, frozen=True):
    """A shift or a delivery: what a grant may rest on."""

    source: str
    source_id: UUID
    worker_id: str
    begin: datetime
    until: datetime
    subject_id: UUID | None
    enters: bool = True
    ask_first: bool = False


async def settle_worker(
    conn: Connection, *, community_id: UUID, partner_id: UUID, worker_id: str, now: datetime
) -> UUID | None:
    """See :func:`settle_workers`. Answers his pseudonym at the community, where he has a grant now."""
    subjects = await settle_workers(
        conn, community_id=community_id, partner_id=partner_id, worker_ids=[worker_id], now=now
    )
    return subjects.get(worker_id)


async def settle_workers(
    conn: Connection, *, community_id: UUID, partner_id: UUID, worker_ids: Sequence[str], now: datetime
) -> dict[str, UUID]:
    """Make and end workers' grants at one community as their and the authority's word now is.

    Needs the scopes of the community and the platform. Answers, by worker, the pseudonym there of those who have a
    grant now.
    """
    await roster.roster_hold(conn)
    employed = await employments.share_employments(conn, partner_id=partner_id, worker_ids=worker_ids)
    admission = await partners.get_admission(conn, community_id=community_id, partner_id=partner_id)
    due = await _due(conn, community_id=community_id, partner_id=partner_id, worker_ids=worker_ids, now=now)
    admitted = admission is not None and admission.suspended_at is None
    with_work = {item.worker_id for item in due if item.enters}
    agreed = {
        row.worker_id: row.person_id
        for row in employed
        if admitted and row.accepted_at is not None and row.worker_id in with_work
    }
    pseudonyms = {}
    if agreed:
        pseudonyms = await people.ensure_subjects(conn, community_id=community_id, person_ids=list(agreed.values()))
    subjects = {worker_id: pseudonyms[person_id] for worker_id, person_id in agreed.items()}
    wanted = [(item, subjects.get(item.worker_id) if item.enters else None) for item in due]
    changed = [(item, subject_id) for item, subject_id in wanted if item.subject_id != subject_id]
    for item, _ in changed:
        if item.subject_id is not None:
            await access.end_grants(
                conn, community_id=community_id, source=item.source, source_id=item.source_id, now=now
            )
    grants = [_grant(item, subject_id) for item, subject_id in changed if subject_id is not None]
    if grants:
        await access.grant_many(conn, community_id=community_id, grants=grants, now=now)
    await _set_subjects(conn, community_id=community_id, changed=changed)
    return subjects


async def settle(
    db: Database, keys: Keys, *, partner_id: UUID | None = None, worker_id: str | None = None, now: datetime
) -> int:
    """Settle whatever is unsettled (of one company or worker, where named); how many workers at how many communities.

    At most 500 at a time; call again until it answers fewer.
    """
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_unsettled(conn, partner_id=partner_id, worker_id=worker_id, now=now, limit=_BATCH)
    for row in rows:
        async with db.transaction(Scope(community_id=row.community_id, platform=True)) as conn:
            subject_id = await settle_worker(
                conn,
                community_id=row.community_id,
                partner_id=row.partner_id,
                worker_id=row.worker_id,
                now=now,
            )
        await attach_worker(
            db,
            keys,
            community_id=row.community_id,
            subject_id=subject_id,
            partner_id=row.partner_id,
            worker_id=row.worker_id,
            now=now,
        )
    return len(rows)


async def attach_worker(
    db: Database,
    keys: Keys,
    *,
    community_id: UUID,
    subject_id: UUID | None,
    partner_id: UUID,
    worker_id: str,
    now: datetime,
) -> bool:
    """Put the worker's template on the community, if he has one and a grant there; whether it is there now."""
    if subject_id is None:
        return False
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        employment = await single.get_employment(conn, partner_id=partner_id, worker_id=worker_id)
    if employment is None:
        return False
    return await enrolment.attach(
        db, keys, community_id=community_id, subject_id=subject_id, person_id=employment.person_id, now=now
    )


async def suspend(conn: Connection, *, community_id: UUID, partner_id: UUID, now: datetime) -> None:
    """Suspend a company at a community: its couriers' grants end in this transaction. Repeating is harmless.

    Raises:
        PartnerNotFound: the company was never admitted there.
    """
    await roster.roster_hold(conn)
    admission = await partners.get_admission(conn, community_id=community_id, partner_id=partner_id)
    if admission is None:
        raise PartnerNotFound
    await partners.set_suspended(conn, community_id=community_id, partner_id=partner_id, suspended_at=now)
    for item in await _due(conn, community_id=community_id, partner_id=partner_id, worker_ids=None, now=now):
        if item.subject_id is not None:
            await access.end_grants(
                conn, community_id=community_id, source=item.source, source_id=item.source_id, now=now
            )
            await _set_subjects(conn, community_id=community_id, changed=[(item, None)])


async def resume(conn: Connection, *, community_id: UUID, partner_id: UUID) -> None:
    """Let a suspended company back; settling then makes the grants of what is not over.

    Raises:
        PartnerNotFound: the company was never admitted there.
    """
    await roster.roster_hold(conn)
    if await partners.get_admission(conn, community_id=community_id, partner_id=partner_id) is None:
        raise PartnerNotFound
    await partners.set_suspended(conn, community_id=community_id, partner_id=partner_id, suspended_at=None)


def _grant(item: _Due, subject_id: UUID) -> NewGrant:
    return NewGrant(
        subject_id=subject_id,
        kind=GrantKind.COURIER,
        source=item.source,
        source_id=item.source_id,
        valid_from=item.begin,
        valid_until=item.until,
        ask_first=item.ask_first,
    )


async def _due(
    conn: Connection, *, community_id: UUID, partner_id: UUID, worker_ids: Sequence[str] | None, now: datetime
) -> list[_Due]:
    shifts = await shift_rows.list_open_shifts(
        conn, community_id=community_id, partner_id=partner_id, worker_ids=worker_ids, now=now
    )
    brought = await deliveries.list_open_assigned(
        conn, community_id=community_id, partner_id=partner_id, worker_ids=worker_ids, now=now
    )
    return [
        *(_Due("shift", s.shift_id, s.worker_id, s.starts_at, s.ends_at, s.subject_id) for s in shifts),
        *(
            _Due(
                "delivery",
                d.delivery_id,
                d.worker_id,
                d.valid_from,
                d.valid_until,
                d.subject_id,
                enters=d.handover == "door",
                ask_first=d.ask_first,
            )
            for d in brought
            if d.worker_id is not None and d.valid_from is not None and d.valid_until is not None
        ),
    ]


async def _set_subjects(conn: Connection, *, community_id: UUID, changed: Sequence[tuple[_Due, UUID | None]]) -> None:
    of_shifts = [(item.source_id, subject_id) for item, subject_id in changed if item.source == "shift"]
    if of_shifts:
        await many_shifts.set_subjects(conn, community_id=community_id, shifts=of_shifts)
    for item, subject_id in changed:
        if item.source == "delivery":
            await deliveries.set_subject(
                conn, community_id=community_id, delivery_id=item.source_id, subject_id=subject_id
            )
