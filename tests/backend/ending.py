"""Ending all that somebody may do in a community: what several nouns do together when his last role there ends."""

from datetime import datetime
from uuid import UUID

from backend.access import service as access
from backend.kit.db import Connection

__all__ = ["end_subject"]


async def end_subject(conn: Connection, *, community_id: UUID, subject_id: UUID, now: datetime) -> None:
    """End the subject's grants, source by source, and take his template off the community's gates.

    Args:
        conn: a transaction in the community's scope.
        community_id: the community.
        subject_id: one of its subjects.
        now: the present.
    """
    sources = await conn.fetch(
        "SELECT DISTINCT source, source_id FROM access_grant WHERE community_id = $1 AND subject_id = $2",
        community_id, subject_id,
    )  # fmt: skip
    for one in sources:
        await access.end_grants(
            conn, community_id=community_id, source=one["source"], source_id=one["source_id"], now=now
        )
    await access.drop_credentials(conn, community_id=community_id, subject_ids=[subject_id])
