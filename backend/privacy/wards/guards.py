"""Whether a resident acts for a child at all, settled before his body is read. See `backend.kit.callers`."""

from backend.guardians.rules import Power
from backend.kit.auth import ResidentPrincipal
from backend.kit.callers import Call, Handler, clock_of, database_of
from backend.kit.db import Scope
from backend.privacy.wards import service

__all__ = ["of_guardian"]


async def of_guardian(connection: Call, _: Handler) -> None:
    """Of the path's child; what he may do for it, the route asks.

    Raises:
        WardNotFound: he does not act for it, or there is no such child.
    """
    resident: ResidentPrincipal = connection.user
    async with database_of(connection).transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        await service.act_for(
            conn,
            guardian_id=resident.person_id,
            person_id=connection.path_params["person_id"],
            power=Power.LOOK,
            now=clock_of(connection)(),
        )
