"""Staff: lists of activation codes."""

from uuid import UUID

from litestar import Response, Router, post
from litestar.datastructures import CacheControlHeader

from backend.audit import service as audit
from backend.households.activations import service
from backend.households.activations.schemas import CodeList, CodeWanted
from backend.households.exports.cells import csv_bytes
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, NotFound, Unauthorised, problems

__all__ = ["staff_router"]

_HEADINGS = ("楼栋", "单元", "房号", "姓名", "关系", "激活码", "有效期至")


@post(
    "/activation-codes",
    opt={"needs": Permission.CREDENTIALS},
    cache_control=CacheControlHeader(no_store=True),
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, NotFound),
    summary="Make a list of activation codes",
)
async def make_codes(
    community_id: UUID, data: CodeWanted, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> CodeList:
    """Codes for invited members who have none, at most 500 at a time; they are shown this once."""
    return await _made(community_id, data, staff, db, pepper, clock)


@post(
    "/activation-codes/csv",
    opt={"needs": Permission.CREDENTIALS},
    media_type="text/csv; charset=utf-8",
    cache_control=CacheControlHeader(no_store=True),
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired, NotFound),
    summary="Make a list of activation codes to print",
)
async def print_codes(
    community_id: UUID, data: CodeWanted, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> Response[bytes]:
    """The same as CSV (UTF-8). `X-After` where more wait, to be sent as `after` with the next request."""
    made = await _made(community_id, data, staff, db, pepper, clock)
    until = made.expires_at.date().isoformat()
    rows = [
        (one.building, one.unit, one.home, one.name, one.relation, one.activation_code, until)
        for one in made.codes
    ]  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="activation-codes.csv"'}
    if made.after is not None:
        headers["X-After"] = str(made.after)
    return Response(csv_bytes([_HEADINGS, *rows], "utf-8", first=True), headers=headers)


async def _made(
    community_id: UUID, wanted: CodeWanted, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> CodeList:
    async with db.transaction(Scope(community_id=community_id)) as conn:
        made = await service.make_codes(conn, community_id=community_id, wanted=wanted, pepper=pepper, now=clock())
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="activation.list",
            target=f"activations:{len(made.codes)}",
        )
    return made


staff_router = Router(
    path="/communities/{community_id:uuid}", route_handlers=[make_codes, print_codes], tags=["register"]
)
