"""Who the caller is on every route of companies, settled before anybody reads his body. See `backend.kit.callers`."""

from uuid import UUID

from backend.kit.auth import PartnerPrincipal, StaffMember
from backend.kit.callers import Call, Handler, caller, database_of
from backend.kit.db import Scope
from backend.partners import service as partners
from backend.partners.clients import service

__all__ = ["of_authority", "partner_client"]


async def partner_client(connection: Call, handler: Handler) -> PartnerPrincipal:
    """What routes get as ``partner``: the caller, while what it logged in with is live.

    Raises:
        Unauthorised: it was revoked.
        InsufficientScope: the token is not for what the route ``needs``.
    """
    partner: PartnerPrincipal = connection.user
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        await service.current(conn, principal=partner)
    if "needs" in handler.opt:
        partners.require_scope(partner, handler.opt["needs"])
    return partner


async def of_authority(connection: Call, _: Handler) -> None:
    """Of the path's company, staff of the authority that it works for.

    Raises:
        PartnerNotFound: the caller's authority has no such company.
    """
    staff: StaffMember = caller(connection, "staff")
    partner_id: UUID = connection.path_params["partner_id"]
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        await partners.get(conn, authority_id=staff.authority_id, partner_id=partner_id)
