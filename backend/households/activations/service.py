"""Making codes by the list. Only their keyed hashes are kept: a list that was lost is made anew."""

from datetime import datetime
from uuid import UUID

from backend.households.activations import repository
from backend.households.activations.schemas import CodeList, CodeWanted, PrintedCode
from backend.households.joining import ACTIVATION_TTL, code_hash
from backend.kit.crypto import new_code
from backend.kit.db import Connection

__all__ = ["make_codes"]


async def make_codes(
    conn: Connection, *, community_id: UUID, wanted: CodeWanted, pepper: bytes, now: datetime
) -> CodeList:
    """Codes for those who are asked for, by building, unit and home; they stand nowhere but in the answer."""
    rows = await repository.list_waiting(
        conn,
        community_id=community_id,
        building_id=wanted.building_id,
        renew=wanted.renew,
        after=wanted.after,
        limit=wanted.limit,
        now=now,
    )
    codes = {row.member_id: new_code() for row in rows}
    expires_at = now + ACTIVATION_TTL
    await repository.put_codes(
        conn,
        community_id=community_id,
        member_ids=list(codes),
        hashes=[code_hash(pepper, code) for code in codes.values()],
        expires_at=expires_at,
    )
    printed = [
        PrintedCode(row.building, row.unit, row.home, row.name, row.relation, row.member_id, codes[row.member_id])
        for row in rows
    ]
    printed.sort(key=lambda one: (one.building, one.unit, one.home, one.relation != "tenant"))
    return CodeList(tuple(printed), expires_at, rows[-1].member_id if len(rows) == wanted.limit else None)
