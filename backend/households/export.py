"""What the registers keep, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, enter_community, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person's place in households, past ones too, with the tenancy and the home; no hashes.

    In his own scope; the communities of his households are entered one by one.
    """
    found: dict[str, list[dict[str, object]]] = {"member": [], "tenancy": [], "activation": []}
    found["member"] = await fetch_dicts(
        conn, "SELECT * FROM member WHERE person_id = $1 ORDER BY created_at", person_id
    )
    for community_id in sorted({UUID(str(row["community_id"])) for row in found["member"]}):
        await enter_community(conn, community_id)
        found["tenancy"] += await fetch_dicts(
            conn,
            """
            SELECT t.*, b.name AS building, h.label AS home
            FROM tenancy t
            LEFT JOIN home h ON h.community_id = t.community_id AND h.home_id = t.home_id
            LEFT JOIN building b ON b.community_id = h.community_id AND b.building_id = h.building_id
            WHERE t.community_id = $1
                AND t.tenancy_id IN (SELECT tenancy_id FROM member WHERE community_id = $1 AND person_id = $2)
            """,
            community_id, person_id,
        )  # fmt: skip
        found["activation"] += await fetch_dicts(
            conn,
            """
            SELECT community_id, member_id, expires_at, used_at FROM activation
            WHERE community_id = $1
                AND member_id IN (SELECT member_id FROM member WHERE community_id = $1 AND person_id = $2)
            """,
            community_id, person_id,
        )  # fmt: skip
    return found
