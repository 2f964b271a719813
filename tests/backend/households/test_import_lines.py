"""Bytes of any kind become records, each line by itself, in memory that does not grow."""

import tracemalloc
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.households.exports.cells import csv_bytes
from backend.households.imports.columns import MAX_COLUMNS, Column, map_columns
from backend.households.imports.errors import HeaderRefused
from backend.households.imports.lines import Record, Records, detect_encoding
from backend.households.imports.reader import Batch, Reader
from backend.households.imports.values import Place, plain_cell

PLACE = Place(uuid4(), "Asia/Shanghai")
MIB = 1 << 20


def records(content: bytes, *cuts: int) -> list[Record]:
    read = Records(detect_encoding(content), ",")
    found: list[Record] = []
    begin = 0
    for cut in (*sorted(cuts), len(content)):
        found += read.feed(content[begin:cut])
        begin = max(begin, cut)
    return [*found, *read.end()]


def read(*blocks: bytes) -> list[Batch]:
    reader = Reader(places={}, default=PLACE, mapping={}, encoding=None, delimiter=None)
    return [batch for block in blocks for batch in reader.feed(block)] + reader.end()


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=["Cc", "Cs"]), max_size=12)


@given(st.lists(st.lists(CELLS, min_size=2, max_size=5), max_size=8), st.lists(st.integers(0, 200), max_size=4))
def test_wherever_a_file_is_cut_it_says_the_same(rows: list[list[str]], cuts: list[int]) -> None:
    content = csv_bytes(rows, "utf-8", first=True)
    whole = records(content)
    assert records(content, *cuts) == whole
    assert [[plain_cell(cell) for cell in one.fields] for one in whole] == [
        [plain_cell(cell) for cell in row] for row in rows
    ]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4))
def test_any_bytes_give_an_answer_for_every_line(content: bytes, cuts: list[int]) -> None:
    found = records(content, *cuts)
    assert [one.line for one in found] == sorted({one.line for one in found})
    assert all(one.problem is None or not one.fields for one in found)


def test_a_quotation_mark_that_nobody_closes_costs_one_line() -> None:
    lines = ['1,"open,x', *[f"{n},fine" for n in range(2, 60)]]
    found = records("\n".join(lines).encode())
    assert found[0] == Record(1, [], "quote-unclosed")
    assert [one.fields[0] for one in found[1:]] == [str(n) for n in range(2, 60)]


def test_a_cell_may_have_line_breaks() -> None:
    found = records(b'1,"two\r\nlines",x\r\n2,y,z\r\n')
    assert [(one.line, one.fields) for one in found] == [(1, ["1", "two\nlines", "x"]), (3, ["2", "y", "z"])]


@pytest.mark.parametrize("unit", [b"x", b",", b'"', b"\0", "长".encode()])
def test_one_endless_line_takes_no_memory(unit: bytes) -> None:
    block = unit * (MIB // len(unit))
    reading = Records("utf-8", ",")
    tracemalloc.start()
    try:
        found = [one for _ in range(12) for one in reading.feed(block)] + list(reading.end())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [(one.line, one.problem) for one in found] == [(1, "line-too-long")]
    assert peak < 8 * MIB


def test_lines_of_many_communities_wait_in_bounded_memory() -> None:
    places = {f"C{n}": Place(uuid4(), "UTC") for n in range(3000)}
    reader = Reader(places=places, default=None, mapping={}, encoding=None, delimiter=None)
    reader.feed(b"community,building,home,number,name,relation,starts\n")
    waiting = lines = 0
    for part in range(30):
        block = "".join(f"C{n},B,{n},{part}-{n},Name,other,2026-01-01\n" for n in range(3000)).encode()
        got = sum(len(batch.lines) for batch in reader.feed(block))
        lines += 3000
        waiting += 3000 - got
        assert waiting <= 40_000
    assert lines == reader.lines == 90_000


@pytest.mark.parametrize(
    "content, code",
    [
        (b"", "no-header"),
        (b"\n\n", "no-header"),
        (b"building,home,number,name,starts\n", "no-lines"),
        (b"x" * 100_000, "header-unreadable"),
        (b"x," * (MAX_COLUMNS + 1), "too-many-columns"),
        (b"a,b\n", "columns-missing: building, home, number, name, starts"),
        (b"building,home,number,name,starts,start\n", "columns-ambiguous: starts"),
        (b'building,"home\n' * 50, "header-unreadable"),
    ],
)
def test_a_file_without_usable_headings_is_refused_as_a_whole(content: bytes, code: str) -> None:
    with pytest.raises(HeaderRefused) as refused:
        read(content)
    assert str(refused.value) == code


def test_headings_are_understood_however_they_are_typed() -> None:
    found = map_columns(
        ["楼 栋", "房号*", "租户_编号", "姓名(必填)".replace("(必填)", ""), "租期开始:", "Unit", ""],
        {},
        community_given=True,
    )
    assert found == {
        Column.BUILDING: 0, Column.HOME: 1, Column.NUMBER: 2, Column.NAME: 3, Column.STARTS: 4, Column.UNIT: 5,
    }  # fmt: skip
    with pytest.raises(HeaderRefused, match="columns-missing: phone"):
        map_columns(["楼栋"], {Column.PHONE: "没有"}, community_given=True)


def test_the_sample_in_the_guide_is_a_file_that_can_be_read() -> None:
    content = (Path(__file__).parents[3] / "docs/register-sample.csv").read_bytes()
    reader = Reader(places={"花园小区": PLACE}, default=None, mapping={}, encoding=None, delimiter=None)
    (batch,) = [*reader.feed(content), *reader.end()]
    assert (len(batch.lines), batch.unread) == (4, [])


@pytest.mark.parametrize("date", ["2026-01-31", "2026/1/31", "2026.1.31", "20260131", "2026年1月31日"])
def test_dates_as_people_write_them(date: str) -> None:
    (batch,) = read(f"building,home,number,name,relation,starts\nB,1,P,Name,other,{date}\n".encode())
    assert batch.lines[0].starts_at.isoformat() == "2026-01-31T00:00:00+08:00"


@pytest.mark.parametrize("date", ["45292", "31.1.2026", "2026-13-01", "9999-12-31", "yesterday"])
def test_what_is_no_date_is_refused(date: str) -> None:
    (batch,) = read(f"building,home,number,name,relation,starts\nB,1,P,Name,other,{date}\n".encode())
    assert [(one.code, one.column) for one in batch.unread] == [("date-invalid", "starts")]
