"""Rules of companies' endpoints. All of it needs the platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from backend.kit.db import Connection
from backend.kit.outgoing import AddressRefused, read_target
from backend.partners.events import service as events
from backend.partners.events.kinds import EventKind
from backend.partners.events.service import NewEvent
from backend.partners.webhooks import repository
from backend.partners.webhooks.errors import EndpointDisabled, EndpointNotFound, TooManyEndpoints, UrlRefused
from backend.partners.webhooks.repository import EndpointRow
from backend.partners.webhooks.rules import MOST_ENDPOINTS, PREVIOUS_LIVES, REPLAYED_AT_ONCE
from backend.partners.webhooks.sealing import new_secret, seal_secret, shown

__all__ = ["change", "create", "delete", "get", "lock", "replay", "rotate", "test"]


async def create(
    conn: Connection,
    *,
    partner_id: UUID,
    url: str,
    kinds: Sequence[EventKind] | None,
    pepper: bytes,
    now: datetime,
) -> tuple[EndpointRow, str]:
    """A new endpoint, and its secret.

    Raises:
        UrlRefused: nothing is sent there.
        TooManyEndpoints: the company has as many as it may.
    """
    _check(url)
    await repository.lock_endpoints(conn, partner_id=partner_id)
    if len(await repository.list_endpoints(conn, partner_id=partner_id)) >= MOST_ENDPOINTS:
        raise TooManyEndpoints(limit=MOST_ENDPOINTS)
    endpoint_id, secret = uuid4(), new_secret()
    row = await repository.insert_endpoint(
        conn,
        partner_id=partner_id,
        endpoint_id=endpoint_id,
        url=url,
        kinds=_names(kinds),
        secret_sealed=seal_secret(pepper, secret, partner_id=partner_id, endpoint_id=endpoint_id),
        now=now,
    )
    return row, shown(secret)


async def get(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """The company's endpoint.

    Raises:
        EndpointNotFound: it has none such.
    """
    row = await repository.get_endpoint(conn, partner_id=partner_id, endpoint_id=endpoint_id)
    if row is None:
        raise EndpointNotFound
    return row


async def lock(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> EndpointRow:
    """The company's endpoint, until the transaction ends.

    Raises:
        EndpointNotFound: it has none such.
    """
    row = await repository.lock_endpoint(conn, partner_id=partner_id, endpoint_id=endpoint_id)
    if row is None:
        raise EndpointNotFound
    return row


async def change(
    conn: Connection,
    *,
    partner_id: UUID,
    endpoint_id: UUID,
    url: str,
    kinds: Sequence[EventKind] | None,
    enabled: bool,
    now: datetime,
) -> EndpointRow:
    """Send elsewhere, something else, or nothing. The caller has locked it.

    Raises:
        UrlRefused: nothing is sent there.
    """
    _check(url)
    return await repository.update_endpoint(
        conn, partner_id=partner_id, endpoint_id=endpoint_id, url=url, kinds=_names(kinds), enabled=enabled, now=now
    )


async def delete(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> None:
    """Send nothing there any more, not what is on its way either.

    Raises:
        EndpointNotFound: the company has none such.
    """
    if not await repository.delete_endpoint(conn, partner_id=partner_id, endpoint_id=endpoint_id):
        raise EndpointNotFound


async def rotate(
    conn: Connection, *, partner_id: UUID, endpoint_id: UUID, pepper: bytes, now: datetime
) -> tuple[str, datetime]:
    """Another secret, and until when the present one signs beside it. One that was living on so ends.

    Raises:
        EndpointNotFound: the company has none such.
    """
    await lock(conn, partner_id=partner_id, endpoint_id=endpoint_id)
    secret, until = new_secret(), now + PREVIOUS_LIVES
    await repository.rotate_secret(
        conn,
        partner_id=partner_id,
        endpoint_id=endpoint_id,
        secret_sealed=seal_secret(pepper, secret, partner_id=partner_id, endpoint_id=endpoint_id),
        previous_until=until,
    )
    return shown(secret), until


async def test(conn: Connection, *, partner_id: UUID, endpoint_id: UUID, now: datetime) -> None:
    """Have something happen that goes to this endpoint alone, by the way that everything goes.

    Raises:
        EndpointNotFound: the company has none such.
        EndpointDisabled: nothing is sent there.
    """
    await _enabled(conn, partner_id=partner_id, endpoint_id=endpoint_id)
    event = NewEvent(partner_id, EventKind.WEBHOOK_TEST, now, endpoint_id=endpoint_id)
    await events.tell(conn, events=[event], now=now)


async def replay(
    conn: Connection, *, partner_id: UUID, endpoint_id: UUID, event_ids: Sequence[UUID] | None, now: datetime
) -> int:
    """Send dead letters again (these, or the oldest thousand), with all their attempts; how many.

    Raises:
        EndpointNotFound: the company has none such.
        EndpointDisabled: nothing is sent there.
    """
    await _enabled(conn, partner_id=partner_id, endpoint_id=endpoint_id)
    return await repository.replay(
        conn,
        partner_id=partner_id,
        endpoint_id=endpoint_id,
        event_ids=event_ids,
        now=now,
        limit=REPLAYED_AT_ONCE,
    )


async def _enabled(conn: Connection, *, partner_id: UUID, endpoint_id: UUID) -> None:
    if (await lock(conn, partner_id=partner_id, endpoint_id=endpoint_id)).disabled_at is not None:
        raise EndpointDisabled


def _names(kinds: Sequence[EventKind] | None) -> list[str] | None:
    return None if kinds is None else sorted({kind.value for kind in kinds})


def _check(url: str) -> None:
    # By its form only: what the name stands for is looked up and checked whenever something is sent there.
    try:
        read_target(url)
    except AddressRefused:
        raise UrlRefused from None
