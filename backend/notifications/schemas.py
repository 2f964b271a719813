"""Requests and answers of notifications."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.kit.language import Language
from backend.notifications.kinds import KINDS, About, Channel, Kind, channels
from backend.notifications.repository import NotificationRow
from backend.notifications.texts import text_of

__all__ = ["Notification", "NotificationPage", "Preference", "PreferenceChange", "PreferenceList", "ReadUntil"]


class Notification(msgspec.Struct, frozen=True):
    """What the caller was told. ``about`` says what ``about_id`` names; ``text`` is in the language he asks for."""

    notification_id: UUID
    kind: str
    text: str
    community_id: UUID | None
    community: str | None
    about: About | None
    about_id: UUID | None
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, row: NotificationRow, language: Language) -> "Notification":
        """Of a row, to be read in that language."""
        return cls(
            notification_id=row.notification_id,
            kind=row.kind,
            text=text_of(row.kind, community=row.community, detail=row.detail, language=language),
            community_id=row.about_community_id,
            community=row.community,
            about=KINDS[Kind(row.kind)].about if row.kind in set(Kind) else None,
            about_id=row.about_id,
            created_at=row.created_at,
            read_at=row.read_at,
        )


class NotificationPage(msgspec.Struct, frozen=True):
    """The newest first. ``unread`` counts all that are not read, up to 1,000."""

    notifications: tuple[Notification, ...]
    unread: int
    next_cursor: str | None = None


class ReadUntil(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was told up to this time; the ``created_at`` of the newest one shown."""

    until: Annotated[datetime, Meta(tz=True)]


class Preference(msgspec.Struct, frozen=True):
    """By which ways the caller is told of a kind besides in the app; ``sms`` is null where there is no text message."""

    kind: Kind
    refusable: bool
    push: bool
    sms: bool | None

    @classmethod
    def of(cls, kind: Kind, said: dict[Channel, bool]) -> "Preference":
        """Of what somebody has said of a kind."""
        rule, told = KINDS[kind], channels(kind, said)
        return cls(kind, rule.refusable, Channel.PUSH in told, None if rule.sms is None else Channel.SMS in told)


class PreferenceList(msgspec.Struct, frozen=True):
    """Every kind."""

    preferences: tuple[Preference, ...]


class PreferenceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays."""

    push: bool | None = None
    sms: bool | None = None
