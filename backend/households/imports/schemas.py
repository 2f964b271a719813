"""Requests and responses about imports."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.households.homes.schemas import TEXT
from backend.households.imports.batches import Progress
from backend.households.imports.columns import Column
from backend.households.imports.lines import Encoding
from backend.households.imports.repository import ImportRow, ImportState

__all__ = ["Apply", "Import", "ImportKey", "ImportOptions", "ImportPage", "NewImport", "parse_options"]

Heading = Annotated[str, Meta(min_length=1, max_length=100, pattern=TEXT)]
Count = Annotated[int, Meta(ge=0, le=10_000_000)]


class NewImport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a file is to be read, and what it may do.

    Attributes:
        dry_run: only say what would become of each line; apply it afterwards with the same file, or not.
        ends_missing: end whom the file does not have any more, in the communities that it names; always checked first.
        community_id: the community of lines that name none.
        lines: how many lines the file has, its heading not counted; another number is refused as a cut-off file.
        mapping: our column to the file's heading, where that is not understood by itself.
        encoding: where it is not to be found out.
        delimiter: likewise.
    """

    dry_run: bool = True
    ends_missing: bool = False
    community_id: UUID | None = None
    lines: Count | None = None
    mapping: Annotated[dict[Column, Heading], Meta(max_length=20)] = msgspec.field(default_factory=dict)
    encoding: Encoding | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None


class ImportOptions(msgspec.Struct, frozen=True):
    """What is kept of that; ``check`` while nothing is to be changed yet."""

    new: NewImport
    check: bool
    large_ends: bool = False


class Apply(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Confirm what a check has shown.

    Attributes:
        ends: the number of people whom the import ends, as it shows it.
        large_ends: end also where more than a fifth of a community's numbered members would go.
    """

    ends: Count = 0
    large_ends: bool = False


class Import(msgspec.Struct, frozen=True):
    """An import and how far it is.

    ``lines`` grows while the file is read. ``ended`` are people, not lines; in a check those who would be ended.
    ``failure`` is a code, with our names of the columns concerned. ``eta_s`` is a guess from the time so far.
    """

    import_id: UUID
    state: ImportState
    dry_run: bool
    ends_missing: bool
    file_bytes: int
    read_bytes: int
    encoding: str | None
    lines: int
    done: int
    created: int
    updated: int
    unchanged: int
    ended: int
    refused: int
    failure: str | None
    eta_s: int | None
    created_at: datetime
    began_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, row: ImportRow, progress: Progress, now: datetime) -> "Import":
        """From the database's rows."""
        options = parse_options(row)
        return cls(
            import_id=row.import_id,
            state=row.state,
            dry_run=options.check,
            ends_missing=options.new.ends_missing,
            file_bytes=row.file_bytes,
            read_bytes=row.read_bytes,
            encoding=row.encoding,
            lines=progress.lines,
            done=progress.done,
            created=progress.created,
            updated=progress.updated,
            unchanged=progress.unchanged,
            ended=progress.ended,
            refused=progress.refused,
            failure=row.failure,
            eta_s=_eta(row, progress, now),
            created_at=row.created_at,
            began_at=row.began_at,
            finished_at=row.finished_at,
        )


class ImportKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of imports ends."""

    created_at: Annotated[datetime, Meta(tz=True)]
    import_id: UUID


class ImportPage(msgspec.Struct, frozen=True):
    """Imports, the newest first."""

    imports: tuple[Import, ...]
    next_cursor: str | None


def parse_options(row: ImportRow) -> ImportOptions:
    """The options as they were kept."""
    return msgspec.json.decode(row.options, type=ImportOptions)


def _eta(row: ImportRow, progress: Progress, now: datetime) -> int | None:
    if row.state not in ("checking", "applying") or row.began_at is None or progress.done == 0 or row.read_at is None:
        return None
    return int((now - row.began_at).total_seconds() / progress.done * (progress.lines - progress.done))
