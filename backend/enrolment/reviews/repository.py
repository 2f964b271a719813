"""SQL of reviews. The community's scope writes; the person's own scope reads what concerns him."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from backend.enrolment.gallery.repository import SealedRow
from backend.kit.db import Connection, fetch_all, fetch_one

__all__ = [
    "AlikeRow",
    "Basis",
    "ReviewRow",
    "ReviewState",
    "ShownRow",
    "add_finding",
    "decide",
    "get_review",
    "insert_review",
    "list_alike",
    "list_pending",
    "list_reviews_of_person",
    "list_shown",
    "list_waiting_sealed",
    "lock_review",
    "supersede",
    "supersede_moot",
]

ReviewState = Literal["pending", "approved", "refused", "superseded", "retake"]
Basis = Literal["seen_in_person", "register_photo"]


class ReviewRow(msgspec.Struct, frozen=True):
    """One face that one community's staff decide on."""

    community_id: UUID
    review_id: UUID
    subject_id: UUID
    person_id: UUID
    enrolment_id: UUID
    template_id: UUID
    findings: list[str]
    state: ReviewState
    basis: Basis | None
    reason: str | None
    opened_at: datetime
    decided_at: datetime | None
    reason_code: str | None = None


class ShownRow(msgspec.Struct, frozen=True):
    """What staff see beside a review: whose name the register has, and which photographs are still there.

    ``register_photo_of`` is the membership of whose photograph the register has one.
    """

    review_id: UUID
    name: str | None
    slots: list[int]
    register_photo_of: UUID | None


class AlikeRow(msgspec.Struct, frozen=True):
    """Another subject whose face is like one in review: his name, his own open review, his register photograph."""

    subject_id: UUID
    name: str | None
    review_id: UUID | None
    slots: list[int]
    register_photo_of: UUID | None


class _Person(msgspec.Struct, frozen=True):
    person_id: UUID


async def supersede(conn: Connection, *, community_id: UUID, subject_id: UUID, now: datetime) -> None:
    """End the subject's open review: a newer enrolment takes its place."""
    await conn.execute(
        """
        UPDATE face_review SET state = 'superseded', decided_at = $3
        WHERE community_id = $1 AND subject_id = $2 AND state = 'pending'
        """,
        community_id, subject_id, now,
    )  # fmt: skip


async def supersede_moot(conn: Connection, *, community_id: UUID, now: datetime) -> list[UUID]:
    """End the open reviews of people who may not pass here any more; whose they were."""
    rows = await fetch_all(
        conn,
        _Person,
        """
        UPDATE face_review r SET state = 'superseded', decided_at = $2
        WHERE r.community_id = $1 AND r.state = 'pending' AND NOT EXISTS (
            SELECT FROM access_grant ag
            WHERE ag.community_id = $1 AND ag.subject_id = r.subject_id AND ag.state <> 'ended'
        )
        RETURNING r.person_id
        """,
        community_id, now,
    )  # fmt: skip
    return [row.person_id for row in rows]


async def insert_review(
    conn: Connection,
    *,
    community_id: UUID,
    subject_id: UUID,
    person_id: UUID,
    enrolment_id: UUID,
    template_id: UUID,
    findings: Sequence[str],
    now: datetime,
) -> None:
    """A new review; nothing happens where the subject has an open one."""
    await conn.execute(
        """
        INSERT INTO face_review (community_id, subject_id, person_id, enrolment_id, template_id, findings, opened_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (community_id, subject_id) WHERE state = 'pending' DO NOTHING
        """,
        community_id, subject_id, person_id, enrolment_id, template_id, list(findings), now,
    )  # fmt: skip


async def get_review(conn: Connection, *, community_id: UUID, review_id: UUID) -> ReviewRow | None:
    """One review of the community."""
    return await fetch_one(
        conn,
        ReviewRow,
        """
        SELECT community_id, review_id, subject_id, person_id, enrolment_id, template_id, findings, state,
            basis, reason, opened_at, decided_at, reason_code
        FROM face_review WHERE community_id = $1 AND review_id = $2
        """,
        community_id, review_id,
    )  # fmt: skip


async def lock_review(conn: Connection, *, community_id: UUID, review_id: UUID) -> ReviewRow | None:
    """One review of the community, held until the transaction ends."""
    return await fetch_one(
        conn,
        ReviewRow,
        """
        SELECT community_id, review_id, subject_id, person_id, enrolment_id, template_id, findings, state,
            basis, reason, opened_at, decided_at, reason_code
        FROM face_review WHERE community_id = $1 AND review_id = $2 FOR NO KEY UPDATE
        """,
        community_id, review_id,
    )  # fmt: skip


