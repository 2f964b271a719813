"""SQL of the gallery: which embeddings are searchable in a community. Always in the community's scope."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import numpy as np

from backend.access.repository import roster_hold
from backend.kit.db import Connection, affected, fetch_all, require_one

__all__ = [
    "NeighbourRow",
    "NewGalleryRow",
    "SealedRow",
    "delete_stale",
    "ensure_partition",
    "insert_rows",
    "is_complete",
    "list_communities",
    "list_missing",
    "list_near",
    "list_sealed",
    "list_templates",
    "nearest",
    "put_row",
]


class SealedRow(msgspec.Struct, frozen=True):
    """A subject's active template as ciphertext under his person's key."""

    subject_id: UUID
    person_id: UUID
    template_id: UUID
    pack: str
    sealed: bytes


class NewGalleryRow(msgspec.Struct, frozen=True):
    """A row to be made; ``template`` is float16, little-endian."""

    subject_id: UUID
    template_id: UUID
    template: bytes


class NeighbourRow(msgspec.Struct, frozen=True):
    """The other subject whose template is most like a probe, and how much (cosine)."""

    subject_id: UUID
    score: float


class _Template(msgspec.Struct, frozen=True):
    subject_id: UUID
    sent: bytes


class _Id(msgspec.Struct, frozen=True):
    id: UUID


class _Flag(msgspec.Struct, frozen=True):
    yes: bool


# pgvector's binary form: number of dimensions and a reserved field, two bytes each, then big-endian float16.
_HEADER = np.dtype(">u2")
_SENT = np.dtype(">f2")
_STORED = np.dtype("<f2")


async def ensure_partition(conn: Connection) -> None:
    """Make the community's partition where there is none; best in a transaction of its own."""
    await conn.execute("SELECT gallery_ensure()")


async def put_row(
    conn: Connection, *, community_id: UUID, subject_id: UUID, template_id: UUID, pack: str, template: bytes
) -> None:
    """The subject's row of that pack, in place of one that was there; none while he has his face left out of use.

    ``template`` is float16, little-endian. Rows of packs that his credential no longer names are a trigger's to remove.
    """
    await conn.execute(
        """
        INSERT INTO gallery (community_id, pack, subject_id, template_id, embedding)
        SELECT $1, $2, $3, $4, $5::text::halfvec
        WHERE NOT EXISTS (SELECT FROM face_restriction r WHERE r.community_id = $1 AND r.subject_id = $3)
        ON CONFLICT (community_id, pack, subject_id)
        DO UPDATE SET template_id = excluded.template_id, embedding = excluded.embedding
        """,
        community_id, pack, subject_id, template_id, _text(np.frombuffer(template, _STORED).tolist()),
    )  # fmt: skip


async def insert_rows(conn: Connection, *, community_id: UUID, rows: Sequence[NewGalleryRow]) -> int:
    """Many rows at once; those whose credential has gone or changed meanwhile are left out. How many were made.

    The roster is held: a credential that is dropped at this moment was dropped before, or is after this transaction and
    takes the row along. Not COPY, which PostgreSQL refuses on tables with row-level security.
    """
    await roster_hold(conn)
    await conn.set_type_codec("halfvec", schema="public", encoder=_encode, decoder=_decode, format="binary")
    done: str = await conn.execute(
        """
        INSERT INTO gallery (community_id, pack, subject_id, template_id, embedding)
        SELECT $1, fc.pack, fc.subject_id, fc.template_id, n.embedding
        FROM unnest($2::uuid[], $3::uuid[], $4::halfvec[]) AS n (subject_id, template_id, embedding)
        JOIN face_in_use fc
            ON fc.community_id = $1 AND fc.subject_id = n.subject_id AND fc.template_id = n.template_id
        WHERE NOT EXISTS (
            SELECT FROM face_restriction r WHERE r.community_id = $1 AND r.subject_id = n.subject_id
        )
        ON CONFLICT DO NOTHING
        """,
        community_id,
        [row.subject_id for row in rows],
        [row.template_id for row in rows],
        [row.template for row in rows],
    )
    return affected(done)


async def delete_stale(conn: Connection, *, community_id: UUID) -> None:
    """Delete rows that no credential asks for."""
    await conn.execute(
        """
        DELETE FROM gallery g WHERE g.community_id = $1 AND NOT EXISTS (
            SELECT FROM face_in_use fc
            WHERE fc.community_id = $1 AND fc.subject_id = g.subject_id
                AND fc.template_id = g.template_id AND fc.pack = g.pack
        )
        """,
        community_id,
    )


async def is_complete(conn: Connection, *, community_id: UUID) -> bool:
    """Whether every credential of the community has its row, but for those that are restricted."""
    # Here and in `list_missing` a subquery asks the gallery, which the planner carries out by the primary key. As
    # NOT EXISTS it may be joined, and with statistics of the empty gallery that was 7 s at 10,000 people.
    row = await require_one(
        conn,
        _Flag,
        """
        SELECT NOT EXISTS (
            SELECT FROM face_in_use fc WHERE fc.community_id = $1 AND (
                SELECT g.template_id FROM gallery g
                WHERE g.community_id = $1 AND g.pack = fc.pack AND g.subject_id = fc.subject_id
            ) IS DISTINCT FROM fc.template_id AND NOT EXISTS (
                SELECT FROM face_restriction r WHERE r.community_id = $1 AND r.subject_id = fc.subject_id
            )
        ) AS yes
        """,
        community_id,
    )
    return row.yes


