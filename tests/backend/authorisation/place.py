"""A community in which every noun has something, and everybody who might ask for it, each with a good token."""

from collections.abc import Mapping

import msgspec

from tests.backend.authorisation import people, things
from tests.backend.authorisation.making import Making
from tests.backend.authorisation.who import Who
from tests.backend.households.town import build_town
from tests.backend.world import World

__all__ = ["Place", "furnish"]


class Place(msgspec.Struct, frozen=True):
    """Ids by the names that routes use, those of one surface or of paths with a beginning over the common ones."""

    tokens: Mapping[Who, str]
    ids: Mapping[str, str]
    by_path: Mapping[str, Mapping[str, str]]

    def ids_for(self, path: str) -> dict[str, str]:
        """The ids that a request to this route names: those of the longest beginning win."""
        found = dict(self.ids)
        for prefix in sorted(self.by_path, key=len):
            if path.startswith(prefix):
                found.update(self.by_path[prefix])
        return found

    def headers(self, who: Who) -> dict[str, str]:
        return {} if who is Who.NOBODY else {"Authorization": f"Bearer {self.tokens[who]}"}


async def furnish(world: World) -> Place:
    """Build it. Takes a few seconds, so once for all."""
    making = Making(world, await build_town(world))
    await people.staff(making)
    tenant = await people.residents(making)
    company = await things.companies(making, tenant)
    await people.visitors(making, tenant, company)
    await things.doors_and_gates(making)
    await people.children(making, tenant)
    await things.faces(making, tenant)
    await things.files(making)
    return Place(making.tokens, making.ids, making.by_path)
