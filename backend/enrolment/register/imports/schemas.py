"""Responses about imports of register photographs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from backend.enrolment.register.imports.messages import messages
from backend.enrolment.register.imports.repository import ImportRow, ImportState, LineRow, OutcomeRow

__all__ = ["PhotoImport", "PhotoImportList", "PhotoLine", "PhotoLineList"]


class PhotoImport(msgspec.Struct, frozen=True):
    """An archive of register photographs and how far it has been read.

    ``files`` is known once its directory has been read; ``outcomes`` counts what became of those done so far.
    ``failure`` says why a whole archive was not read; ``messages`` what to do about that, by language.
    """

    import_id: UUID
    state: ImportState
    size: int
    files: int | None
    done: int
    outcomes: dict[str, int]
    failure: str | None
    messages: dict[str, str]
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: ImportRow, outcomes: Sequence[OutcomeRow]) -> "PhotoImport":
        """From the database's rows."""
        return cls(
            import_id=row.import_id,
            state=row.state,
            size=row.size,
            files=row.files,
            done=sum(one.count for one in outcomes),
            outcomes={one.outcome: one.count for one in outcomes},
            failure=row.failure,
            messages={} if row.failure is None else messages(row.failure),
            created_at=row.created_at,
            finished_at=row.finished_at,
        )


class PhotoImportList(msgspec.Struct, frozen=True):
    """The newest imports first, at most fifty."""

    imports: tuple[PhotoImport, ...]


class PhotoLine(msgspec.Struct, frozen=True):
    """What became of one file: ``taken``, or the code of what stood against it; what to do, by language."""

    line: int
    file_name: str
    outcome: str
    member_id: UUID | None
    messages: dict[str, str]

    @classmethod
    def of(cls, row: LineRow) -> "PhotoLine":
        """From the database's row."""
        return cls(
            line=row.line,
            file_name=row.file_name,
            outcome=row.outcome,
            member_id=row.member_id,
            messages=messages(row.outcome),
        )


class PhotoLineList(msgspec.Struct, frozen=True):
    """The report, in the archive's order."""

    lines: tuple[PhotoLine, ...]
    next_cursor: str | None
