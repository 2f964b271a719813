"""Codes as pictures, to be shown, sent and printed."""

import io
from typing import Literal

import segno

__all__ = ["MEDIA_TYPES", "Format", "draw"]

Format = Literal["png", "svg"]
MEDIA_TYPES: dict[str, str] = {"png": "image/png", "svg": "image/svg+xml"}
# Twelve pixels a module: sharp on any telephone, and 40 mm wide when it is printed at 300 dots per inch.
_SCALE = 12
# ISO/IEC 18004 asks for a margin of four modules, and cheap printers for all of them.
_BORDER = 4


def draw(text: str, form: Format) -> bytes:
    """Draw a code, error correction level M: a crack or a thumb may cover a seventh of it.

    Args:
        text: in the alphanumeric alphabet.
        form: "png" or "svg".
    """
    out = io.BytesIO()
    segno.make(text, error="m", micro=False, boost_error=True).save(out, kind=form, scale=_SCALE, border=_BORDER)
    return out.getvalue()
