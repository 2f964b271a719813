"""What companies call their people and orders: printable, without blanks, so that it is safe in an address."""

from typing import Annotated

from msgspec import Meta

__all__ = ["REFERENCE", "OrderRef", "WorkerId"]

REFERENCE = "^[A-Za-z0-9._~:@+-]+$"
WorkerId = Annotated[str, Meta(min_length=1, max_length=100, pattern=REFERENCE)]
OrderRef = Annotated[str, Meta(min_length=1, max_length=100, pattern=REFERENCE)]
