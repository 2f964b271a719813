"""Companies: asserting many shifts in one request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from litestar import Router, post
from litestar.openapi.spec import Operation

from backend.audit import service as audit
from backend.couriers.bulk.answering import AfterLine, Answer, AnyRequest, answers, body_of, form_of, spec
from backend.couriers.bulk.errors import BulkTooLarge
from backend.couriers.bulk.lines import MAX_BYTES
from backend.couriers.employments.errors import WorkerNotFound
from backend.couriers.rules import state_of
from backend.couriers.shifts.bulk import service
from backend.couriers.shifts.bulk.schemas import BulkShift, ShiftLine, ShiftsAsserted, ShiftThere
from backend.couriers.shifts.bulk.service import Asserted, Wanted
from backend.couriers.suspensions.errors import CourierSuspended
from backend.enrolment import service as enrolment
from backend.keys.service import Keys
from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Problem, Unauthorised, UnsupportedMedia, problems
from backend.partners.errors import InsufficientScope, PartnerNotAdmitted

__all__ = ["partner_router"]

# Lines that are checked together; a company's file names its communities in any order.
_BATCH = 2000
# Shifts of one community in one transaction, for which its other changes wait.
_CHUNK = 300


@dataclass
class _Operation(Operation):
    def __post_init__(self) -> None:
        """Say what the body is."""
        community = "019a6b5e-0000-7000-8000-000000000001"
        self.request_body = body_of(
            f'{{"worker_id":"W-1","community_ids":["{community}"],"starts_at":"2026-11-02T08:00:00+08:00",'
            '"ends_at":"2026-11-02T18:00:00+08:00"}\n',
            "worker_id,community_ids,starts_at,ends_at\n"
            f"W-1,{community},2026-11-02T08:00:00+08:00,2026-11-02T18:00:00+08:00\n",
        )


@post(
    "/bulk",
    status_code=200,
    request_max_body_size=MAX_BYTES + 1,
    opt={"needs": "shifts:write"},
    responses={200: spec(ShiftLine), **problems(Unauthorised, InsufficientScope, UnsupportedMedia, BulkTooLarge)},
    operation_class=_Operation,
    summary="Assert many shifts",
)
async def assert_shifts(
    request: AnyRequest, partner: PartnerPrincipal, db: Database, keys: Keys, clock: Clock, after_line: AfterLine = 0
) -> Answer:
    """Assert up to 10,000 lines of shifts, each a worker at one or more communities for one window.

    Lines are answered in their order while the rest is still arriving. What was answered counts, whatever happens to
    the connection; sending a line again changes nothing, so after a break send the whole body again, or with the
    number of the last answered line as `after_line`.
    """
    asserting = _Many(db, keys, clock, partner.partner_id)
    return answers(request, BulkShift, form_of(request), after_line=after_line, batch=_BATCH, work=asserting.work)


class _Many(msgspec.Struct, frozen=True):
    """One request's."""

    db: Database
    keys: Keys
    clock: Clock
    partner_id: UUID

    async def work(self, lines: Sequence[tuple[int, BulkShift]]) -> Mapping[int, msgspec.Struct | Problem]:
        """Assert the shifts of a batch of lines."""
        now = self.clock()
        async with self.db.transaction(Scope(platform=True), read_only=True) as conn:
            wanted, refused = await service.check(conn, partner_id=self.partner_id, lines=lines, now=now)
        there: dict[int, list[ShiftThere]] = {}
        for community_id, all_there in wanted.items():
            for begin in range(0, len(all_there), _CHUNK):
                part = all_there[begin : begin + _CHUNK]
                try:
                    done = await self._at_one(community_id, part, now)
                except PartnerNotAdmitted as problem:
                    refused |= dict.fromkeys((one.number for one in part), problem)
                    continue
                refused |= dict.fromkeys(done.gone, WorkerNotFound())
                refused |= dict.fromkeys(done.unwelcome, CourierSuspended(community_id=str(community_id)))
                for number, row in done.shifts:
                    state = state_of(row, until=row.ends_at, now=now)
                    there.setdefault(number, []).append(ShiftThere(community_id, row.shift_id, state))
        return {number: refused.get(number) or ShiftsAsserted(tuple(there[number])) for number, _ in lines}

    async def _at_one(self, community_id: UUID, wanted: Sequence[Wanted], now: datetime) -> Asserted:
        async with self.db.transaction(Scope(community_id=community_id, platform=True)) as conn:
            done = await service.assert_many(
                conn, community_id=community_id, partner_id=self.partner_id, wanted=wanted, now=now
            )
            await audit.record(
                conn,
                community_id=community_id,
                actor=f"partner:{self.partner_id}",
                action="shift.assert-many",
                target=f"shifts:{len(done.shifts)}",
            )
        await enrolment.attach_waiting_of(
            self.db, self.keys, community_id=community_id, subject_ids=done.subjects, now=now
        )
        return done


partner_router = Router(path="/shifts", route_handlers=[assert_shifts], tags=["shifts"])
