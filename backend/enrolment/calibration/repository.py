"""SQL of a community's impostor scores and of the threshold fitted to them. Always in the community's scope."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec

from backend.kit.db import Connection, fetch_all, fetch_one, require_one
from gate_sdk.face.calibrate import CommunityFit

__all__ = [
    "AgeRow",
    "PackRow",
    "ScoreRow",
    "ThresholdRow",
    "add_scores",
    "count_others",
    "delete_threshold",
    "get_age",
    "get_fpir",
    "get_threshold",
    "list_packs",
    "list_scores",
    "put_threshold",
    "set_fpir",
]


class ScoreRow(msgspec.Struct, frozen=True):
    """Probes of one kind of person and age band whose best score against somebody else fell into one bin.

    ``bin`` in hundredths of cosine; ``comparisons`` with how many other people these probes were compared, in sum.
    """

    kind: str
    age_band: str
    bin: int
    count: int
    comparisons: int


class AgeRow(msgspec.Struct, frozen=True):
    """What a community knows of somebody's age: a minor's birth date, or that he is of age."""

    birth_date: date | None
    time_zone: str
    of_age: bool


class PackRow(msgspec.Struct, frozen=True):
    """A model pack by which people of a community are recognised, how many, and what was counted of its scores."""

    pack: str
    people: int
    probes: int


class ThresholdRow(msgspec.Struct, frozen=True):
    """A fit as stored; see :class:`gate_sdk.face.calibrate.CommunityFit`."""

    threshold: float
    estimate: float
    uncertainty: float
    tail_from: float
    exceedances: int
    probes: int
    gallery_size: int
    fpir: float
    fitted_at: datetime


class _Count(msgspec.Struct, frozen=True):
    count: int


class _Fpir(msgspec.Struct, frozen=True):
    fpir: float


async def count_others(conn: Connection, *, community_id: UUID, pack: str, besides: UUID) -> int:
    """How many other people the community's gallery of that pack has at this moment."""
    row = await require_one(
        conn,
        _Count,
        "SELECT count(*) AS count FROM gallery WHERE community_id = $1 AND pack = $2 AND subject_id <> $3",
        community_id, pack, besides,
    )  # fmt: skip
    return row.count


async def get_age(conn: Connection, *, community_id: UUID, subject_id: UUID) -> AgeRow:
    """What the community's register knows of the subject's age."""
    return await require_one(
        conn,
        AgeRow,
        """
        SELECT c.time_zone,
            (
                SELECT max(m.birth_date) FROM minor m WHERE m.community_id = $1 AND m.person_id = s.person_id
            ) AS birth_date,
            EXISTS (
                SELECT FROM member m
                WHERE m.community_id = $1 AND m.person_id = s.person_id AND m.state = 'active'
                    AND (m.of_age OR m.relation = 'tenant')
            ) AS of_age
        FROM subject s JOIN community c USING (community_id)
        WHERE s.community_id = $1 AND s.subject_id = $2
        """,
        community_id, subject_id,
    )  # fmt: skip


async def add_scores(
    conn: Connection,
    *,
    community_id: UUID,
    pack: str,
    kind: str,
    age_band: str,
    bins: Sequence[int],
    comparisons: int,
) -> None:
    """Count each bin once more, as the best of so many comparisons."""
    await conn.execute(
        """
        INSERT INTO impostor_histogram (community_id, pack, kind, age_band, bin, count, comparisons)
        SELECT $1, $2, $3, $4, bin, count(*), $6::bigint * count(*)
        FROM unnest($5::smallint[]) AS bin GROUP BY bin ORDER BY bin
        ON CONFLICT (community_id, pack, kind, age_band, bin) DO UPDATE
        SET count = impostor_histogram.count + excluded.count,
            comparisons = impostor_histogram.comparisons + excluded.comparisons
        """,
        community_id, pack, kind, age_band, list(bins), comparisons,
    )  # fmt: skip


async def list_scores(conn: Connection, *, community_id: UUID, pack: str) -> list[ScoreRow]:
    """All that was counted: at most 201 bins for each kind and band."""
    return await fetch_all(
        conn,
        ScoreRow,
        """
        SELECT kind, age_band, bin, count, comparisons FROM impostor_histogram
        WHERE community_id = $1 AND pack = $2 ORDER BY bin
        """,
        community_id, pack,
    )  # fmt: skip


async def list_packs(conn: Connection, *, community_id: UUID) -> list[PackRow]:
    """The packs of the community's faces, the one of most people first."""
    return await fetch_all(
        conn,
        PackRow,
        """
        SELECT fc.pack, count(*) AS people, coalesce((
            SELECT sum(h.count)::bigint FROM impostor_histogram h WHERE h.community_id = $1 AND h.pack = fc.pack
        ), 0) AS probes
        FROM face_in_use fc WHERE fc.community_id = $1 GROUP BY fc.pack ORDER BY people DESC, fc.pack
        """,
        community_id,
    )


async def get_fpir(conn: Connection, *, community_id: UUID) -> float | None:
    """The false positive identification rate that the community wants; None where there is no such community."""
    row = await fetch_one(conn, _Fpir, "SELECT fpir FROM community WHERE community_id = $1", community_id)
    return None if row is None else row.fpir


async def set_fpir(conn: Connection, *, community_id: UUID, fpir: float) -> None:
    """The false positive identification rate that the community wants from now on."""
    await conn.execute("UPDATE community SET fpir = $2 WHERE community_id = $1", community_id, fpir)


async def get_threshold(conn: Connection, *, community_id: UUID, pack: str) -> ThresholdRow | None:
    """The threshold in force for a pack; None while the pack's own calibration goes."""
    return await fetch_one(
        conn,
        ThresholdRow,
        """
        SELECT threshold, estimate, uncertainty, tail_from, exceedances, probes, gallery_size, fpir, fitted_at
        FROM community_threshold WHERE community_id = $1 AND pack = $2
        """,
        community_id, pack,
    )  # fmt: skip


async def put_threshold(
    conn: Connection, *, community_id: UUID, pack: str, fit: CommunityFit, fitted_at: datetime
) -> None:
    """The threshold from now on, in place of another."""
    await conn.execute(
        """
        INSERT INTO community_threshold (
            community_id, pack, threshold, estimate, uncertainty, tail_from, exceedances, probes, gallery_size, fpir,
            fitted_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (community_id, pack) DO UPDATE
        SET threshold = excluded.threshold, estimate = excluded.estimate, uncertainty = excluded.uncertainty,
            tail_from = excluded.tail_from, exceedances = excluded.exceedances, probes = excluded.probes,
            gallery_size = excluded.gallery_size, fpir = excluded.fpir, fitted_at = excluded.fitted_at
        """,
        community_id, pack, fit.threshold, fit.estimate, fit.uncertainty, fit.tail_from, fit.exceedances, fit.probes,
        fit.gallery_size, fit.fpir, fitted_at,
    )  # fmt: skip


async def delete_threshold(conn: Connection, *, community_id: UUID, pack: str) -> None:
    """The pack's own calibration goes again."""
    await conn.execute("DELETE FROM community_threshold WHERE community_id = $1 AND pack = $2", community_id, pack)
