"""What a page must be to belong to its sequence. Pure."""

import msgspec

from gate_sdk._cache.repository import Staging
from gate_sdk._cache.rules import Row, check_item
from gate_sdk.errors import UnreadableAnswerError
from gate_sdk.wire import Acknowledged, PageKind, SyncPage

__all__ = ["MOST_BYTES", "MOST_PAGES", "Items", "advance", "read_items"]

Items = list[tuple[bytes, int, Row | None]]
# Ten times the largest programme in one community, in pages of a tenth of their size. A server that goes on for ever
# must not fill the gate's disk.
MOST_PAGES = 10_000
MOST_BYTES = 2_000_000_000


def read_items(page: SyncPage, at: Acknowledged | None, staging: Staging | None) -> Items:
    """Verify a page and its items: (subject, version, row or ``None`` for removal) each.

    Raises:
        UnreadableAnswerError: no page, or not one of the sequence that was begun.
        DigestMismatchError: an item is not what it says.
        msgspec.DecodeError: an item is no entry.
    """
    if staging is not None and (page.kind, page.epoch) != (staging.kind, staging.epoch):
        raise UnreadableAnswerError("a sequence changed its kind or epoch on the way")
    if page.kind is PageKind.DELTA and at is None:
        raise UnreadableAnswerError("a delta came where nothing was there to change")
    if (page.head is None) == (page.next is None):
        raise UnreadableAnswerError("a page must have either a head or a next cursor")
    if page.head is None and not page.items:
        # Asked for its next one at once, it could go on so for ever.
        raise UnreadableAnswerError("a page brought nothing and was not the last")
    beside = _beside(page)
    items = [(item.subject, item.version, check_item(item, beside.get(item.subject))) for item in page.items]
    for _, version, row in items:
        if not (_fits(version) and (row is None or _fits(row.until_us))):
            raise UnreadableAnswerError("a number that no database holds")
    return items


def _fits(number: int | None) -> bool:
    return number is None or -(2**63) <= number < 2**63


def _beside(page: SyncPage) -> dict[bytes, bytes]:
    return {} if isinstance(page.next_templates, msgspec.UnsetType) else page.next_templates


def advance(page: SyncPage, following: str, at: Acknowledged | None, staging: Staging | None) -> Staging:
    """Where the sequence stands after a page that is not its last.

    Raises:
        UnreadableAnswerError: it is longer than any roster.
    """
    size = sum(len(item.body or b"") + len(item.template or b"") for item in page.items)
    size += sum(map(len, _beside(page).values()))
    stands = Staging(
        kind=page.kind,
        epoch=page.epoch,
        next=following,
        base_epoch=None if at is None else at.epoch,
        base_version=None if at is None else at.version,
        pages=1 + (0 if staging is None else staging.pages),
        size=size + (0 if staging is None else staging.size),
    )
    if stands.pages > MOST_PAGES or stands.size > MOST_BYTES:
        raise UnreadableAnswerError("a sequence is longer than any roster")
    return stands
