"""Whether a company may simulate, settled before its body is read. See `backend.kit.callers`."""

from backend.couriers.sandbox.errors import SandboxOnly
from backend.kit.auth import PartnerPrincipal
from backend.kit.callers import Call, Handler, caller, database_of
from backend.kit.db import Scope
from backend.partners import repository as partners

__all__ = ["of_sandbox"]


async def of_sandbox(connection: Call, _: Handler) -> None:
    """Of sandboxes.

    Raises:
        SandboxOnly: the caller is a company in life.
    """
    partner: PartnerPrincipal = caller(connection, "partner")
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        if not await partners.is_sandbox(conn, partner_id=partner.partner_id):
            raise SandboxOnly
