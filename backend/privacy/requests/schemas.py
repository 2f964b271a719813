"""Requests about one's data, as people and as staff see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.privacy.requests.repository import Kind, RequestRow, State

__all__ = ["Decision", "NewRequest", "Request", "RequestKey", "RequestList", "RequestPage"]

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Time = Annotated[datetime, Meta(tz=True)]


class NewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody asks for.

    ``community_id`` names the community whose staff or gates it is about: needed for a restriction and an objection; a
    correction without it is of the name that one gave oneself. ``name`` is for corrections.
    """

    kind: Kind
    community_id: UUID | None = None
    text: Text | None = None
    name: Name | None = None


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What staff decided, and what they tell the person; a refusal says why."""

    granted: bool
    answer: Text


class Request(msgspec.Struct, frozen=True):
    """A request, when it is due, and what became of it. ``overdue`` is true while it waits past its time."""

    request_id: UUID
    person_id: UUID
    community_id: UUID | None
    kind: Kind
    text: str | None
    name: str | None
    opened_at: datetime
    due_at: datetime
    overdue: bool
    state: State
    decided_at: datetime | None
    answer: str | None
    export_until: datetime | None

    @classmethod
    def of(cls, row: RequestRow, *, now: datetime) -> "Request":
        """From the database's row."""
        return cls(
            request_id=row.request_id,
            person_id=row.person_id,
            community_id=row.about_community_id,
            kind=row.kind,
            text=row.text,
            name=row.name,
            opened_at=row.opened_at,
            due_at=row.due_at,
            overdue=row.state == "open" and row.due_at < now,
            state=row.state,
            decided_at=row.decided_at,
            answer=row.answer,
            export_until=row.export_until,
        )


class RequestList(msgspec.Struct, frozen=True):
    """The caller's requests, the newest first."""

    requests: tuple[Request, ...]


class RequestKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of requests ends."""

    due_at: Time
    request_id: UUID


class RequestPage(msgspec.Struct, frozen=True):
    """Requests, those that are due first at the head."""

    requests: tuple[Request, ...]
    next_cursor: str | None
