"""Rules of register numbers: by them an import finds again what was entered by hand, and adds nobody twice."""

from uuid import UUID

import asyncpg

from backend.households import repository as households
from backend.households.errors import MemberNotFound, MemberNotOpen, TenancyEnded, TenancyNotFound
from backend.households.members import repository as members
from backend.households.numbers import repository
from backend.households.numbers.errors import RegisterNumberTaken
from backend.kit.db import Connection

__all__ = ["number_member", "number_tenancy"]


async def number_tenancy(conn: Connection, *, community_id: UUID, tenancy_id: UUID, number: str | None) -> None:
    """Number a tenancy.

    Raises:
        TenancyNotFound: the community has no such tenancy.
        TenancyEnded: it has ended; files are about those that go on.
        RegisterNumberTaken: another has the number.
    """
    if await households.get_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id) is None:
        raise TenancyNotFound
    try:
        found = await repository.set_of_tenancy(conn, community_id=community_id, tenancy_id=tenancy_id, number=number)
    except asyncpg.UniqueViolationError:
        raise RegisterNumberTaken from None
    if not found:
        raise TenancyEnded


async def number_member(conn: Connection, *, community_id: UUID, member_id: UUID, number: str | None) -> None:
    """Number a member.

    Raises:
        MemberNotFound: the community has no such member.
        MemberNotOpen: he has left.
        RegisterNumberTaken: another has the number.
    """
    if await members.get_member(conn, community_id=community_id, member_id=member_id) is None:
        raise MemberNotFound
    try:
        found = await repository.set_of_member(conn, community_id=community_id, member_id=member_id, number=number)
    except asyncpg.UniqueViolationError:
        raise RegisterNumberTaken from None
    if not found:
        raise MemberNotOpen("The member has left.")
