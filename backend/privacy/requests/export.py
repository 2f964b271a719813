"""What is kept of a person, noun by noun, and the archive that shows it.

The rows are read in one snapshot; photographs and templates are opened one at a time while the archive is sent. Nothing
of it is written anywhere.
"""

import hashlib
import html
import io
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from backend.access import export as access
from backend.accounts import export as accounts
from backend.approvals import export as approvals
from backend.audit import export as audit
from backend.codes import export as codes
from backend.consent import export as consent
from backend.couriers import export as couriers
from backend.enrolment import export as enrolment
from backend.entries import export as entries
from backend.guardians import export as guardians
from backend.households import export as households
from backend.kit.db import Connection, fetch_dicts
from backend.links import export as links
from backend.notifications import export as notifications
from backend.people import export as people
from backend.visitors import export as visitors

__all__ = ["Exported", "archive", "gather"]

#: By noun, by table: rows by their columns' names.
Exported = Mapping[str, Mapping[str, list[dict[str, object]]]]

#: What the audit trail names by "<word>:<id>", by the column that holds the id.
_TARGETS = (
    "session", "staff", "member", "tenancy", "pass", "shift", "delivery", "courier", "review", "erasure", "request",
    "approval",
)  # fmt: skip
_SLOTS = (1, 2, 3)
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;"
    "display:block;overflow-x:auto}td,th{border:1px solid #ccc;padding:.2rem .5rem;text-align:left;font-size:13px}"
    "img{max-height:12rem;margin:.3rem}"
)
_HEAD = (
    "<!doctype html><html lang='zh-CN'><meta charset='utf-8'><title>Doorward</title><style>{style}</style>"
    "<h1>您的个人信息副本 · A copy of your personal information</h1><p>{at}</p>"
    "<p>同样的内容以 JSON 格式保存在 data 文件夹中。照片在 photographs 中。人脸特征模板在 templates 中。</p>"
    "<p>The same as JSON stands in the folder data, photographs in photographs, face templates (rows of float16) in "
    "templates.</p>"
)


async def gather(conn: Connection, *, person_id: UUID) -> Exported:
    """Everything that is kept of a person but what is sealed.

    In a REPEATABLE READ transaction in his own scope and the platform's; his communities are entered one by one, and
    every query names him.
    """
    found: dict[str, Mapping[str, list[dict[str, object]]]] = {
        "people": await people.export_of(conn, person_id=person_id),
        "accounts": await accounts.export_of(conn, person_id=person_id),
        "consent": await consent.export_of(conn, person_id=person_id),
        "guardians": await guardians.export_of(conn, person_id=person_id),
        "notifications": await notifications.export_of(conn, person_id=person_id),
        "links": await links.export_of(conn, person_id=person_id),
        "households": await households.export_of(conn, person_id=person_id),
        "access": await access.export_of(conn, person_id=person_id),
        "codes": await codes.export_of(conn, person_id=person_id),
        "entries": await entries.export_of(conn, person_id=person_id),
        "visitors": await visitors.export_of(conn, person_id=person_id),
        "approvals": await approvals.export_of(conn, person_id=person_id),
        "couriers": await couriers.export_of(conn, person_id=person_id),
        "enrolment": await enrolment.export_of(conn, person_id=person_id),
        "privacy": await _privacy(conn, person_id),
    }
    rows = [row for tables in found.values() for table in tables.values() for row in table]
    found["audit"] = await audit.export_of(conn, person_id=person_id, targets=_targets(rows))
    return found