async def list_missing(
    conn: Connection, *, community_id: UUID, after: tuple[UUID, UUID], limit: int
) -> list[SealedRow]:
    """Active templates that have no row and should, after (subject, template), in that order."""
    return await fetch_all(
        conn,
        SealedRow,
        """
        SELECT fc.subject_id, t.person_id, fc.template_id, fc.pack, t.sealed
        FROM face_in_use fc
        JOIN subject s ON s.community_id = fc.community_id AND s.subject_id = fc.subject_id
        JOIN template t ON t.person_id = s.person_id AND t.template_id = fc.template_id
        WHERE fc.community_id = $1 AND (fc.subject_id, fc.template_id) > ($2, $3) AND (
            SELECT g.template_id FROM gallery g
            WHERE g.community_id = $1 AND g.pack = fc.pack AND g.subject_id = fc.subject_id
        ) IS NULL AND NOT EXISTS (
            SELECT FROM face_restriction r WHERE r.community_id = $1 AND r.subject_id = fc.subject_id
        )
        ORDER BY fc.subject_id, fc.template_id LIMIT $4
        """,
        community_id, *after, limit,
    )  # fmt: skip


async def list_sealed(
    conn: Connection, *, community_id: UUID, pack: str, subject_ids: Sequence[UUID]
) -> list[SealedRow]:
    """Active templates of these subjects as ciphertext."""
    return await fetch_all(
        conn,
        SealedRow,
        """
        SELECT fc.subject_id, t.person_id, fc.template_id, fc.pack, t.sealed
        FROM face_in_use fc
        JOIN subject s ON s.community_id = fc.community_id AND s.subject_id = fc.subject_id
        JOIN template t ON t.person_id = s.person_id AND t.template_id = fc.template_id
        WHERE fc.community_id = $1 AND fc.pack = $2 AND fc.subject_id = ANY ($3)
        """,
        community_id, pack, list(subject_ids),
    )  # fmt: skip


async def list_templates(
    conn: Connection, *, community_id: UUID, pack: str, subject_ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """Templates of these subjects, float16, little-endian; those without a row are missing."""
    # By the table, not by `face_in_use`: with no statistics yet, after a restore or a large import, the planner would
    # read all of that view for each subject, which took 7 s for a page that takes 5 ms.
    rows = await fetch_all(
        conn,
        _Template,
        """
        SELECT g.subject_id, halfvec_send(g.embedding) AS sent
        FROM gallery g JOIN face_credential fc USING (community_id, subject_id)
        WHERE g.community_id = $1 AND g.pack = $2 AND g.subject_id = ANY ($3)
            AND g.template_id IN (fc.template_id, fc.next_template_id)
        """,
        community_id, pack, list(subject_ids),
    )  # fmt: skip
    return {row.subject_id: _decode(row.sent) for row in rows}


async def nearest(
    conn: Connection, *, community_id: UUID, pack: str, besides: UUID, probes: Sequence[Sequence[float]]
) -> list[NeighbourRow]:
    """For each unit vector the most similar other subject, by exact search; none where the gallery has no other."""
    return await fetch_all(
        conn,
        NeighbourRow,
        """
        SELECT n.subject_id, n.score
        FROM unnest($4::text[]::halfvec[]) WITH ORDINALITY AS p (embedding, probe)
        CROSS JOIN LATERAL (
            SELECT g.subject_id, -(g.embedding <#> p.embedding) AS score
            FROM gallery g
            WHERE g.community_id = $1 AND g.pack = $2 AND g.subject_id <> $3
            ORDER BY g.embedding <#> p.embedding LIMIT 1
        ) n
        ORDER BY p.probe
        """,
        community_id, pack, besides, [_text(probe) for probe in probes],
    )  # fmt: skip


async def list_near(
    conn: Connection,
    *,
    community_id: UUID,
    pack: str,
    besides: UUID,
    probe: Sequence[float],
    at_least: float,
    limit: int,
) -> list[NeighbourRow]:
    """The other subjects most like a unit vector, by exact search, as far as their cosine is at least that."""
    return await fetch_all(
        conn,
        NeighbourRow,
        """
        SELECT g.subject_id, -(g.embedding <#> $4::text::halfvec) AS score FROM gallery g
        WHERE g.community_id = $1 AND g.pack = $2 AND g.subject_id <> $3
            AND -(g.embedding <#> $4::text::halfvec) >= $5
        ORDER BY g.embedding <#> $4::text::halfvec LIMIT $6
        """,
        community_id, pack, besides, _text(probe), at_least, limit,
    )  # fmt: skip


async def list_communities(conn: Connection) -> list[UUID]:
    """Every community. Platform scope."""
    return [row.id for row in await fetch_all(conn, _Id, "SELECT community_id AS id FROM community ORDER BY 1")]


def _text(vector: Sequence[float]) -> str:
    return f"[{','.join(map(repr, vector))}]"


def _encode(template: bytes) -> bytes:
    values = np.frombuffer(template, _STORED)
    return np.array([len(values), 0], _HEADER).tobytes() + values.astype(_SENT).tobytes()


def _decode(sent: bytes) -> bytes:
    return np.frombuffer(sent, _SENT, offset=2 * _HEADER.itemsize).astype(_STORED).tobytes()
