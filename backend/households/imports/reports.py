"""What became of each line, as it is kept and as it is shown: numbers, codes and ids, nothing that says who."""

import csv
import heapq
import io
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Literal
from uuid import UUID

import msgspec

from backend.households.imports.batches import OutcomeRow
from backend.households.imports.plan import Outcome, Verdict
from backend.households.imports.texts import TEXTS

__all__ = ["ReportLine", "count", "decode", "encode", "in_order", "rendered"]

Format = Literal["ndjson", "csv"]
_HEADINGS = (
    "line", "outcome", "code", "column", "detail", "remedy", "说明", "处理办法", "community_id", "tenancy_id",
    "member_id",
)  # fmt: skip


class ReportLine(msgspec.Struct, frozen=True):
    """A line of the report. ``line`` 0 is somebody on the register who is not in the file."""

    line: int
    outcome: Verdict
    code: str | None
    column: str | None
    detail: str | None
    remedy: str | None
    detail_zh: str | None
    remedy_zh: str | None
    community_id: UUID | None
    tenancy_id: UUID | None
    member_id: UUID | None

    @classmethod
    def of(cls, outcome: Outcome, community_id: UUID) -> "ReportLine":
        """With the texts of its code."""
        text = None if outcome.code is None else TEXTS.get(outcome.code)
        return cls(
            line=outcome.line,
            outcome=outcome.verdict,
            code=outcome.code,
            column=outcome.column,
            detail=None if text is None else text.detail,
            remedy=None if text is None else text.remedy,
            detail_zh=None if text is None else text.detail_zh,
            remedy_zh=None if text is None else text.remedy_zh,
            # The zero uuid stands for lines whose community is not known.
            community_id=community_id if community_id.int else None,
            tenancy_id=outcome.tenancy_id,
            member_id=outcome.member_id,
        )


def encode(outcomes: Iterable[Outcome]) -> bytes:
    """As a batch keeps them."""
    return msgspec.msgpack.encode(list(outcomes))


def decode(kept: bytes) -> list[Outcome]:
    """What :func:`encode` made."""
    return msgspec.msgpack.decode(kept, type=list[Outcome])


def count(outcomes: Iterable[Outcome]) -> dict[Verdict, int]:
    """How many of each."""
    found: dict[Verdict, int] = {"created": 0, "updated": 0, "unchanged": 0, "ended": 0, "refused": 0}
    for outcome in outcomes:
        found[outcome.verdict] += 1
    return found


async def in_order(batches: AsyncIterator[OutcomeRow]) -> AsyncIterator[ReportLine]:
    """All outcomes by line. Batches come by their first lines; only those that overlap are held at a time."""
    held: list[tuple[int, int, ReportLine]] = []
    serial = 0
    async for batch in batches:
        while held and held[0][0] < batch.first_line:
            yield heapq.heappop(held)[2]
        for outcome in decode(batch.outcome) if batch.outcome is not None else ():
            serial += 1
            heapq.heappush(held, (outcome.line, serial, ReportLine.of(outcome, batch.community_id)))
    while held:
        yield heapq.heappop(held)[2]


def rendered(lines: Iterable[ReportLine], form: Format, *, first: bool) -> bytes:
    """A part of the download; the first with the heading and, for CSV, the mark by which spreadsheets know UTF-8."""
    if form == "ndjson":
        return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if first:
        writer.writerow(_HEADINGS)
    writer.writerows(_cells(line) for line in lines)
    return (b"\xef\xbb\xbf" if first else b"") + text.getvalue().encode()


def _cells(line: ReportLine) -> Iterator[object]:
    # Nothing here was typed by anybody, so nothing can be a formula.
    for cell in (
        line.line, line.outcome, line.code, line.column, line.detail, line.remedy, line.detail_zh, line.remedy_zh,
        line.community_id, line.tenancy_id, line.member_id,
    ):  # fmt: skip
        yield "" if cell is None else cell