async def list_pending(
    conn: Connection, *, community_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[ReviewRow]:
    """The community's open reviews, the longest waiting first, after the given (opened_at, review_id)."""
    opened, review = after or (None, None)
    return await fetch_all(
        conn,
        ReviewRow,
        """
        SELECT community_id, review_id, subject_id, person_id, enrolment_id, template_id, findings, state, basis,
            reason, opened_at, decided_at, reason_code
        FROM face_review
        WHERE community_id = $1 AND state = 'pending'
            AND ($2::timestamptz IS NULL OR (opened_at, review_id) > ($2, $3::uuid))
        ORDER BY opened_at, review_id LIMIT $4
        """,
        community_id, opened, review, limit,
    )  # fmt: skip


async def list_reviews_of_person(conn: Connection, *, person_id: UUID) -> list[ReviewRow]:
    """The person's reviews, the newest first: in his scope all, in a community's scope that one's."""
    return await fetch_all(
        conn,
        ReviewRow,
        """
        SELECT community_id, review_id, subject_id, person_id, enrolment_id, template_id, findings, state,
            basis, reason, opened_at, decided_at, reason_code
        FROM face_review WHERE person_id = $1 ORDER BY opened_at DESC, review_id
        """,
        person_id,
    )


async def list_shown(conn: Connection, *, community_id: UUID, review_ids: Sequence[UUID]) -> list[ShownRow]:
    """Names and photographs of these reviews; photographs only while a review waits."""
    return await fetch_all(
        conn,
        ShownRow,
        """
        SELECT r.review_id,
            (SELECT p.name FROM person p WHERE p.person_id = r.person_id) AS name,
            array(
                SELECT slot FROM enrolment_photo ph
                WHERE r.state = 'pending' AND ph.person_id = r.person_id AND ph.enrolment_id = r.enrolment_id
                ORDER BY slot
            ) AS slots,
            (
                SELECT rp.member_id FROM member m
                JOIN register_photo rp ON rp.community_id = $1 AND rp.member_id = m.member_id AND rp.gone_at IS NULL
                WHERE m.community_id = $1 AND m.person_id = r.person_id ORDER BY rp.kept_at DESC LIMIT 1
            ) AS register_photo_of
        FROM face_review r WHERE r.community_id = $1 AND r.review_id = ANY ($2)
        """,
        community_id, list(review_ids),
    )  # fmt: skip


async def list_alike(conn: Connection, *, community_id: UUID, subject_ids: Sequence[UUID]) -> list[AlikeRow]:
    """What staff are shown of these subjects beside a face that is like theirs."""
    return await fetch_all(
        conn,
        AlikeRow,
        """
        SELECT s.subject_id, p.name, r.review_id,
            array(
                SELECT slot FROM enrolment_photo ph
                WHERE ph.person_id = r.person_id AND ph.enrolment_id = r.enrolment_id ORDER BY slot
            ) AS slots,
            (
                SELECT rp.member_id FROM member m
                JOIN register_photo rp ON rp.community_id = $1 AND rp.member_id = m.member_id AND rp.gone_at IS NULL
                WHERE m.community_id = $1 AND m.person_id = s.person_id ORDER BY rp.kept_at DESC LIMIT 1
            ) AS register_photo_of
        FROM subject s
        JOIN person p USING (person_id)
        LEFT JOIN face_review r ON r.community_id = $1 AND r.subject_id = s.subject_id AND r.state = 'pending'
        WHERE s.community_id = $1 AND s.subject_id = ANY ($2)
        """,
        community_id, list(subject_ids),
    )  # fmt: skip


async def list_waiting_sealed(conn: Connection, *, community_id: UUID, besides: UUID, limit: int) -> list[SealedRow]:
    """Templates of other subjects that wait for a decision as well, the newest first."""
    return await fetch_all(
        conn,
        SealedRow,
        """
        SELECT r.subject_id, t.person_id, t.template_id, t.pack, t.sealed
        FROM face_review r JOIN template t ON t.person_id = r.person_id AND t.template_id = r.template_id
        WHERE r.community_id = $1 AND r.state = 'pending' AND r.subject_id <> $2
        ORDER BY r.opened_at DESC LIMIT $3
        """,
        community_id, besides, limit,
    )  # fmt: skip


async def add_finding(conn: Connection, *, community_id: UUID, review_id: UUID, finding: str) -> None:
    """Note what was found after the review was opened."""
    await conn.execute(
        """
        UPDATE face_review SET findings = array_append(findings, $3)
        WHERE community_id = $1 AND review_id = $2 AND NOT $3 = ANY (findings)
        """,
        community_id, review_id, finding,
    )  # fmt: skip


async def decide(
    conn: Connection,
    *,
    community_id: UUID,
    review_id: UUID,
    state: ReviewState,
    basis: Basis | None,
    reason_code: str | None,
    reason: str | None,
    decided_by: UUID,
    now: datetime,
) -> None:
    """Close a review."""
    await conn.execute(
        """
        UPDATE face_review
        SET state = $3, basis = $4, reason_code = $5, reason = $6, decided_by = $7, decided_at = $8
        WHERE community_id = $1 AND review_id = $2
        """,
        community_id, review_id, state, basis, reason_code, reason, decided_by, now,
    )  # fmt: skip
