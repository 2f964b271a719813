"""Whose key, token or card a code is: an index over one version of the roster."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from gate_sdk.wire import Card, PhoneKey, RosterEntry

__all__ = ["CodeIndex"]


class CodeIndex(msgspec.Struct, frozen=True):
    """By key id (8 bytes), token id (8 bytes) and card hash (32 bytes)."""

    phones: dict[bytes, tuple[UUID, PhoneKey]]
    tokens: dict[bytes, UUID]
    cards: dict[bytes, tuple[UUID, Card]]

    @classmethod
    def of(cls, entries: Iterable[RosterEntry]) -> "CodeIndex":
        """Index all of them; milliseconds for thousands."""
        index = cls({}, {}, {})
        for entry in entries:
            for phone in entry.keys:
                index.phones[phone.id] = (entry.subject, phone)
            for token in entry.tokens:
                index.tokens[token] = entry.subject
            if entry.card is not None:
                index.cards[entry.card.hash] = (entry.subject, entry.card)
        return index
