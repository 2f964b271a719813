"""Everybody: how long everything is kept. Staff: the same in their community, and setting it."""

from typing import Annotated
from uuid import UUID

from litestar import Router, get, put
from litestar.params import Parameter

from backend.audit import service as audit
from backend.kit.auth import Permission, SecondFactorRequired, StaffMember
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.problems import Forbidden, Unauthorised, problems
from backend.privacy.retention import service
from backend.privacy.retention.errors import RetentionFixed, RetentionOutOfBounds, RuleUnknown
from backend.privacy.retention.schemas import CommunityRetention, CommunityRule, NewPeriod, Retention
from backend.privacy.retention.table import RULES

__all__ = ["resident_router", "staff_router", "visitor_router"]

Key = Annotated[str, Parameter(max_length=40)]


@get("/retention", opt={"public": True}, security=[{}], responses=problems(), summary="How long everything is kept")
async def read_resident_rules() -> Retention:
    """What is kept, for how long, why, and by which law. Needs no log-in."""
    return Retention.of(RULES.values())


@get("/retention", opt={"public": True}, security=[{}], responses=problems(), summary="How long everything is kept")
async def read_visitor_rules() -> Retention:
    """What is kept, for how long, why, and by which law. Needs no log-in."""
    return Retention.of(RULES.values())


@get(
    "/retention",
    opt={"needs": Permission.ERASURE},
    responses=problems(Unauthorised, Forbidden, SecondFactorRequired),
    summary="How long everything is kept here",
)
async def read_community_rules(community_id: UUID, db: Database) -> CommunityRetention:
    """Every rule with the community's own times, and when each was last enforced to its end."""
    async with db.transaction(Scope(community_id=community_id, platform=True), read_only=True) as conn:
        rows = await service.in_community(conn, community_id=community_id)
    return CommunityRetention(tuple(CommunityRule.of(row) for row in rows))


@put(
    "/retention/{key:str}",
    opt={"needs": Permission.PRIVACY},
    status_code=200,
    responses=problems(
        Unauthorised, Forbidden, SecondFactorRequired, RuleUnknown, RetentionFixed, RetentionOutOfBounds
    ),
    summary="Set how long something is kept here",
)
async def set_period(
    community_id: UUID, key: Key, data: NewPeriod, staff: StaffMember, db: Database, clock: Clock
) -> CommunityRetention:
    """Keep something shorter or longer in this community, within the rule's bounds. Takes effect within the hour."""
    async with db.transaction(Scope(community_id=community_id, platform=True)) as conn:
        await service.change(
            conn, community_id=community_id, key=key, days=data.days, staff_id=staff.staff_id, now=clock()
        )
        await audit.record(
            conn,
            community_id=community_id,
            actor=f"staff:{staff.staff_id}",
            action="retention.set",
            target=f"retention:{key}/{data.days}",
        )
        rows = await service.in_community(conn, community_id=community_id)
    return CommunityRetention(tuple(CommunityRule.of(row) for row in rows))


resident_router = Router(path="/", route_handlers=[read_resident_rules], tags=["privacy"])
visitor_router = Router(path="/", route_handlers=[read_visitor_rules], tags=["privacy"])
staff_router = Router(
    path="/communities/{community_id:uuid}", route_handlers=[read_community_rules, set_period], tags=["privacy"]
)
