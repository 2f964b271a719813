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
        index._add(entries)
        return index

    def changed(self, before: Iterable[RosterEntry], after: Iterable[RosterEntry]) -> "CodeIndex":
        """Another index, with ``after`` in the place of ``before``."""
        index = CodeIndex(dict(self.phones), dict(self.tokens), dict(self.cards))
        for entry in before:
            for phone in entry.keys:
                index.phones.pop(phone.id, None)
            for token in entry.tokens:
                index.tokens.pop(token, None)
            if entry.card is not None:
                index.cards.pop(entry.card.hash, None)
        index._add(after)
        return index

    def _add(self, entries: Iterable[RosterEntry]) -> None:
        for entry in entries:
            for phone in entry.keys:
                self.phones[phone.id] = (entry.subject, phone)
            for token in entry.tokens:
                self.tokens[token] = entry.subject
            if entry.card is not None:
                self.cards[entry.card.hash] = (entry.subject, entry.card)
