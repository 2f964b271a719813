"""Whether a device may still speak for its gate, settled before its body is read. See `backend.kit.callers`."""

from backend.gates import service
from backend.kit.auth import GatePrincipal
from backend.kit.callers import Call, Handler, database_of
from backend.kit.db import Scope

__all__ = ["in_service"]


async def in_service(connection: Call, _: Handler) -> None:
    """Of a gate that was not revoked.

    Raises:
        GateRevoked: it was.
    """
    gate: GatePrincipal = connection.user
    async with database_of(connection).transaction(Scope(community_id=gate.community_id), read_only=True) as conn:
        await service.require_in_service(conn, community_id=gate.community_id, gate_id=gate.gate_id)
