"""Requests and responses about buildings and homes."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.households.homes.repository import BuildingRow, HomeRow

__all__ = [
    "TEXT",
    "Building",
    "BuildingList",
    "BulkHome",
    "Home",
    "HomeKey",
    "HomePage",
    "HomesCreated",
    "NewBuilding",
    "NewHome",
    "NewHomes",
]

# No control characters: names are printed on lists and sent in messages.
TEXT = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
BuildingName = Annotated[str, Meta(min_length=1, max_length=100, pattern=TEXT)]
Unit = Annotated[
    str, Meta(max_length=50, pattern=r"^[^\x00-\x1f\x7f]*$", description="Staircase; empty where there is one only")
]
Label = Annotated[str, Meta(min_length=1, max_length=50, pattern=TEXT, description="Such as 3-1204")]
MemberLimit = Annotated[int, Meta(ge=1, le=30, description="Members that the household may have, the tenant included")]
_DEFAULT_LIMIT = 6


class NewBuilding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A building to be created."""

    name: BuildingName


class NewHome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A home to be created."""

    building_id: UUID
    label: Label
    member_limit: MemberLimit = _DEFAULT_LIMIT
    unit: Unit = ""


class BulkHome(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A home of a list; its building by name, made where there is none."""

    building: BuildingName
    label: Label
    member_limit: MemberLimit = _DEFAULT_LIMIT
    unit: Unit = ""


class NewHomes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list of homes to be created."""

    homes: Annotated[list[BulkHome], Meta(min_length=1, max_length=2000)]


class Building(msgspec.Struct, frozen=True):
    """A building."""

    building_id: UUID
    name: str

    @classmethod
    def of(cls, row: BuildingRow) -> "Building":
        """From the database's row."""
        return cls(building_id=row.building_id, name=row.name)


class BuildingList(msgspec.Struct, frozen=True):
    """A page of buildings by name."""

    buildings: tuple[Building, ...]
    next_cursor: str | None


class Home(msgspec.Struct, frozen=True):
    """A home as staff see it."""

    home_id: UUID
    building_id: UUID
    building: str
    unit: str
    label: str
    member_limit: int

    @classmethod
    def of(cls, row: HomeRow) -> "Home":
        """From the database's row."""
        return cls(
            home_id=row.home_id,
            building_id=row.building_id,
            building=row.building,
            unit=row.unit,
            label=row.label,
            member_limit=row.member_limit,
        )


class HomeKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of homes ends."""

    building: BuildingName
    unit: Unit
    label: Label
    home_id: UUID


class HomePage(msgspec.Struct, frozen=True):
    """Homes by building and label."""

    homes: tuple[Home, ...]
    next_cursor: str | None


class HomesCreated(msgspec.Struct, frozen=True):
    """The homes that were made; ``existing`` of the list were there already and stay as they were."""

    homes: tuple[Home, ...]
    existing: int
