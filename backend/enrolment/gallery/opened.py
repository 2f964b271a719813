"""A template in the clear: opened, unpacked, and compared with those of a gallery."""

from uuid import UUID

import msgspec
import numpy as np

from backend.enrolment.gallery import repository as gallery
from backend.enrolment.sealing import open_template
from backend.enrolment.templates.repository import TemplateRow
from backend.keys.service import Keys
from backend.kit.db import Connection

__all__ = ["Face", "nearest_score", "open_face", "unpacked"]


class Face(msgspec.Struct, frozen=True):
    """A template in the clear, with its row."""

    row: TemplateRow
    template: bytes

    def __repr__(self) -> str:
        """Nothing of it: biometric data must not reach a log by way of an error text."""
        return "Face()"


async def nearest_score(conn: Connection, *, community_id: UUID, subject_id: UUID, face: Face) -> float | None:
    """Cosine of the most similar template of another subject of the community; None where there is no other."""
    found = await gallery.nearest(
        conn, community_id=community_id, pack=face.row.pack, besides=subject_id, probes=[unpacked(face.template)]
    )
    return found[0].score if found else None


async def open_face(keys: Keys, row: TemplateRow) -> Face:
    """A template in the clear.

    Raises:
        KeyStoreError: the person's key is gone.
        SealBroken: the ciphertext is not that of this template under this key.
    """
    key = await keys.person_key(row.person_id)
    return Face(row, open_template(key, row.sealed, person_id=row.person_id, template_id=row.template_id))


def unpacked(template: bytes) -> list[float]:
    """A template's stored bytes as numbers."""
    values: list[float] = np.frombuffer(template, "<f2").tolist()
    return values
