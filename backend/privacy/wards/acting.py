"""Acting for a child: whether the caller may, and how the trail names him."""

from uuid import UUID

from backend.audit import service as audit
from backend.guardians.errors import DecidesHimself, WardNotFound
from backend.guardians.rules import Power
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Unauthorised
from backend.privacy.wards import service

__all__ = ["WARD", "actor", "record", "require"]

#: What every route about a child may answer.
WARD = (Unauthorised, WardNotFound, DecidesHimself)


async def require(db: Database, resident: ResidentPrincipal, person_id: UUID, power: Power, clock: Clock) -> None:
    """Go on only as the child's guardian who may do that for it at its age.

    Raises:
        WardNotFound, DecidesHimself: as the names say.
    """
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        await service.act_for(conn, guardian_id=resident.person_id, person_id=person_id, power=power, now=clock())


async def record(conn: Connection, resident: ResidentPrincipal, person_id: UUID, action: str) -> None:
    """Write down what the caller did for the child."""
    # The platform's chain: the child's consent is no community's.
    await audit.record(conn, community_id=None, actor=actor(resident), action=action, target=f"person:{person_id}")


def actor(resident: ResidentPrincipal) -> str:
    """The caller, as the trail names him."""
    return f"guardian:{resident.person_id}"
