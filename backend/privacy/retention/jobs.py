"""What enforces the table: for each rule, batch by batch, each in a transaction of its own.

Nothing is remembered in the process. A batch deletes what is over its time and counts that in the same transaction; a
worker that is killed leaves what it has not reached to the next run, which begins with what is oldest.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from backend.access import repository as access
from backend.accounts import service as accounts
from backend.accounts.codes import service as login_codes
from backend.approvals import repository as approvals
from backend.codes import repository as codes
from backend.consent import repository as consents
from backend.couriers.deliveries import repository as deliveries
from backend.couriers.employments import repository as employments
from backend.couriers.shifts import repository as shifts
from backend.doors.emergencies import repository as emergencies
from backend.enrolment import service as enrolment
from backend.enrolment.register import repository as register_photos
from backend.enrolment.register.imports import repository as photo_imports
from backend.entries import repository as entries
from backend.gates import repository as gates
from backend.gates.claims import repository as claim_codes
from backend.gates.frames import service as frames
from backend.households.activations import repository as activations
from backend.households.imports import repository as import_reports
from backend.households.imports import service as imports
from backend.households.members import repository as members
from backend.keys.service import Keys
from backend.kit.db import Connection, Database, Scope
from backend.kit.idempotency import repository as idempotency
from backend.kit.storage import ObjectStore
from backend.links import repository as links
from backend.notifications import repository as notifications
from backend.partners.events import repository as partner_events
from backend.people import repository as people
from backend.privacy import repository as erasures
from backend.privacy.forgetting import repository as traces
from backend.privacy.holds import repository as holds
from backend.privacy.requests import repository as requests
from backend.privacy.retention import repository
from backend.privacy.retention.repository import PLATFORM
from backend.privacy.retention.rules import cut_off
from backend.privacy.retention.table import RULES
from backend.visitors import repository as visitors
from backend.visitors.blocks import repository as guest_blocks

__all__ = ["IN_COMMUNITIES", "IN_STORES", "ON_PLATFORM", "enforce", "enforce_in_community"]

_log = structlog.get_logger(__name__)

#: Rows a transaction deletes at most: some hundred milliseconds, during which a community's roster may wait.
BATCH = 1000

# Deletes what is older than "before", at most "limit" of it, and says how many.
_InCommunity = Callable[[Connection, UUID, datetime, datetime, int], Awaitable[int]]
_OnPlatform = Callable[[Connection, datetime, datetime, int], Awaitable[int]]

#: By rule: (transaction in the community's scope, community, before, now, limit).
IN_COMMUNITIES: Mapping[str, _InCommunity] = {
    "entries": lambda conn, community, before, _, limit: entries.delete_entries(
        conn, community_id=community, before=before, denied=False, limit=limit
    ),
    "denied_approaches": lambda conn, community, before, _, limit: entries.delete_entries(
        conn, community_id=community, before=before, denied=True, limit=limit
    ),
    # Every few minutes besides, since people were told of hours; here it is counted.
    "guest_names": lambda conn, community, before, _, limit: traces.blank_pass_names(
        conn, community_id=community, before=before, limit=limit
    ),
    "approvals": lambda conn, community, before, _, limit: approvals.delete_old_approvals(
        conn, community_id=community, before=before, limit=limit
    ),
    "passes": lambda conn, community, before, _, limit: visitors.delete_old_passes(
        conn, community_id=community, before=before, limit=limit
    ),
    "guest_blocks": lambda conn, community, before, _, limit: guest_blocks.delete_old_blocks(
        conn, community_id=community, before=before, limit=limit
    ),
    "visitor_codes": lambda conn, community, before, _, limit: codes.delete_old_tokens(
        conn, community_id=community, before=before, limit=limit
    ),
    "courier_shifts": lambda conn, community, before, _, limit: shifts.delete_old_shifts(
        conn, community_id=community, before=before, limit=limit
    ),
    "deliveries": lambda conn, community, before, _, limit: deliveries.delete_old_deliveries(
        conn, community_id=community, before=before, limit=limit
    ),
    "ended_rights": lambda conn, community, before, _, limit: access.delete_ended_grants(
        conn, community_id=community, before=before, limit=limit
    ),
    "emergencies": lambda conn, community, before, _, limit: emergencies.delete_old_emergencies(
        conn, community_id=community, before=before, limit=limit
    ),
    "activation_codes": lambda conn, community, before, _, limit: activations.delete_old_activations(
        conn, community_id=community, before=before, limit=limit
    ),
    "register": lambda conn, community, before, _, limit: members.delete_old_members(
        conn, community_id=community, before=before, limit=limit
    ),
    "claim_codes": lambda conn, community, before, _, limit: claim_codes.delete_old_claims(
        conn, community_id=community, before=before, limit=limit
    ),
    "gate_assertions": lambda conn, community, before, _, limit: gates.delete_old_assertions(
        conn, community_id=community, before=before, limit=limit
    ),
    "gate_receipts": lambda conn, community, before, _, limit: repository.delete_old_receipts(
        conn, community_id=community, before=before, limit=limit
    ),
    "roster_removals": lambda conn, _, before, now, limit: access.forget_removals(
        conn, before=before, now=now, limit=limit
    ),
    # Not used from then on; key and object are destroyed within the minute (enrolment.register.service.destroy_gone).
    "register_photos": lambda conn, community, before, now, limit: register_photos.expire(
        conn, community_id=community, before=before, now=now, limit=limit
    ),
    "register_photo_imports": lambda conn, community, before, _, limit: photo_imports.delete_old(
        conn, community_id=community, before=before, limit=limit
    ),
    "legal_holds": lambda conn, community, before, _, limit: holds.delete_old_holds(
        conn, community_id=community, before=before, limit=limit
    ),
    # After whatever names a pseudonym.
    "pseudonyms": lambda conn, community, before, _, limit: repository.delete_idle_subjects(
        conn, community_id=community, before=before, limit=limit
    ),
}

#: By rule: (transaction in the platform scope, before, now, limit).
ON_PLATFORM: Mapping[str, _OnPlatform] = {
    # Codes and sessions know themselves when they are over.
    "login_challenges": lambda conn, _, now, limit: login_codes.sweep(conn, now=now, limit=limit),
    "sessions": lambda conn, _, now, limit: accounts.sweep(conn, now=now, limit=limit),
    "idempotent_requests": lambda conn, before, _, limit: idempotency.delete_old(conn, before=before, limit=limit),
    "notifications": lambda conn, before, _, limit: notifications.delete_old(conn, before=before, limit=limit),
    "links": lambda conn, before, _, limit: links.delete_old_links(conn, before=before, limit=limit),
    "courier_employments": lambda conn, before, _, limit: employments.delete_old_employments(
        conn, before=before, limit=limit
    ),
    "partner_events": lambda conn, before, _, limit: partner_events.delete_old(conn, before=before, limit=limit),
    "consents": lambda conn, before, _, limit: consents.delete_old_consents(conn, before=before, limit=limit),
    "requests": lambda conn, before, _, limit: requests.delete_old_requests(conn, before=before, limit=limit),
    "erasures": lambda conn, before, _, limit: repository.delete_old_erasures(conn, before=before, limit=limit),
    "imports": lambda conn, before, _, limit: import_reports.delete_old_imports(conn, before=before, limit=limit),
    "job_log": lambda conn, before, _, limit: erasures.delete_job_log(conn, before=before, limit=limit),
}

#: Rules whose data lie in other stores too: their functions open transactions of their own.
IN_STORES = frozenset({"imported_files", "denied_frames", "open_enrolments", "orphaned_objects", "people"})


async def enforce(db: Database, keys: Keys, objects: ObjectStore, *, now: datetime) -> int:
    """Remove everything that is over its time, everywhere; how many rows and objects. A job for every hour.

    What fails in one community or store, or by one of the platform's rules, does not keep the others from being
    enforced; it is logged by its kind.
    """
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        communities = await repository.list_communities(conn)
    removed = 0
    for community_id in communities:
        try:
            removed += await enforce_in_community(db, community_id=community_id, now=now)
        except Exception as error:  # noqa: BLE001 - one community that fails must not keep the others
            _log.error("retention-failed", community=str(community_id), error=type(error).__name__)
    # People last: what refers to them may go in this very run.
    for step in (
        *(partial(_platform, db, now, key) for key in ON_PLATFORM),
        partial(_frames, db, keys, objects, now),
        partial(_imports, db, keys, objects, now),
        partial(_enrolments, db, objects, now),
        partial(_people, db, keys, now),
    ):
        try:
            removed += await step()
        except Exception as error:  # noqa: BLE001 - a store that is away must not keep what lies in the others
            _log.error("retention-failed", error=type(error).__name__)
    return removed


async def enforce_in_community(db: Database, *, community_id: UUID, now: datetime, batch: int = BATCH) -> int:
    """Remove what one community has kept over its time; how many rows. Repeating is harmless."""
    scope = Scope(community_id=community_id)
    async with db.transaction(scope, read_only=True) as conn:
        days = {row.rule: row.days for row in await repository.list_settings(conn, community_id=community_id)}
    removed = 0
    for key, delete in IN_COMMUNITIES.items():
        before = cut_off(RULES[key], days=days.get(key), now=now)
        count = batch
        while count == batch:
            async with db.transaction(scope) as conn:
                count = await delete(conn, community_id, before, now, batch)
                await _note(conn, community_id=community_id, key=key, count=count, batch=batch, now=now)
            removed += count
    return removed


async def _platform(db: Database, now: datetime, key: str) -> int:
    before = cut_off(RULES[key], days=None, now=now)
    removed, count = 0, BATCH
    # Some delete from two tables, so more than a batch; the next turn finds less.
    while count >= BATCH:
        async with db.transaction(Scope(platform=True)) as conn:
            count = await ON_PLATFORM[key](conn, before, now, BATCH)
            await _note(conn, community_id=PLATFORM, key=key, count=count, batch=BATCH, now=now)
        removed += count
    return removed


async def _frames(db: Database, keys: Keys, objects: ObjectStore, now: datetime) -> int:
    """What the worker does every minute, once more, so that the list of rules can say that it was done."""
    removed = await frames.remove_due(db, keys, objects, now=now) + await frames.sweep(db, objects)
    async with db.transaction(Scope(platform=True)) as conn:
        await _note(conn, community_id=PLATFORM, key="denied_frames", count=removed, batch=removed + 1, now=now)
    return removed


async def _imports(db: Database, keys: Keys, objects: ObjectStore, now: datetime) -> int:
    # Every minute besides; here it is counted.
    removed = await imports.shred(db, keys, objects, now=now)
    async with db.transaction(Scope(platform=True)) as conn:
        await _note(conn, community_id=PLATFORM, key="imported_files", count=removed, batch=BATCH, now=now)
    return removed


async def _enrolments(db: Database, objects: ObjectStore, now: datetime) -> int:
    removed = await enrolment.sweep(db, objects, now=now)
    async with db.transaction(Scope(platform=True)) as conn:
        for key in ("open_enrolments", "orphaned_objects"):
            await repository.note_enforced(conn, community_id=PLATFORM, rule=key, now=now)
        if removed:
            await repository.note_removed(conn, community_id=PLATFORM, rule="open_enrolments", removed=removed, now=now)
    return removed


async def _people(db: Database, keys: Keys, now: datetime) -> int:
    """Forget people whom nothing refers to, each with the key that an enrolment may have left."""
    before = cut_off(RULES["people"], days=None, now=now)
    removed, found = 0, True
    while found:
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            idle = await repository.list_idle_people(conn, before=before, limit=BATCH)
        for person_id in idle:
            # The key first: a crash in between leaves the person to be found again.
            await keys.destroy_person_key(person_id)
            async with db.transaction(Scope(platform=True)) as conn:
                await people.delete_person(conn, person_id=person_id)
        async with db.transaction(Scope(platform=True)) as conn:
            await _note(conn, community_id=PLATFORM, key="people", count=len(idle), batch=BATCH, now=now)
        removed += len(idle)
        found = len(idle) == BATCH
    return removed


async def _note(conn: Connection, *, community_id: UUID, key: str, count: int, batch: int, now: datetime) -> None:
    if count:
        await repository.note_removed(conn, community_id=community_id, rule=key, removed=count, now=now)
    if count < batch:
        await repository.note_enforced(conn, community_id=community_id, rule=key, now=now)
