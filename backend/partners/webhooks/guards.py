"""Whether a webhook is the caller's, settled before its body is read. See `backend.kit.callers`."""

from uuid import UUID

from backend.kit.auth import PartnerPrincipal
from backend.kit.callers import Call, Handler, caller, database_of
from backend.kit.db import Scope
from backend.partners.webhooks import service

__all__ = ["of_own"]


async def of_own(connection: Call, _: Handler) -> None:
    """Of the path's webhook, the company that made it.

    Raises:
        EndpointNotFound: it is another's, or there is none.
    """
    partner: PartnerPrincipal = caller(connection, "partner")
    endpoint_id: UUID = connection.path_params["endpoint_id"]
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        await service.get(conn, partner_id=partner.partner_id, endpoint_id=endpoint_id)