async def archive(
    found: Exported, faces: AsyncIterator[tuple[str, bytes]], *, person_id: UUID, now: datetime
) -> AsyncIterator[bytes]:
    """The ZIP archive, piece by piece: index.html to read, a JSON file for each noun, pictures, and manifest.json.

    Args:
        found: see :func:`gather`.
        faces: files by name, in the clear; each is let go before the next is asked for.
        person_id: whose.
        now: what the archive is dated by.
    """
    sink = _Sink()
    digests: dict[str, str] = {}
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:

        def add(name: str, data: bytes) -> bytes:
            packed.writestr(zipfile.ZipInfo(name, now.timetuple()[:6]), data, zipfile.ZIP_DEFLATED)
            digests[name] = hashlib.sha256(data).hexdigest()
            return sink.take()

        for noun, tables in found.items():
            yield add(f"data/{noun}.json", msgspec.json.format(msgspec.json.encode(tables)))
        async for name, data in faces:
            yield add(name, data)
        pictures = [name for name in digests if name.endswith(".jpg")]
        yield add("index.html", _index(found, pictures, now).encode())
        manifest = {"person_id": person_id, "made_at": now, "format": "doorward-export-1", "sha256": dict(digests)}
        yield add("manifest.json", msgspec.json.format(msgspec.json.encode(manifest)))
    yield sink.take()


async def _privacy(conn: Connection, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """Erasures and requests; what stands above every noun's own."""
    return {
        "erasure": await fetch_dicts(conn, "SELECT * FROM erasure WHERE person_id = $1 ORDER BY started_at", person_id),
        "erasure_step": await fetch_dicts(
            conn,
            "SELECT s.* FROM erasure_step s JOIN erasure e USING (erasure_id) WHERE e.person_id = $1",
            person_id,
        ),
        "erasure_place": await fetch_dicts(
            conn,
            "SELECT p.* FROM erasure_place p JOIN erasure e USING (erasure_id) WHERE e.person_id = $1",
            person_id,
        ),
        "erasure_certificate": await fetch_dicts(
            conn,
            """
            SELECT certificate_id, erasure_id, person_id, about_community, status, made_at,
                convert_from(document, 'UTF8') AS document
            FROM erasure_certificate WHERE person_id = $1
            """,
            person_id,
        ),
        "consent_proof": await fetch_dicts(
            conn,
            "SELECT p.* FROM consent_proof p JOIN erasure e USING (erasure_id) WHERE e.person_id = $1",
            person_id,
        ),
        # One that he must not know of is not seen in his scope.
        "legal_hold": await fetch_dicts(
            conn,
            """
            SELECT hold_id, community_id, person_id, subject_id, member_id, basis, reference, told, photographs,
                on_register, set_at, ends_at, ended_at, released_at
            FROM legal_hold WHERE person_id = $1 AND (told OR released_at IS NOT NULL) ORDER BY set_at
            """,
            person_id,
        ),
        "subject_request": await fetch_dicts(
            conn,
            """
            SELECT request_id, person_id, about_community_id, kind, surface, text, name, opened_at, due_at, state,
                decided_at, answer, export_until
            FROM subject_request WHERE person_id = $1 ORDER BY opened_at
            """,
            person_id,
        ),
    }


def _targets(rows: list[dict[str, object]]) -> list[str]:
    named = {f"{word}:{row[f'{word}_id']}" for word in _TARGETS for row in rows if row.get(f"{word}_id") is not None}
    looks = {f"{name}/{slot}" for name in named if name.startswith("review:") for slot in _SLOTS}
    return sorted(named | looks)


def _index(found: Exported, pictures: list[str], now: datetime) -> str:
    parts = [_HEAD.format(style=_STYLE, at=html.escape(now.isoformat()))]
    parts += [f"<img src='{html.escape(name)}' alt=''>" for name in pictures]
    for noun, tables in found.items():
        parts.append(f"<h2>{html.escape(noun)}</h2>")
        for table, rows in tables.items():
            parts.append(f"<h3>{html.escape(table)} ({len(rows)})</h3>")
            if rows:
                parts.append(_table(rows))
    return "".join(parts) + "</html>"


def _table(rows: list[dict[str, object]]) -> str:
    columns = list(rows[0])
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_cell(row[column]))}</td>" for column in columns) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    return str(msgspec.to_builtins(value))


class _Sink(io.RawIOBase):
    """Where zipfile writes to, and what it has written is taken from. It cannot go back, so nothing is held longer."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # any buffer, as zipfile gives it
        self._written += piece
        return len(piece)

    def take(self) -> bytes:
        piece = bytes(self._written)
        self._written.clear()
        return piece
