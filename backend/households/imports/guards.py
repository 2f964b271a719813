"""Whether staff may use a route of imports, settled before their body is read. See `backend.kit.callers`."""

from uuid import UUID

from backend.households.imports import service
from backend.kit.auth import StaffMember
from backend.kit.callers import Call, Handler, caller, database_of
from backend.kit.db import Scope

__all__ = ["of_own", "of_register"]


async def of_register(connection: Call, _: Handler) -> None:
    """Of those who keep some community's register.

    Raises:
        Forbidden: he keeps none.
    """
    staff: StaffMember = caller(connection, "staff")
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        await service.reach_of(conn, staff)


async def of_own(connection: Call, _: Handler) -> None:
    """Of the path's import, who may see and steer it.

    Raises:
        Forbidden: he keeps no register.
        ImportNotFound: it is not his to see.
    """
    staff: StaffMember = caller(connection, "staff")
    import_id: UUID = connection.path_params["import_id"]
    async with database_of(connection).transaction(Scope(platform=True), read_only=True) as conn:
        await service.get(conn, staff=staff, import_id=import_id)
