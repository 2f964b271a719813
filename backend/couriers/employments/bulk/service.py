"""Rules of naming many workers at once: as employments.service has them for one, with a statement for all."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from backend.couriers.employments.bulk import repository
from backend.couriers.employments.bulk.repository import NewEmploymentRow
from backend.couriers.employments.errors import CourierHasWorkerId, TooManyLinks
from backend.couriers.employments.limits import link_budgets
from backend.couriers.employments.service import Registered, link_due, phone_purpose
from backend.couriers.rules import LINK_LIFE
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.rates.spending import spend_each
from backend.links import service as links
from backend.partners import repository as partners
from backend.people import repository as people

__all__ = ["Naming", "RegisteredMany", "apart", "register_many"]


class Naming(msgspec.Struct, frozen=True):
    """A worker to be named; ``phone`` is E.164."""

    worker_id: str
    phone: str
    name: str | None
    language: str


class RegisteredMany(msgspec.Struct, frozen=True):
    """What became of each, in the order given; ``changed`` are workers who were another courier before."""

    answers: list[Registered | CourierHasWorkerId | TooManyLinks]
    changed: list[str]


def apart(namings: Sequence[Naming]) -> Iterator[list[Naming]]:
    """The same in their order, in runs within which no worker and no number stands twice. Pure."""
    run: list[Naming] = []
    seen: set[str] = set()
    for naming in namings:
        # Worker ids have no blanks, so the two kinds never meet.
        mine = {f"worker {naming.worker_id}", f"phone {naming.phone}"}
        if seen & mine:
            yield run
            run, seen = [], set()
        run.append(naming)
        seen |= mine
    if run:
        yield run


async def register_many(
    conn: Connection, *, partner_id: UUID, namings: Sequence[Naming], pepper: bytes, now: datetime
) -> RegisteredMany:
    """Say who many workers are; see :func:`employments.service.register`. Needs the platform scope.

    No worker and no number may stand in ``namings`` twice, see :func:`apart`.
    """
    sandbox = await partners.is_sandbox(conn, partner_id=partner_id)
    purpose = phone_purpose(partner_id, sandbox=sandbox)
    hashes = [keyed_hash(pepper, purpose, naming.phone) for naming in namings]
    worker_ids = [naming.worker_id for naming in namings]
    await repository.lock_all(conn, partner_id=partner_id, worker_ids=worker_ids, phone_hashes=hashes)
    couriers = await repository.find_couriers(conn, phone_hashes=hashes)
    standing = await repository.list_employments(
        conn, partner_id=partner_id, worker_ids=worker_ids, courier_ids=[row.courier_id for row in couriers.values()]
    )
    before = {row.worker_id: row.courier_id for row in standing}
    of_courier = {row.courier_id: row for row in standing}
    refused: dict[str, CourierHasWorkerId | TooManyLinks] = {}
    written_to: list[Naming] = []
    for hashed, naming in zip(hashes, namings, strict=True):
        courier = couriers.get(hashed)
        known = None if courier is None else of_courier.get(courier.courier_id)
        if known is not None and known.worker_id != naming.worker_id:
            refused[naming.worker_id] = CourierHasWorkerId(worker_id=known.worker_id)
        elif not sandbox and (known is None or link_due(known, now=now)):
            written_to.append(naming)
    # Before anybody is made whom nobody names.
    waits = await spend_each(
        conn,
        [link_budgets(naming.phone, partner_id=partner_id, pepper=pepper) for naming in written_to],
        now=now,
    )
    for naming, wait in zip(written_to, waits, strict=True):
        if wait > 0:
            refused[naming.worker_id] = TooManyLinks(retry_after_s=wait)
    named = [
        (hashed, naming) for hashed, naming in zip(hashes, namings, strict=True) if naming.worker_id not in refused
    ]
    new = [(hashed, uuid4(), naming) for hashed, naming in named if hashed not in couriers]
    if new:
        await people.insert_people(conn, people=[(person_id, naming.language) for _, person_id, naming in new])
        couriers |= await repository.insert_couriers(
            conn, couriers=[(hashed, person_id) for hashed, person_id, _ in new]
        )
    wanted = [
        NewEmploymentRow(naming.worker_id, couriers[hashed].courier_id, couriers[hashed].person_id, naming.name)
        for hashed, naming in named
    ]
    await repository.upsert_employments(conn, partner_id=partner_id, rows=wanted)
    # Links after the employments' rows, as everybody takes them who needs both.
    changed = [row for row in wanted if before.get(row.worker_id, row.courier_id) != row.courier_id]
    for row in changed:
        await links.close(conn, invitation_id=before[row.worker_id], partner_id=partner_id, now=now)
    employments = {
        row.worker_id: row
        for row in await repository.list_employments(
            conn, partner_id=partner_id, worker_ids=[row.worker_id for row in wanted]
        )
    }
    due = [row for row in employments.values() if not sandbox and link_due(row, now=now)]
    tokens = await links.create_for_couriers(
        conn,
        partner_id=partner_id,
        couriers=[(row.courier_id, row.person_id) for row in due],
        expires_at=now + LINK_LIFE,
        pepper=pepper,
        now=now,
    )
    token_of = {row.worker_id: token for row, token in zip(due, tokens, strict=True)}
    answers = [
        refused.get(worker_id) or Registered(employments[worker_id], token_of.get(worker_id))
        for worker_id in worker_ids
    ]
    return RegisteredMany(answers, [row.worker_id for row in changed])
