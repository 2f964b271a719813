"""Requests and responses about webhooks."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.partners.events.kinds import EventKind
from backend.partners.events.repository import EventRow
from backend.partners.events.schemas import Event
from backend.partners.webhooks.repository import DeadRow, DisabledBy, EndpointRow

__all__ = [
    "ChangeEndpoint",
    "DeadLetter",
    "DeadLetterList",
    "Endpoint",
    "EndpointCreated",
    "EndpointList",
    "EndpointSecret",
    "NewEndpoint",
    "Replay",
    "Replayed",
]

Url = Annotated[str, Meta(min_length=10, max_length=1000, pattern="^https://[!-~]+$")]
Kinds = Annotated[list[EventKind], Meta(min_length=1, max_length=20)]


class NewEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to send what happens; without ``types`` everything."""

    url: Url
    types: Kinds | None = None


class ChangeEndpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook as it is to be."""

    url: Url
    types: Kinds | None = None
    enabled: bool = True


class Endpoint(msgspec.Struct, frozen=True):
    """A webhook. ``disabled_by`` says who switched it off: the company, its failures, or its own answer 410."""

    endpoint_id: UUID
    url: str
    types: tuple[EventKind, ...] | None
    enabled: bool
    disabled_by: DisabledBy | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: EndpointRow) -> "Endpoint":
        """From the database's row."""
        return cls(
            endpoint_id=row.endpoint_id,
            url=row.url,
            types=None if row.kinds is None else tuple(EventKind(kind) for kind in row.kinds),
            enabled=row.disabled_at is None,
            disabled_by=row.disabled_by,
            failing_since=row.failing_since,
            previous_secret_until=row.previous_until,
            created_at=row.created_at,
        )


class EndpointCreated(msgspec.Struct, frozen=True):
    """A new webhook and the secret that its signatures are checked with, shown this once."""

    endpoint_id: UUID
    secret: str


class EndpointSecret(msgspec.Struct, frozen=True):
    """The new secret, shown this once; the one before signs beside it until ``previous_secret_until``."""

    secret: str
    previous_secret_until: datetime


class EndpointList(msgspec.Struct, frozen=True):
    """The company's webhooks, oldest first; there are at most ten."""

    webhooks: tuple[Endpoint, ...]


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that could not be delivered; ``last_status`` is the last answer's, if there was one."""

    event: Event
    attempts: int
    last_status: int | None
    given_up_at: datetime

    @classmethod
    def of(cls, row: DeadRow) -> "DeadLetter":
        """From the database's row."""
        event = EventRow(**{name: getattr(row, name) for name in EventRow.__struct_fields__})
        return cls(
            event=Event.of(event), attempts=row.attempts, last_status=row.last_status, given_up_at=row.settled_at
        )


class DeadLetterList(msgspec.Struct, frozen=True):
    """A page of dead letters, in the order of their events."""

    dead_letters: tuple[DeadLetter, ...]
    next_cursor: str | None


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which dead letters to send again: these, or the oldest thousand."""

    event_ids: Annotated[list[UUID], Meta(min_length=1, max_length=200)] | None = None


class Replayed(msgspec.Struct, frozen=True):
    """How many are on their way again."""

    replayed: int
