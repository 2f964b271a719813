"""In which of our two languages to speak to somebody."""

from typing import Literal

__all__ = ["Language", "preferred_language"]

Language = Literal["zh-CN", "en"]
# A header longer than this says nothing that a shorter one could not.
_LONGEST = 500


def preferred_language(accept_language: str | None) -> Language | None:
    """The one that an ``Accept-Language`` header (RFC 9110, section 12.5.4) prefers; None where it names neither.

    Args:
        accept_language: the header as it came: hostile input.
    """
    best: tuple[float, Language] | None = None
    for part in (accept_language or "")[:_LONGEST].split(","):
        tag, _, parameter = part.partition(";")
        language = _of_tag(tag.strip().lower())
        weight = _weight(parameter.strip().lower())
        if language is not None and weight > 0 and (best is None or weight > best[0]):
            best = weight, language
    return None if best is None else best[1]


def _of_tag(tag: str) -> Language | None:
    primary = tag.partition("-")[0]
    return {"zh": "zh-CN", "en": "en"}.get(primary)  # type: ignore[return-value]  # the values are the two literals


def _weight(parameter: str) -> float:
    if not parameter.startswith("q="):
        return 1.0
    try:
        weight = float(parameter[2:])
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
