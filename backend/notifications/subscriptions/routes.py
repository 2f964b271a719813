"""Residents: Web Push to their browsers."""

from uuid import UUID

from litestar import Router, delete, get, put

from backend.audit import service as audit
from backend.kit.auth import ResidentPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.problems import Unauthorised, problems
from backend.notifications.errors import SubscriptionNotFound, SubscriptionRefused, TooManySubscriptions
from backend.notifications.subscriptions import repository, service
from backend.notifications.subscriptions.schemas import (
    ApplicationServerKey,
    NewSubscription,
    Subscription,
    SubscriptionList,
)
from backend.notifications.vapid import application_server_key

__all__ = ["subscriptions_router"]


@get("/key", responses=problems(Unauthorised), summary="Read the key that browsers subscribe with")
async def read_key(resident: ResidentPrincipal, pepper: bytes) -> ApplicationServerKey:  # noqa: ARG001 - log-in needed
    """Our public key (RFC 8292): a browser lets nobody else send to what it subscribes with it. It never changes."""
    return ApplicationServerKey(application_server_key(pepper))


@get("/", responses=problems(Unauthorised), summary="List browsers that are told")
async def list_subscriptions(resident: ResidentPrincipal, db: Database) -> SubscriptionList:
    """The caller's browsers whose log-ins stand."""
    async with db.transaction(_scope(resident), read_only=True) as conn:
        rows = await repository.list_subscriptions(conn, person_id=resident.person_id)
    return SubscriptionList(tuple(Subscription.of(row, session_id=resident.session_id) for row in rows))


@put("/", responses=problems(Unauthorised, SubscriptionRefused, TooManySubscriptions), summary="Have this browser told")
async def subscribe(data: NewSubscription, resident: ResidentPrincipal, db: Database, clock: Clock) -> Subscription:
    """Send what the caller is told to this browser too, until its log-in ends. Repeating it renews the keys.

    What is sent names nobody and nothing: that there is a message, and its id.
    """
    async with db.transaction(_scope(resident)) as conn:
        subscription_id = await service.subscribe(conn, resident=resident, new=data, now=clock())
        await _record(conn, resident, "push.subscribe", subscription_id)
        rows = await repository.list_subscriptions(conn, person_id=resident.person_id)
    row = next((row for row in rows if row.subscription_id == subscription_id), None)
    if row is None:
        raise Unauthorised
    return Subscription.of(row, session_id=resident.session_id)


@delete(
    "/{subscription_id:uuid}",
    responses=problems(Unauthorised, SubscriptionNotFound),
    summary="Have a browser told no more",
)
async def unsubscribe(subscription_id: UUID, resident: ResidentPrincipal, db: Database) -> None:
    """Send nothing more to one of the caller's browsers."""
    async with db.transaction(_scope(resident)) as conn:
        if not await repository.delete_subscription(
            conn, person_id=resident.person_id, subscription_id=subscription_id
        ):
            raise SubscriptionNotFound
        await _record(conn, resident, "push.unsubscribe", subscription_id)


def _scope(resident: ResidentPrincipal) -> Scope:
    # Log-ins are the platform's, and so is an address that somebody else had before.
    return Scope(person_id=resident.person_id, platform=True)


async def _record(conn: Connection, resident: ResidentPrincipal, action: str, subscription_id: UUID) -> None:
    await audit.record(
        conn, community_id=None, actor=f"resident:{resident.person_id}", action=action,
        target=f"subscription:{subscription_id}",
    )  # fmt: skip


subscriptions_router = Router(
    path="/subscriptions", route_handlers=[read_key, list_subscriptions, subscribe, unsubscribe]
)
