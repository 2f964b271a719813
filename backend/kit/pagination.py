"""Lists in pages, by key.

Each page begins after the last row of the one before, so that nothing is skipped or shown twice while rows are added,
and page one thousand costs what page one does.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec
from litestar.params import QueryParameter
from msgspec import Meta

from backend.kit.problems import BadRequest

__all__ = ["Cursor", "CursorInvalid", "Limit", "NameKey", "decode_cursor", "encode_cursor", "split_page"]

Row = TypeVar("Row")
Key = TypeVar("Key")

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="Rows at most")]
Cursor = Annotated[
    str | None,
    # The longest key has names of 200 characters, with up to four bytes each.
    QueryParameter(max_length=2000, pattern="^[A-Za-z0-9_-]+$", description="`next_cursor` of the page before"),
]


class NameKey(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of a list by name ends."""

    name: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*$")]
    id: UUID


class CursorInvalid(BadRequest):
    """The cursor is none that this list gave out."""

    code = "cursor-invalid"
    remedy = "Leave the cursor out to begin again, or send `next_cursor` unchanged."


def encode_cursor(key: object) -> str:
    """The key of a page's last row as opaque text."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode("ascii")


def decode_cursor(cursor: str | None, kind: type[Key]) -> Key | None:
    """The key that :func:`encode_cursor` made, or ``None`` for the first page.

    Args:
        cursor: what the caller sent: hostile input.
        kind: the key's type, a struct with ``array_like=True``; numbers bounded as their columns are, times with
            ``Meta(tz=True)``, so that the database is never asked for what it cannot hold.

    Raises:
        CursorInvalid: it is none of ours.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, msgspec.MsgspecError, ValueError):
        raise CursorInvalid from None


def split_page(rows: Sequence[Row], limit: int, key: Callable[[Row], object]) -> tuple[Sequence[Row], str | None]:
    """One page and the cursor of the next, out of up to ``limit + 1`` rows that a query found.

    The row too many only shows that there is a next page.
    """
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], encode_cursor(key(rows[limit - 1]))
