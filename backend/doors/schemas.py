"""Requests and responses about doors and door groups."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.doors.repository import DoorRow, GroupRow

__all__ = ["Created", "Door", "DoorFields", "DoorGroup", "DoorGroupList", "DoorList", "GroupFields", "Name"]

Name = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="As people call it")
]
Groups = Annotated[list[UUID], Meta(max_length=16, description="Ids of door groups")]


class DoorFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A door as it is to be: its name and all the groups that it belongs to."""

    name: Name
    groups: Groups = msgspec.field(default_factory=list)


class GroupFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A door group as it is to be."""

    name: Name


class Created(msgspec.Struct, frozen=True):
    """The id of what was made."""

    id: UUID


class Door(msgspec.Struct, frozen=True):
    """A door and the groups that it belongs to."""

    door_id: UUID
    name: str
    groups: tuple[UUID, ...]

    @classmethod
    def of(cls, row: DoorRow) -> "Door":
        """From the database's row."""
        return cls(door_id=row.door_id, name=row.name, groups=tuple(row.groups))


class DoorGroup(msgspec.Struct, frozen=True):
    """A group of doors."""

    group_id: UUID
    name: str

    @classmethod
    def of(cls, row: GroupRow) -> "DoorGroup":
        """From the database's row."""
        return cls(group_id=row.group_id, name=row.name)


class DoorGroupList(msgspec.Struct, frozen=True):
    """Door groups by name."""

    door_groups: tuple[DoorGroup, ...]


class DoorList(msgspec.Struct, frozen=True):
    """A community's doors and door groups, each by name."""

    doors: tuple[Door, ...]
    groups: tuple[DoorGroup, ...]
