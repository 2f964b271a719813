"""Requests about withdrawals at a desk."""

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = ["PaperWithdrawal"]


class PaperWithdrawal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A withdrawal on paper; ``paper_reference`` is the number under which the office keeps the sheet, no name."""

    paper_reference: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9./_-]+$")]
