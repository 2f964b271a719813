"""Residents, guests and couriers: what they were told, and what they want to be told."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Router, get, put
from litestar.params import Parameter

from backend.accounts.messages import language_of
from backend.audit import service as audit
from backend.kit.auth import ResidentPrincipal, VisitorPrincipal
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.kit.pagination import Cursor, CursorInvalid, Limit, decode_cursor, split_page
from backend.kit.problems import Unauthorised, problems
from backend.notifications import repository, service
from backend.notifications.errors import ChannelUnused, KindUnknown, NotificationNotFound, NotRefusable
from backend.notifications.kinds import Kind
from backend.notifications.repository import NotificationKey
from backend.notifications.schemas import (
    Notification,
    NotificationPage,
    Preference,
    PreferenceChange,
    PreferenceList,
    ReadUntil,
)
from backend.notifications.subscriptions.routes import subscriptions_router
from backend.people import repository as people

__all__ = ["resident_router", "visitor_router"]

_MOST_UNREAD = 1000
AnyRequest = Request[Any, Any, Any]
Unread = Annotated[bool, Parameter(description="Only those that are not read")]
KindName = Annotated[str, Parameter(max_length=40, description="A kind of notification")]
_LIST = "List my notifications"
_READ = "Mark a notification as read"
_READ_ALL = "Mark notifications as read"


@get("/", responses=problems(CursorInvalid, Unauthorised), summary=_LIST)
async def list_resident(
    request: AnyRequest,
    resident: ResidentPrincipal,
    db: Database,
    limit: Limit = 50,
    cursor: Cursor = None,
    *,
    unread: Unread = False,
) -> NotificationPage:
    """What the caller was told within 90 days, the newest first, in the language that he asks for or has chosen."""
    return await _list(request, db, resident.person_id, limit=limit, cursor=cursor, unread=unread)


@get("/", responses=problems(CursorInvalid, Unauthorised), summary=_LIST)
async def list_visitor(
    request: AnyRequest,
    visitor: VisitorPrincipal,
    db: Database,
    limit: Limit = 50,
    cursor: Cursor = None,
    *,
    unread: Unread = False,
) -> NotificationPage:
    """What the caller was told within 90 days, the newest first, in the language that he asks for."""
    return await _list(request, db, visitor.person_id, limit=limit, cursor=cursor, unread=unread)


@put(
    "/{notification_id:uuid}/read",
    status_code=204,
    responses=problems(Unauthorised, NotificationNotFound),
    summary=_READ,
)
async def read_resident(notification_id: UUID, resident: ResidentPrincipal, db: Database, clock: Clock) -> None:
    """Note that the caller has read it, on all his devices."""
    await _read(db, resident.person_id, notification_id, clock)


@put(
    "/{notification_id:uuid}/read",
    status_code=204,
    responses=problems(Unauthorised, NotificationNotFound),
    summary=_READ,
)
async def read_visitor(notification_id: UUID, visitor: VisitorPrincipal, db: Database, clock: Clock) -> None:
    """Note that the caller has read it."""
    await _read(db, visitor.person_id, notification_id, clock)


@put("/read", status_code=204, responses=problems(Unauthorised), summary=_READ_ALL)
async def read_all_resident(data: ReadUntil, resident: ResidentPrincipal, db: Database, clock: Clock) -> None:
    """Note that the caller has read what he was told up to a time: not what came in while he was reading."""
    await _read_all(db, resident.person_id, data, clock)


@put("/read", status_code=204, responses=problems(Unauthorised), summary=_READ_ALL)
async def read_all_visitor(data: ReadUntil, visitor: VisitorPrincipal, db: Database, clock: Clock) -> None:
    """Note that the caller has read what he was told up to a time: not what came in while he was reading."""
    await _read_all(db, visitor.person_id, data, clock)


@get("/preferences", responses=problems(Unauthorised), summary="List what I am told, and how")
async def list_preferences(resident: ResidentPrincipal, db: Database) -> PreferenceList:
    """Every kind of notification, and whether it is also sent as text message or to browsers that asked for it."""
    async with db.transaction(Scope(person_id=resident.person_id), read_only=True) as conn:
        said = await service.preferences(conn, person_id=resident.person_id)
    return PreferenceList(tuple(Preference.of(kind, said.get(kind, {})) for kind in Kind))


@put(
    "/preferences/{kind:str}",
    responses=problems(Unauthorised, KindUnknown, NotRefusable, ChannelUnused),
    summary="Choose how I am told",
)
async def change_preference(
    kind: KindName, data: PreferenceChange, resident: ResidentPrincipal, db: Database
) -> Preference:
    """Say by which ways to be told of a kind. In the app it always stands."""
    async with db.transaction(Scope(person_id=resident.person_id)) as conn:
        known = await service.prefer(conn, person_id=resident.person_id, kind=kind, sms=data.sms, push=data.push)
        said = await service.preferences(conn, person_id=resident.person_id, kind=known)
        await audit.record(
            conn,
            community_id=None,
            actor=f"resident:{resident.person_id}",
            action="notification.prefer",
            target=f"person:{resident.person_id}",
            reason=known,
        )
    return Preference.of(known, said.get(known, {}))


async def _list(
    request: AnyRequest, db: Database, person_id: UUID, *, limit: int, cursor: str | None, unread: bool
) -> NotificationPage:
    after = decode_cursor(cursor, NotificationKey)
    async with db.transaction(Scope(person_id=person_id), read_only=True) as conn:
        person = await people.get_person(conn, person_id=person_id)
        rows = await repository.list_notifications(
            conn, person_id=person_id, unread_only=unread, after=after, limit=limit + 1
        )
        waiting = await repository.count_unread(conn, person_id=person_id, most=_MOST_UNREAD)
    language = language_of(request, stored=None if person is None else person.language)
    page, next_cursor = split_page(rows, limit, lambda row: NotificationKey(row.created_at, row.notification_id))
    return NotificationPage(tuple(Notification.of(row, language) for row in page), waiting, next_cursor)


async def _read(db: Database, person_id: UUID, notification_id: UUID, clock: Clock) -> None:
    async with db.transaction(Scope(person_id=person_id)) as conn:
        await service.mark_read(conn, person_id=person_id, notification_id=notification_id, now=clock())


async def _read_all(db: Database, person_id: UUID, data: ReadUntil, clock: Clock) -> None:
    async with db.transaction(Scope(person_id=person_id)) as conn:
        await repository.mark_all_read(conn, person_id=person_id, until=data.until, now=clock())


resident_router = Router(
    path="/notifications",
    route_handlers=[
        list_resident,
        read_resident,
        read_all_resident,
        list_preferences,
        change_preference,
        subscriptions_router,
    ],
    tags=["notifications"],
)
visitor_router = Router(
    path="/notifications", route_handlers=[list_visitor, read_visitor, read_all_visitor], tags=["notifications"]
)
