"""Companies: where they are told."""

from uuid import UUID

from litestar import Router, delete, get, post, put

from backend.audit import service as audit
from backend.kit.auth import PartnerPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Connection, Database, Scope
from backend.kit.etag import IfMatch, PreconditionFailed, require_match
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Unauthorised, problems
from backend.partners.errors import InsufficientScope
from backend.partners.events.schemas import EventKey
from backend.partners.webhooks import repository, service
from backend.partners.webhooks.errors import EndpointDisabled, EndpointNotFound, TooManyEndpoints, UrlRefused
from backend.partners.webhooks.guards import of_own
from backend.partners.webhooks.schemas import (
    ChangeEndpoint,
    DeadLetter,
    DeadLetterList,
    Endpoint,
    EndpointCreated,
    EndpointList,
    EndpointSecret,
    NewEndpoint,
    Replay,
    Replayed,
)

__all__ = ["partner_router"]

_NEEDS = {"needs": "webhooks:write"}
_REFUSED = (Unauthorised, InsufficientScope, EndpointNotFound)


@post(
    "/",
    opt=_NEEDS,
    responses=problems(Unauthorised, InsufficientScope, UrlRefused, TooManyEndpoints),
    summary="Add a webhook",
)
async def create_webhook(
    data: NewEndpoint, partner: PartnerPrincipal, db: Database, pepper: bytes, clock: Clock
) -> EndpointCreated:
    """Have what happens from now on sent to an address of yours, signed (Standard Webhooks).

    The secret is shown this once. Check each signature with it, and refuse what is older than five minutes.
    """
    async with db.transaction(Scope(platform=True)) as conn:
        row, secret = await service.create(
            conn, partner_id=partner.partner_id, url=data.url, kinds=data.types, pepper=pepper, now=clock()
        )
        await _record(conn, partner, "webhook.create", row.endpoint_id)
    return EndpointCreated(endpoint_id=row.endpoint_id, secret=secret)


@get("/", opt=_NEEDS, responses=problems(Unauthorised, InsufficientScope), summary="List webhooks")
async def list_webhooks(partner: PartnerPrincipal, db: Database) -> EndpointList:
    """Yours, ten at most."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        rows = await repository.list_endpoints(conn, partner_id=partner.partner_id)
    return EndpointList(tuple(Endpoint.of(row) for row in rows))


@get("/{endpoint_id:uuid}", opt=_NEEDS, guards=[of_own], responses=problems(*_REFUSED), summary="Read a webhook")
async def read_webhook(endpoint_id: UUID, partner: PartnerPrincipal, db: Database) -> Endpoint:
    """Where it goes, and whether it works."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        return Endpoint.of(await service.get(conn, partner_id=partner.partner_id, endpoint_id=endpoint_id))


@put(
    "/{endpoint_id:uuid}",
    opt=_NEEDS,
    guards=[of_own],
    responses=problems(*_REFUSED, UrlRefused, PreconditionFailed),
    summary="Change a webhook",
)
async def change_webhook(
    endpoint_id: UUID,
    data: ChangeEndpoint,
    partner: PartnerPrincipal,
    db: Database,
    clock: Clock,
    if_match: IfMatch = None,
) -> Endpoint:
    """Another address or other types, or switch it off and on again; the secret stays."""
    async with db.transaction(Scope(platform=True)) as conn:
        before = await service.lock(conn, partner_id=partner.partner_id, endpoint_id=endpoint_id)
        require_match(if_match, Endpoint.of(before))
        row = await service.change(
            conn,
            partner_id=partner.partner_id,
            endpoint_id=endpoint_id,
            url=data.url,
            kinds=data.types,
            enabled=data.enabled,
            now=clock(),
        )
        await _record(conn, partner, "webhook.change", endpoint_id)
    return Endpoint.of(row)


@delete("/{endpoint_id:uuid}", opt=_NEEDS, guards=[of_own], responses=problems(*_REFUSED), summary="Delete a webhook")
async def delete_webhook(endpoint_id: UUID, partner: PartnerPrincipal, db: Database) -> None:
    """Nothing is sent there any more, what is on its way included; events can still be read."""
    async with db.transaction(Scope(platform=True)) as conn:
        await service.delete(conn, partner_id=partner.partner_id, endpoint_id=endpoint_id)
        await _record(conn, partner, "webhook.delete", endpoint_id)


