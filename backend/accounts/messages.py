"""Messages about accounts: in which language, and sent so that a carrier's failure does not undo what happened."""

from collections.abc import Mapping
from typing import Any

import structlog
from litestar import Request

from backend.accounts.codes.service import CODE_TTL
from backend.accounts.counting import count_code
from backend.kit.language import Language, preferred_language
from backend.kit.messages import MessagesUnavailable, Sender

__all__ = ["language_of", "send_code", "send_later"]

_log = structlog.get_logger(__name__)


def language_of(request: Request[Any, Any, Any], *, stored: str | None) -> Language:
    """The language of whoever asks: the request's, else the one that he has chosen before."""
    asked = preferred_language(request.headers.get("accept-language"))
    return asked or ("en" if stored == "en" else "zh-CN")


async def send_code(sender: Sender, phone: str, code: str, language: str) -> None:
    """Send a one-time code.

    Raises:
        MessagesUnavailable: the carrier cannot be reached or refuses.
    """
    minutes = str(int(CODE_TTL.total_seconds()) // 60)
    try:
        await sender.send(to=phone, template="login_code", values={"code": code, "minutes": minutes}, language=language)
    except MessagesUnavailable:
        count_code("failed")
        raise
    count_code("sent")


async def send_later(sender: Sender, phone: str, template: str, values: Mapping[str, str], language: str) -> None:
    """Send after the answer; a failure is logged and no more."""
    try:
        await sender.send(to=phone, template=template, values=values, language=language)
    except MessagesUnavailable:
        _log.warning("message_not_sent", template=template)
