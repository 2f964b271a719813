"""Staff: whom the community does not admit as anybody's guest."""

from datetime import datetime, timedelta
from uuid import UUID

from litestar import Router, delete, get, post

from backend.accounts.errors import PhoneInvalid
from backend.audit import service as audit
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.visitors.blocks import repository
from backend.visitors.blocks.schemas import Block, BlockPage, NewBlock
from backend.visitors.errors import BlockNotFound
from backend.visitors.planning import phone_hash_of

__all__ = ["staff_router"]

_STAFF = (Unauthorised, Forbidden, SecondFactorRequired)


@post(
    "/",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(*_STAFF, PhoneInvalid),
    summary="Admit somebody as no guest",
)
async def block(
    community_id: UUID, data: NewBlock, staff: StaffMember, db: Database, pepper: bytes, clock: Clock
) -> Block:
    """No home can invite whoever has this number, for so many days. Passes that stand stay: their hosts cancel them.

    Only a keyed hash of the number is kept: it finds the number again and tells it to nobody.
    """
    now = clock()
    phone_hash = phone_hash_of(data.phone, community_id=community_id, pepper=pepper)
    async with db.transaction(Scope(community_id=community_id)) as conn:
        row = await repository.put_block(
            conn,
            community_id=community_id,
            phone_hash=phone_hash,
            reason=data.reason,
            now=now,
            until=now + timedelta(days=data.days),
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="guest.block",
            target=f"block:{row.block_id}",
            reason=data.reason,
        )
    return Block.of(row)


@get(
    "/",
    opt={"needs": Permission.REGISTER_READ},
    responses=problems(*_STAFF, CursorInvalid),
    summary="List blocks of guests",
)
async def list_blocks(
    community_id: UUID, db: Database, clock: Clock, cursor: Cursor = None, limit: Limit = 50
) -> BlockPage:
    """The blocks that stand, newest first: why and until when, and not whom."""
    after = decode_cursor(cursor, tuple[datetime, UUID])
    async with db.transaction(Scope(community_id=community_id), read_only=True) as conn:
        rows = await repository.list_blocks(conn, community_id=community_id, at=clock(), after=after, limit=limit)
    page, next_cursor = split_page(rows, limit, lambda row: (row.created_at, row.block_id))
    return BlockPage(tuple(Block.of(row) for row in page), next_cursor)


@delete(
    "/{block_id:uuid}",
    opt={"needs": Permission.REGISTER_WRITE},
    responses=problems(*_STAFF, BlockNotFound),
    summary="Lift a block of a guest",
)
async def lift(community_id: UUID, block_id: UUID, staff: StaffMember, db: Database) -> None:
    """Homes may invite that person again, from now on."""
    async with db.transaction(Scope(community_id=community_id)) as conn:
        if not await repository.delete_block(conn, community_id=community_id, block_id=block_id):
            raise BlockNotFound
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="guest.unblock",
            target=f"block:{block_id}",
        )


staff_router = Router(
    path="/communities/{community_id:uuid}/guest-blocks", route_handlers=[block, list_blocks, lift], tags=["passes"]
)
