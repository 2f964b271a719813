"""Cursors: what goes out comes back, and nothing else does."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from backend.kit.pagination import CursorInvalid, decode_cursor, encode_cursor, split_page


class Key(msgspec.Struct, frozen=True, array_like=True):
    at: Annotated[datetime, Meta(tz=True)]
    id: UUID
    seq: Annotated[int, Meta(ge=0, lt=2**31)] = 0


def test_a_cursor_comes_back_as_it_went() -> None:
    key = Key(datetime(2026, 11, 2, 3, 4, 5, 678901, tzinfo=UTC), uuid4(), 7)
    assert decode_cursor(encode_cursor(key), Key) == key
    assert decode_cursor(None, Key) is None


@given(st.text(max_size=80))
def test_any_text_is_a_cursor_of_ours_or_refused(text: str) -> None:
    try:
        key = decode_cursor(text, Key)
    except CursorInvalid:
        return
    assert key is not None
    assert decode_cursor(encode_cursor(key), Key) == key


@pytest.mark.parametrize("key", [["2026-11-02T03:04:05", str(uuid4()), 1], [1, 2, 3], {"at": 1}, [], "x"])
def test_a_cursor_of_another_list_is_refused(key: object) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(encode_cursor(key), Key)


def test_a_number_that_no_column_holds_is_refused() -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(encode_cursor(["2026-11-02T03:04:05Z", str(uuid4()), 2**31]), Key)


def test_the_row_too_many_makes_the_cursor_of_the_last_row_shown() -> None:
    page, cursor = split_page([1, 2, 3], 2, lambda row: row)
    assert (list(page), decode_cursor(cursor, int)) == ([1, 2], 2)
    assert split_page([1, 2], 2, lambda row: row) == ([1, 2], None)
    assert split_page([], 2, lambda row: row) == ([], None)
