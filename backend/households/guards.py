"""Whether a resident may use a route about a home, settled before his body is read. See `backend.kit.callers`."""

from uuid import UUID

from backend.households.errors import TenantOnly
from backend.households.service import require_membership
from backend.kit.auth import ResidentPrincipal
from backend.kit.callers import Call, Handler, database_of
from backend.kit.db import Scope

__all__ = ["of_household", "of_tenant"]


async def of_household(connection: Call, _: Handler) -> None:
    """Of the path's home, who lives there now; what the route then does asks again, in its own transaction.

    Raises:
        HomeNotFound: he does not, or there is none.
    """
    await _relation(connection)


async def of_tenant(connection: Call, _: Handler) -> None:
    """Of the path's home, the tenant.

    Raises:
        HomeNotFound: the caller does not live there.
        TenantOnly: he does, and is not the tenant.
    """
    if await _relation(connection) != "tenant":
        raise TenantOnly


async def _relation(connection: Call) -> str:
    resident: ResidentPrincipal = connection.user
    community_id: UUID = connection.path_params["community_id"]
    async with database_of(connection).transaction(Scope(community_id=community_id), read_only=True) as conn:
        mine = await require_membership(
            conn,
            community_id=community_id,
            home_id=connection.path_params["home_id"],
            person_id=resident.person_id,
        )
    return mine.relation
