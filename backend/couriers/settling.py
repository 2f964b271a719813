"""Making a courier's grants follow from what was said: by him, by his company, by the authority.

A yes is given in one transaction and its grants are made in one per community, since a community's roster must not
wait for another's. Whatever stops the work in between (a crash, a lost connection), settling again completes it: it
compares what was said with what stands, and changes the difference. The worker does so every half minute.
"""

from collections.abc import Collection, Sequence
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
from backend.couriers.suspensions import repository as suspensions
from backend.enrolment import service as enrolment
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.partners import repository as partners
from backend.people import repository as people
from gate_sdk.wire import GrantKind

__all__ = [
    "attach_worker",
    "hold",
    "settle",
    "settle_subject",
    "settle_worker",
    "settle_workers",
    "simulated_now",
    "workers_with_work",
]

_BATCH = 500


class _Due(msgspec.Struct, frozen=True):
    """A shift or a delivery: what a grant may rest on."""

    source: str
    source_id: UUID
    worker_id: str
    begin: datetime
    until: datetime
    subject_id: UUID | None
    simulated: bool
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

    Of a sandbox's workers it is only written down where there would be a grant. Needs the scopes of the community and
    the platform. Answers, by worker, the pseudonym there of those who have a grant now.
    """
    sandbox = await hold(conn, partner_id=partner_id)
    employed = await employments.share_employments(conn, partner_id=partner_id, worker_ids=worker_ids)
    admission = await partners.get_admission(conn, community_id=community_id, partner_id=partner_id)
    due = await _due(conn, community_id=community_id, partner_id=partner_id, worker_ids=worker_ids, now=now)
    admitted = admission is not None and admission.suspended_at is None
    with_work = {item.worker_id for item in due if item.enters}
    suspended = await suspensions.list_suspended(
        conn, community_id=community_id, person_ids=[row.person_id for row in employed]
    )
    agreed = {
        row.worker_id: row.person_id
        for row in employed
        if admitted and row.accepted_at is not None and row.worker_id in with_work and row.person_id not in suspended
    }
    if sandbox:
        await _simulate(conn, community_id=community_id, due=due, agreed=agreed)
        return {}
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


async def settle_subject(db: Database, keys: Keys, *, community_id: UUID, subject_id: UUID, now: datetime) -> None:
    """Settle the work that this pseudonym has grants for, where its courier has become another person.

    His rights pass from the one pseudonym to the other in one transaction, so that gates never know neither.
    """
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        rows = await repository.list_workers_of_subject(conn, community_id=community_id, subject_id=subject_id)
        settled = [
            (
                row,
                await settle_worker(
                    conn, community_id=community_id, partner_id=row.partner_id, worker_id=row.worker_id, now=now
                ),
            )
            for row in rows
        ]
    for row, settled_as in settled:
        await attach_worker(
            db,
            keys,
            community_id=community_id,
            subject_id=settled_as,
            partner_id=row.partner_id,
            worker_id=row.worker_id,
            now=now,
        )


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


async def workers_with_work(
    conn: Connection,
    *,
    community_id: UUID,
    partner_id: UUID,
    worker_ids: Sequence[str] | None = None,
    now: datetime,
) -> list[str]:
    """Those of a company's workers (or of these) who have a shift or a delivery at the community that is not over."""
    due = await _due(conn, community_id=community_id, partner_id=partner_id, worker_ids=worker_ids, now=now)
    return sorted({item.worker_id for item in due})


async def simulated_now(
    conn: Connection, *, community_id: UUID, partner_id: UUID, worker_id: str, now: datetime
) -> bool:
    """Whether a sandbox's worker would be let in at the community at this moment."""
    due = await _due(conn, community_id=community_id, partner_id=partner_id, worker_ids=[worker_id], now=now)
    return any(item.simulated and item.begin <= now < item.until for item in due)


async def hold(conn: Connection, *, partner_id: UUID) -> bool:
    """Let changes of the company's work follow each other; whether the company is only trying its system out.

    By the roster of the community in scope, as every other change of grants. What a sandbox does changes no grant, and
    must not make those wait that do.
    """
    if await partners.is_sandbox(conn, partner_id=partner_id):
        await partners.lock_sandbox(conn, partner_id=partner_id)
        return True
    await roster.roster_hold(conn)
    return False


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
        *(_Due("shift", s.shift_id, s.worker_id, s.starts_at, s.ends_at, s.subject_id, s.simulated) for s in shifts),
        *(
            _Due(
                "delivery",
                d.delivery_id,
                d.worker_id,
                d.valid_from,
                d.valid_until,
                d.subject_id,
                d.simulated,
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


async def _simulate(conn: Connection, *, community_id: UUID, due: Sequence[_Due], agreed: Collection[str]) -> None:
    """Say of each shift and delivery whether it would have a grant, where that has changed."""
    for granted in (True, False):
        changed = [
            item
            for item in due
            if item.simulated is not granted and (item.enters and item.worker_id in agreed) is granted
        ]
        for source, set_simulated in (("shift", many_shifts.set_simulated), ("delivery", deliveries.set_simulated)):
            ids = [item.source_id for item in changed if item.source == source]
            if ids:
                await set_simulated(conn, community_id=community_id, ids=ids, simulated=granted)
