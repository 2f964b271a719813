"""Rules of giving an account to a member who was put on the register without a telephone.

He stays who he is: his face, what he or others agreed to for him, and what happened, hang on the person whom the
register knows. Only the log-in is added, and never by a number alone: the office gives a code out to him, for one
number, and whoever has that number has to show the code.
"""

from datetime import datetime
from uuid import UUID

from backend.accounts import repository as accounts
from backend.accounts.sessions import repository as sessions
from backend.households import repository as households
from backend.households.activations import repository as activations
from backend.households.attaching import repository
from backend.households.attaching.errors import AccountExists, NumberInUse
from backend.households.errors import ActivationSpent, MemberNotFound, PhoneDiffers
from backend.households.joining import is_over, new_code_of
from backend.households.members import repository as members
from backend.households.members.repository import MemberRow
from backend.households.repository import TenancyRow
from backend.households.schemas import Activation
from backend.households.service import open_tenancy
from backend.kit.auth import ResidentPrincipal
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.problems import Unauthorised
from backend.people import repository as people

__all__ = ["attach", "lives_there", "offer"]


async def offer(
    conn: Connection, *, community_id: UUID, member_id: UUID, phone: str, pepper: bytes, now: datetime
) -> Activation:
    """A code with which the member, logged in with ``phone`` (E.164), gets an account; in place of an older one.

    Whether the number is somebody's is not said here: a desk could try others' numbers. It shows when it is proven.
    Needs the scopes of the community and the platform.

    Raises:
        MemberNotFound: nobody of that id lives there.
        TenancyEnded: his household's tenancy has ended.
        AccountExists: he has one.
    """
    found = await members.get_member(conn, community_id=community_id, member_id=member_id)
    if found is None or found.state != "active":
        raise MemberNotFound
    await open_tenancy(conn, community_id=community_id, tenancy_id=found.tenancy_id, now=now)
    member = await members.get_member_for_update(conn, community_id=community_id, member_id=member_id)
    if member is None or member.state != "active" or member.person_id is None:
        raise MemberNotFound
    if await accounts.accounts_of_person(conn, person_id=member.person_id):
        raise AccountExists
    await repository.set_phone(conn, community_id=community_id, member_id=member_id, phone=phone)
    return await new_code_of(conn, community_id=community_id, member_id=member_id, pepper=pepper, now=now)


async def lives_there(conn: Connection, *, community_id: UUID, hashed: bytes) -> bool:
    """Whether a code is for a member who has joined long ago, and gets an account by it."""
    activation = await activations.find_activation(conn, code_hash=hashed)
    if activation is None:
        return False
    member = await members.get_member(conn, community_id=community_id, member_id=activation.member_id)
    return member is not None and member.state == "active" and activation.used_at is None


async def attach(
    conn: Connection, *, community_id: UUID, resident: ResidentPrincipal, hashed: bytes, pepper: bytes, now: datetime
) -> tuple[TenancyRow, MemberRow]:
    """Make the caller's account that of the member whom a code was given out for; his own person, unused, goes.

    Needs the scopes of the community, the caller and the platform. His other sessions end; this one has to renew its
    tokens, which then are the member's.

    Raises:
        Unauthorised: the account is gone, or is not the caller's any more.
        ActivationSpent: the code was used, has expired, or he does not live there any more.
        PhoneDiffers: the caller logged in with another number than the one that the office was told.
        NumberInUse: his account is somebody's already.
    """
    account = await accounts.get_account(conn, account_id=resident.account_id)
    if account is None:
        raise Unauthorised
    # Numbers first, as everybody does who wants the account too.
    await accounts.lock(conn, keyed_hash(pepper, "account-phone", account.phone))
    account = await accounts.lock_account_by_phone(conn, phone=account.phone)
    if account is None or account.account_id != resident.account_id or account.person_id != resident.person_id:
        raise Unauthorised
    tenancy, member = await _held(conn, community_id=community_id, hashed=hashed, now=now)
    if member.phone != account.phone:
        raise PhoneDiffers
    if member.person_id is None or await accounts.accounts_of_person(conn, person_id=member.person_id):
        raise ActivationSpent
    if not await repository.is_blank(conn, person_id=resident.person_id):
        raise NumberInUse
    await accounts.set_person(conn, account_id=account.account_id, person_id=member.person_id)
    await sessions.end_other_sessions(
        conn, account_id=account.account_id, surface="resident", keep=resident.session_id, ended_by="number", now=now
    )
    await people.delete_person(conn, person_id=resident.person_id)
    await activations.spend_activation(conn, community_id=community_id, member_id=member.member_id, at=now)
    await repository.set_phone(conn, community_id=community_id, member_id=member.member_id, phone=None)
    return tenancy, member


async def _held(conn: Connection, *, community_id: UUID, hashed: bytes, now: datetime) -> tuple[TenancyRow, MemberRow]:
    """The member of a code that is still good, with his tenancy, both locked."""
    known = await activations.find_activation(conn, code_hash=hashed)
    seen = None
    if known is not None:
        seen = await members.get_member(conn, community_id=community_id, member_id=known.member_id)
    if seen is None:
        raise ActivationSpent
    tenancy = await households.get_tenancy_for_update(conn, community_id=community_id, tenancy_id=seen.tenancy_id)
    code = await activations.get_activation_for_update(conn, community_id=community_id, code_hash=hashed)
    member = await members.get_member_for_update(conn, community_id=community_id, member_id=seen.member_id)
    if code is None or code.used_at is not None or code.expires_at <= now:
        raise ActivationSpent
    if member is None or member.state != "active" or tenancy is None or is_over(tenancy, now):
        raise ActivationSpent
    return tenancy, member
