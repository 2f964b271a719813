"""The templates that go with roster entries, as gates hash them."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

import structlog

from backend.gates.rosters import RosterRow
from backend.kit.db import Connection
from gate_sdk.face.default_pack import DEFAULT_MANIFEST
from gate_sdk.wire import RosterEntry, SyncItem, decode_entry

__all__ = ["DEFAULT_PACK", "items_of"]

# The pack that new devices are told to install.
DEFAULT_PACK = DEFAULT_MANIFEST.id

_log = structlog.get_logger(__name__)


async def items_of(conn: Connection, *, community_id: UUID, rows: Sequence[RosterRow]) -> tuple[SyncItem, ...]:
    """The rows as gates get them, each with the very template that its entry names.

    A template that is nowhere to be found leaves its subject with the QR route; it must not keep the others from the
    gate.
    """
    entries = {row.subject_id: decode_entry(row.body) for row in rows if row.body is not None}
    by_pack: dict[str, list[UUID]] = {}
    for subject_id, entry in entries.items():
        if entry.template is not None:
            by_pack.setdefault(entry.template.pack, []).append(subject_id)
    found: dict[UUID, bytes] = {}
    for pack, subject_ids in by_pack.items():
        read = await _gallery(conn, community_id=community_id, pack=pack, subject_ids=subject_ids)
        found.update({subject_id: data for subject_id, data in read.items() if _fits(entries[subject_id], data)})
    for pack, subject_ids in by_pack.items():
        for subject_id in subject_ids:
            if subject_id not in found:
                _log.error("template missing", community=str(community_id), subject=str(subject_id), pack=pack)
    return tuple(
        SyncItem(subject=row.subject_id.bytes, version=row.version, body=row.body, template=found.get(row.subject_id))
        for row in rows
    )


def _fits(entry: RosterEntry, template: bytes) -> bool:
    return entry.template is not None and hashlib.sha256(template).hexdigest() == entry.template.sha256


async def _gallery(
    conn: Connection, *, community_id: UUID, pack: str, subject_ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    rows = await conn.fetch(
        """
        SELECT subject_id, halfvec_send(embedding) AS sent FROM gallery
        WHERE community_id = $1 AND pack = $2 AND subject_id = ANY ($3)
        """,
        community_id, pack, subject_ids,
    )  # fmt: skip
    return {row["subject_id"]: _little_endian(row["sent"]) for row in rows}


def _little_endian(sent: bytes) -> bytes:
    """Of halfvec's wire form (two 16-bit integers, then big-endian halves) the halves, little-endian."""
    values = bytearray(sent[4:])
    values[0::2], values[1::2] = values[1::2], values[0::2]
    return bytes(values)
