"""The templates that go with roster entries, as gates hash them."""

import hashlib
from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from backend.enrolment import service as enrolment
from backend.gates.rosters import RosterRow
from backend.keys.service import Keys
from backend.kit.db import Connection
from gate_sdk.wire import SyncItem, TemplateRef, read_entry

__all__ = ["items_of"]

_log = structlog.get_logger(__name__)


async def items_of(
    conn: Connection, keys: Keys, *, community_id: UUID, rows: Sequence[RosterRow]
) -> tuple[tuple[SyncItem, ...], dict[bytes, bytes]]:
    """The rows as gates get them, each with the very template that its entry names.

    Out of the gallery, which is empty for a while after a crash of the database; what it lacks is opened from
    ciphertext.

    A template that is nowhere to be found leaves its subject with the QR route; it must not keep the others from the
    gate.

    Returns:
        The items; and by subject the templates that entries name as ``next_template``.
    """
    # Tolerantly: beside a release that is being rolled out, entries may say more than this one knows.
    entries = {row.subject_id: read_entry(row.body).entry for row in rows if row.body is not None}
    named = {subject_id: entry.template for subject_id, entry in entries.items() if entry.template is not None}
    next_named = {one: entry.next_template for one, entry in entries.items() if entry.next_template is not None}
    found = await _templates(conn, keys, community_id, named)
    beside = await _templates(conn, keys, community_id, next_named)
    items = tuple(
        SyncItem(subject=row.subject_id.bytes, version=row.version, body=row.body, template=found.get(row.subject_id))
        for row in rows
    )
    return items, {subject_id.bytes: template for subject_id, template in beside.items()}


async def _templates(
    conn: Connection, keys: Keys, community_id: UUID, named: Mapping[UUID, TemplateRef]
) -> dict[UUID, bytes]:
    by_pack: dict[str, list[UUID]] = {}
    for subject_id, ref in named.items():
        by_pack.setdefault(ref.pack, []).append(subject_id)
    found: dict[UUID, bytes] = {}
    for pack, subject_ids in by_pack.items():
        read = await enrolment.gallery_templates(conn, community_id=community_id, pack=pack, subject_ids=subject_ids)
        found |= _fitting(named, read)
        if missing := [subject_id for subject_id in subject_ids if subject_id not in found]:
            read = await enrolment.open_templates(conn, keys, community_id=community_id, pack=pack, subject_ids=missing)
            found |= _fitting(named, read)
        for subject_id in missing:
            if subject_id not in found:
                _log.error("template missing", community=str(community_id), subject=str(subject_id), pack=pack)
    return found


def _fitting(named: Mapping[UUID, TemplateRef], templates: Mapping[UUID, bytes]) -> dict[UUID, bytes]:
    return {
        subject_id: template
        for subject_id, template in templates.items()
        if hashlib.sha256(template).hexdigest() == named[subject_id].sha256
    }
