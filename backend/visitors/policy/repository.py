"""SQL of what a community allows about guests."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_one, require_one
from backend.visitors.rules import GUEST_DAYS, GUEST_DAYS_OF_ONE, OPEN_PASSES_PER_HOME

__all__ = ["DEFAULT", "PolicyRow", "get_policy", "put_policy"]


class PolicyRow(msgspec.Struct, frozen=True):
    """Open passes of one home; days of guests within the last 90 days and ahead, of one home and of one guest of it.

    ``grace_hours`` after his last pass a guest's face is erased.
    """

    open_passes: int
    home_days: int
    guest_days: int
    phone_required: bool
    grace_hours: int


#: Where a community says nothing.
DEFAULT = PolicyRow(OPEN_PASSES_PER_HOME, GUEST_DAYS, GUEST_DAYS_OF_ONE, phone_required=False, grace_hours=24)


async def get_policy(conn: Connection, *, community_id: UUID) -> PolicyRow:
    """What goes for the community."""
    row = await fetch_one(
        conn,
        PolicyRow,
        """
        SELECT open_passes, home_days, guest_days, phone_required, grace_hours FROM guest_policy
        WHERE community_id = $1
        """,
        community_id,
    )
    return row or DEFAULT


async def put_policy(conn: Connection, *, community_id: UUID, policy: PolicyRow, now: datetime) -> PolicyRow:
    """Let that go for the community from now on."""
    return await require_one(
        conn,
        PolicyRow,
        """
        INSERT INTO guest_policy (community_id, open_passes, home_days, guest_days, phone_required, grace_hours, set_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (community_id) DO UPDATE SET open_passes = excluded.open_passes, home_days = excluded.home_days,
            guest_days = excluded.guest_days, phone_required = excluded.phone_required,
            grace_hours = excluded.grace_hours, set_at = excluded.set_at
        RETURNING open_passes, home_days, guest_days, phone_required, grace_hours
        """,
        community_id, policy.open_passes, policy.home_days, policy.guest_days, policy.phone_required,
        policy.grace_hours, now,
    )  # fmt: skip
