"""What the gates of a community would be told."""

import json
from uuid import UUID

import msgspec

from backend.kit.db import Scope
from tests.backend.households.town import Town

__all__ = ["Granted", "grants"]


class Granted(msgspec.Struct, frozen=True):
    """A grant as it stands in the roster; microseconds since the epoch."""

    subject_id: UUID
    kind: str
    from_us: int
    until_us: int | None
    doors: list[str] | None = None


async def grants(town: Town, kind: str, *, community: UUID | None = None) -> list[Granted]:
    """The grants of a kind in the community's roster now."""
    community = community or town.community_id
    async with town.world.resources.db.transaction(Scope(community_id=community)) as conn:
        bodies = await conn.fetch(
            "SELECT body FROM roster WHERE community_id = $1 AND body IS NOT NULL ORDER BY version", community
        )
    found = []
    for row in bodies:
        body = json.loads(row["body"])
        found += [
            Granted(UUID(body["subject"]), grant["kind"], grant["from_us"], grant["until_us"], grant.get("doors"))
            for grant in body["grants"]
            if grant["kind"] == kind
        ]
    return found
