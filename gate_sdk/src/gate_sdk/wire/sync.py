"""Pages of roster, as ``GET /gate/v1/sync`` answers them (MessagePack)."""

from enum import StrEnum

import msgspec

from gate_sdk.wire.head import ServerKey, SignedHead

__all__ = ["PageKind", "SyncItem", "SyncPage"]


class PageKind(StrEnum):
    """Whether a page adds to what the gate has or to a set that replaces it."""

    DELTA = "delta"
    SNAPSHOT = "snapshot"


class SyncItem(msgspec.Struct, frozen=True, array_like=True):
    """One subject's present state.

    ``subject`` is 16 bytes. ``body`` is the entry's stored JSON, or ``None`` where the subject is to be removed.
    ``template`` is float16 little-endian, two bytes per dimension, unit length; its SHA-256 stands in the body.
    """

    subject: bytes
    version: int
    body: bytes | None
    template: bytes | None


class SyncPage(msgspec.Struct, frozen=True):
    """One page. The last of a sequence has ``head`` and no ``next``; the others the reverse.

    ``next`` is opaque and goes back as ``cursor``. Pages of one sequence have the same ``kind`` and ``epoch``. A gate
    applies a sequence whole, together with its head, or not at all.

    ``next_templates`` has, by subject (16 bytes), the templates that the page's bodies name as ``next_template``;
    absent where they name none.

    ``plan`` comes beside the head: the bytes of the plan that the head names, unless the gate has them already.
    """

    kind: PageKind
    epoch: int
    items: tuple[SyncItem, ...]
    next: str | None = None
    head: SignedHead | None = None
    keys: tuple[ServerKey, ...] = ()
    plan: bytes | msgspec.UnsetType = msgspec.UNSET
    next_templates: dict[bytes, bytes] | msgspec.UnsetType = msgspec.UNSET
