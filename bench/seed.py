"""Communities of any size, put straight into the databases: the bench measures what comes after."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
import msgspec
import numpy as np

from backend.embedded.passwords import KEYS, SUPERUSER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE
from backend.enrolment.sealing import seal_template
from backend.keys.service import Keys, wrap_person_key
from backend.keys.wrapping import FileKeyWrapper
from backend.kit.crypto import new_key
from backend.kit.db import Database, Scope
from bench.recognition import unit_vectors
from gate_sdk.face import DEFAULT_PACK

__all__ = ["Community", "seed"]

_DIMS = 128


class Community(msgspec.Struct, frozen=True):
    """A community with people in it; ``subjects`` and ``people`` in the same order."""

    community_id: UUID
    people: tuple[UUID, ...]
    subjects: tuple[UUID, ...]


async def seed(
    postgres: EmbeddedPostgres, wrapper: FileKeyWrapper, sizes: Sequence[int], *, authority_id: UUID | None = None
) -> list[Community]:
    """One community for each size: people with a key, a sealed template, a grant and a credential.

    The rosters come about by the triggers, as in life; the galleries stay empty, as after a crash.
    """
    superuser = await asyncpg.connect(postgres.url(SUPERUSER))
    key_db = Database(postgres.url(KEYS, KEY_DATABASE))
    await key_db.open()
    try:
        authority = authority_id or uuid4()
        await superuser.execute(
            "INSERT INTO authority (authority_id, name) VALUES ($1, 'Bench') ON CONFLICT DO NOTHING", authority
        )
        keys = Keys(key_db, wrapper)
        return [await _community(superuser, key_db, keys, authority, size, number) for number, size in enumerate(sizes)]
    finally:
        await key_db.close()
        await superuser.close()


async def _community(
    conn: "asyncpg.Connection[asyncpg.Record]", key_db: Database, keys: Keys, authority: UUID, size: int, number: int
) -> Community:
    community = uuid4()
    people, subjects = [uuid4() for _ in range(size)], [uuid4() for _ in range(size)]
    now = datetime.now(UTC)
    templates = [row.tobytes() for row in unit_vectors(size, _DIMS, seed=number + 1).astype("<f2")]
    person_keys = await _person_keys(key_db, keys, community, people)
    ids = [uuid4() for _ in range(size)]
    sealed = [
        seal_template(key, blob, person_id=person, template_id=template_id)
        for key, blob, person, template_id in zip(person_keys, templates, people, ids, strict=True)
    ]
    hashes = [hashlib.sha256(blob).digest() for blob in templates]
    enrolments = [uuid4() for _ in range(size)]
    async with conn.transaction():
        await conn.execute("SELECT set_config('doorward.community', $1, true)", str(community))
        await conn.execute(
            "INSERT INTO community (community_id, authority_id, name, capture_policy) VALUES ($1, $2, $3, 'photos')",
            community, authority, f"Bench {number}",
        )  # fmt: skip
        await conn.execute("INSERT INTO roster_head (community_id) VALUES ($1)", community)
        await _copy(conn, "person", ["person_id", "name"], [(p, "Bench") for p in people])
        await _copy(
            conn, "subject", ["community_id", "subject_id", "person_id"],
            [(community, s, p) for s, p in zip(subjects, people, strict=True)],
        )  # fmt: skip
        await _copy(
            conn, "enrolment",
            ["person_id", "enrolment_id", "pack", "capture_policy", "state", "started_at", "expires_at",
             "completed_at"],
            [
                (p, e, DEFAULT_PACK, "photos", "completed", now, now.replace(year=now.year + 1), now)
                for p, e in zip(people, enrolments, strict=True)
            ],
        )  # fmt: skip
        await _copy(
            conn, "template",
            ["person_id", "template_id", "enrolment_id", "pack", "sealed", "sha256", "accepted", "duplicate_from",
             "made_at"],
            [
                (p, t, e, DEFAULT_PACK, blob, digest, True, np.float32(0.7).item(), now)
                for p, t, e, blob, digest in zip(people, ids, enrolments, sealed, hashes, strict=True)
            ],
        )  # fmt: skip
        await _copy(
            conn, "face_credential", ["community_id", "subject_id", "template_id", "pack", "template_sha256"],
            [(community, s, t, DEFAULT_PACK, h) for s, t, h in zip(subjects, ids, hashes, strict=True)],
        )  # fmt: skip
        await _copy(
            conn, "access_grant",
            ["community_id", "subject_id", "kind", "source", "source_id", "valid_from", "present_from", "state"],
            [(community, s, "resident", "member", uuid4(), now, now, "present") for s in subjects],
        )  # fmt: skip
    return Community(community, tuple(people), tuple(subjects))


async def _person_keys(key_db: Database, keys: Keys, community: UUID, people: Sequence[UUID]) -> list[bytes]:
    """A key for everybody, wrapped as the key service wraps them, in one statement."""
    version, owner = await keys._newest_owner_key(community)  # noqa: SLF001 - one by one would take minutes
    made = [new_key() for _ in people]
    async with key_db.transaction(Scope()) as conn:
        await conn.executemany(
            "INSERT INTO person_key (person_id, owner_id, owner_version, wrapped) VALUES ($1, $2, $3, $4)",
            [
                (person, community, version, wrap_person_key(owner, key, person_id=person))
                for person, key in zip(people, made, strict=True)
            ],
        )
    return made


async def _copy(
    conn: "asyncpg.Connection[asyncpg.Record]", table: str, columns: list[str], rows: Sequence[tuple[object, ...]]
) -> None:
    await conn.copy_records_to_table(table, columns=columns, records=rows)
