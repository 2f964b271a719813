"""SQL of attaching: whom a community's gates do not know yet. Always in its scope."""

from collections.abc import Collection
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all

__all__ = ["WaitingRow", "list_waiting"]


class WaitingRow(msgspec.Struct, frozen=True):
    """A subject who may pass, whose face is known, and whom the gates do not know yet."""

    subject_id: UUID
    person_id: UUID


async def list_waiting(
    conn: Connection, *, community_id: UUID, after: UUID, limit: int, subject_ids: Collection[UUID] | None = None
) -> list[WaitingRow]:
    """Subjects with a grant and a template, but no credential, and no review that waits or said no; by subject.

    Of all, or of those named.
    """
    return await fetch_all(
        conn,
        WaitingRow,
        """
        SELECT s.subject_id, s.person_id FROM subject s
        WHERE s.community_id = $1 AND s.subject_id > $2 AND ($4::uuid[] IS NULL OR s.subject_id = ANY($4))
            AND EXISTS (
                SELECT FROM access_grant ag
                WHERE ag.community_id = $1 AND ag.subject_id = s.subject_id AND ag.state <> 'ended'
            )
            AND NOT EXISTS (
                SELECT FROM face_credential fc WHERE fc.community_id = $1 AND fc.subject_id = s.subject_id
            )
            AND EXISTS (
                SELECT FROM template t WHERE t.person_id = s.person_id AND NOT EXISTS (
                    SELECT FROM face_review r
                    WHERE r.community_id = $1 AND r.subject_id = s.subject_id AND r.template_id = t.template_id
                        AND r.state IN ('pending', 'refused', 'retake')
                )
            )
        ORDER BY s.subject_id LIMIT $3
        """,
        community_id, after, limit, None if subject_ids is None else list(subject_ids),
    )  # fmt: skip
