"""Companies: naming many workers in one request."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from litestar import Router, post
from litestar.openapi.spec import Operation

from backend.accounts import phones
from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.couriers import settling
from backend.couriers.bulk.answering import AfterLine, Answer, AnyRequest, answers, body_of, form_of, spec
from backend.couriers.bulk.errors import BulkTooLarge
from backend.couriers.bulk.lines import MAX_BYTES
from backend.couriers.employments.bulk import repository, service
from backend.couriers.employments.bulk.schemas import BulkCourier, CourierLine, CourierNamed
from backend.couriers.employments.bulk.service import Naming
from backend.couriers.employments.service import Registered
from backend.couriers.rules import state_of_worker
from backend.keys.service import Keys
from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.messages import MessagesUnavailable, Sender
from backend.kit.problems import Problem, Unauthorised, UnsupportedMedia, problems
from backend.links.addresses import link_address
from backend.partners.errors import InsufficientScope

__all__ = ["partner_router"]

_BATCH = 500
# Messages handed to the carrier side by side.
_AT_ONCE = 8


@dataclass
class _Operation(Operation):
    def __post_init__(self) -> None:
        """Say what the body is."""
        self.request_body = body_of(
            '{"worker_id":"W-1","phone":"13800138000"}\n{"worker_id":"W-2","phone":"+8613800138001","name":"Li"}\n',
            "worker_id,phone,name\nW-1,13800138000,\nW-2,+8613800138001,Li\n",
        )


@post(
    "/bulk",
    status_code=200,
    request_max_body_size=MAX_BYTES + 1,
    opt={"needs": "couriers:write"},
    responses={200: spec(CourierLine), **problems(Unauthorised, InsufficientScope, UnsupportedMedia, BulkTooLarge)},
    operation_class=_Operation,
    summary="Name many workers",
)
async def put_couriers(
    request: AnyRequest,
    partner: PartnerPrincipal,
    db: Database,
    keys: Keys,
    sender: Sender,
    public_url: str,
    pepper: bytes,
    clock: Clock,
    after_line: AfterLine = 0,
) -> Answer:
    """Say who up to 10,000 workers are; the same as `PUT /couriers/{worker_id}` for each line.

    Lines are answered in their order while the rest is still arriving. What was answered counts, whatever happens to
    the connection; sending a line again changes nothing, so after a break send the whole body again, or with the
    number of the last answered line as `after_line`.
    """
    naming = _Many(db, keys, sender, public_url, pepper, clock, partner.partner_id)
    return answers(request, BulkCourier, form_of(request), after_line=after_line, batch=_BATCH, work=naming.work)


class _Many(msgspec.Struct, frozen=True):
    """One request's."""

    db: Database
    keys: Keys
    sender: Sender
    public_url: str
    pepper: bytes
    clock: Clock
    partner_id: UUID

    async def work(self, lines: Sequence[tuple[int, BulkCourier]]) -> Mapping[int, msgspec.Struct | Problem]:
        """Name the workers of a batch of lines."""
        results: dict[int, msgspec.Struct | Problem] = {}
        numbers: list[int] = []
        namings: list[Naming] = []
        for number, line in lines:
            try:
                phone = phones.parse(line.phone)
            except PhoneInvalid as problem:
                results[number] = problem
            else:
                numbers.append(number)
                namings.append(Naming(line.worker_id, phone, line.name, line.language))
        done: list[CourierNamed | Problem] = []
        for run in service.apart(namings):
            done += await self._run(run)
        return results | dict(zip(numbers, done, strict=True))

    async def _run(self, namings: Sequence[Naming]) -> list[CourierNamed | Problem]:
        now = self.clock()
        async with self.db.transaction(Scope(platform=True)) as conn:
            many = await service.register_many(
                conn, partner_id=self.partner_id, namings=namings, pepper=self.pepper, now=now
            )
            await audit.record(
                conn,
                community_id=None,
                actor=f"partner:{self.partner_id}",
                action="courier.name-many",
                target=f"couriers:{len(namings)}",
            )
        # Where a worker has become another person, the grants of the former one end here.
        for worker_id in many.changed:
            await settling.settle(self.db, self.keys, partner_id=self.partner_id, worker_id=worker_id, now=now)
        room = asyncio.Semaphore(_AT_ONCE)
        told = await asyncio.gather(
            *(self._tell(naming, answer, room) for naming, answer in zip(namings, many.answers, strict=True))
        )
        sent = [naming.worker_id for naming, was_told in zip(namings, told, strict=True) if was_told is True]
        if sent:
            async with self.db.transaction(Scope(platform=True)) as conn:
                await repository.mark_links_sent(conn, partner_id=self.partner_id, worker_ids=sent, now=now)
        return [
            answer
            if isinstance(answer, Problem)
            else was_told
            if isinstance(was_told, Problem)
            else CourierNamed(answer.employment.worker_id, state_of_worker(answer.employment))
            for answer, was_told in zip(many.answers, told, strict=True)
        ]

    async def _tell(
        self, naming: Naming, answer: Registered | Problem, room: asyncio.Semaphore
    ) -> bool | MessagesUnavailable:
        """Send the link, where there is one: whether it went, or why not."""
        if isinstance(answer, Problem) or answer.link_token is None:
            return False
        values = {
            "company": answer.employment.partner_name,
            "link": link_address(self.public_url, answer.link_token),
        }
        async with room:
            try:
                await self.sender.send(
                    to=naming.phone, template="courier_link", values=values, language=naming.language
                )
            except MessagesUnavailable as problem:
                return problem
        return True


partner_router = Router(path="/couriers", route_handlers=[put_couriers], tags=["couriers"])
