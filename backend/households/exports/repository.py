"""SQL of exports."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.households.members.repository import Relation
from backend.kit.db import Connection, fetch_all

__all__ = ["ExportKey", "ExportRow", "list_register"]


class ExportRow(msgspec.Struct, frozen=True):
    """An open member with his tenancy and home."""

    building: str
    unit: str
    home: str
    member_id: UUID
    member_limit: int
    tenancy: str | None
    number: str | None
    name: str
    phone: str | None
    relation: Relation
    starts_at: datetime
    ends_at: datetime | None


# Building, unit, home, and the member's id.
ExportKey = tuple[str, str, str, UUID]


async def list_register(
    conn: Connection, *, community_id: UUID, building_id: UUID | None, after: ExportKey | None, limit: int
) -> list[ExportRow]:
    """Open members by building, unit, home and id, those after ``after``."""
    building, unit, home, member_id = after or (None, None, None, None)
    return await fetch_all(
        conn,
        ExportRow,
        """
        SELECT b.name AS building, h.unit, h.label AS home, m.member_id, h.member_limit,
            t.register_number AS tenancy, m.register_number AS number, m.name, m.phone, m.relation,
            t.starts_at, t.ends_at
        FROM member m
        JOIN tenancy t ON t.community_id = $1 AND t.tenancy_id = m.tenancy_id
        JOIN home h ON h.community_id = $1 AND h.home_id = t.home_id
        JOIN building b ON b.community_id = $1 AND b.building_id = h.building_id
        WHERE m.community_id = $1 AND m.state <> 'ended' AND ($2::uuid IS NULL OR h.building_id = $2)
            AND ($3::text IS NULL OR (b.name, h.unit, h.label, m.member_id) > ($3, $4::text, $5::text, $6::uuid))
        ORDER BY b.name, h.unit, h.label, m.member_id LIMIT $7
        """,
        community_id, building_id, building, unit, home, member_id, limit,
    )  # fmt: skip