@post(
    "/{endpoint_id:uuid}/rotate",
    opt=_NEEDS,
    guards=[of_own],
    responses=problems(*_REFUSED),
    summary="Change a webhook's secret",
)
async def rotate_secret(
    endpoint_id: UUID, partner: PartnerPrincipal, db: Database, pepper: bytes, clock: Clock
) -> EndpointSecret:
    """A new secret, shown this once. For 24 hours messages carry the signatures of both."""
    async with db.transaction(Scope(platform=True)) as conn:
        secret, until = await service.rotate(
            conn, partner_id=partner.partner_id, endpoint_id=endpoint_id, pepper=pepper, now=clock()
        )
        await _record(conn, partner, "webhook.rotate", endpoint_id)
    return EndpointSecret(secret=secret, previous_secret_until=until)


@post(
    "/{endpoint_id:uuid}/test",
    opt=_NEEDS,
    guards=[of_own],
    status_code=204,
    responses=problems(*_REFUSED, EndpointDisabled),
    summary="Send a test event",
)
async def test_webhook(endpoint_id: UUID, partner: PartnerPrincipal, db: Database, clock: Clock) -> None:
    """Send a `webhook.test` to this webhook within seconds, whichever types it takes; your events show it, too."""
    async with db.transaction(Scope(platform=True)) as conn:
        await service.test(conn, partner_id=partner.partner_id, endpoint_id=endpoint_id, now=clock())
        await _record(conn, partner, "webhook.test", endpoint_id)


@get(
    "/{endpoint_id:uuid}/dead-letters",
    opt=_NEEDS,
    guards=[of_own],
    responses=problems(CursorInvalid, *_REFUSED),
    summary="List dead letters",
)
async def list_dead_letters(
    endpoint_id: UUID, partner: PartnerPrincipal, db: Database, limit: Limit = 200, cursor: Cursor = None
) -> DeadLetterList:
    """What could not be delivered within three days, or when the webhook was switched off."""
    after = decode_cursor(cursor, EventKey) or EventKey(0)
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        await service.get(conn, partner_id=partner.partner_id, endpoint_id=endpoint_id)
        rows = await repository.list_dead(
            conn, partner_id=partner.partner_id, endpoint_id=endpoint_id, after=after.seq, limit=limit + 1
        )
    page, next_cursor = split_page(rows, limit, lambda row: EventKey(row.seq))
    return DeadLetterList(tuple(DeadLetter.of(row) for row in page), next_cursor)


@post(
    "/{endpoint_id:uuid}/replay",
    opt=_NEEDS,
    guards=[of_own],
    status_code=200,
    responses=problems(*_REFUSED, EndpointDisabled),
    summary="Send dead letters again",
)
async def replay(endpoint_id: UUID, data: Replay, partner: PartnerPrincipal, db: Database, clock: Clock) -> Replayed:
    """These, or the oldest thousand; each under the `webhook-id` that it had."""
    async with db.transaction(Scope(platform=True)) as conn:
        count = await service.replay(
            conn, partner_id=partner.partner_id, endpoint_id=endpoint_id, event_ids=data.event_ids, now=clock()
        )
        await _record(conn, partner, "webhook.replay", endpoint_id)
    return Replayed(count)


async def _record(conn: Connection, partner: PartnerPrincipal, action: str, endpoint_id: UUID) -> None:
    await audit.record(
        conn,
        community_id=None,
        actor=f"partner:{partner.partner_id}",
        action=action,
        target=f"webhook:{endpoint_id}",
    )


partner_router = Router(
    path="/webhooks",
    route_handlers=[
        create_webhook,
        list_webhooks,
        read_webhook,
        change_webhook,
        delete_webhook,
        rotate_secret,
        test_webhook,
        list_dead_letters,
        replay,
    ],
    tags=["webhooks"],
)
