"""The key hierarchy: master key → a community's or authority's key → a person's key → his photos and templates."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.keys import repository
from backend.keys.errors import KeyDestroyed, KeyMissing
from backend.keys.wrapping import KeyWrapper
from backend.kit.crypto import new_key, open_sealed, seal
from backend.kit.db import Connection, Database, Scope

__all__ = ["Keys", "SigningKey"]


class SigningKey(msgspec.Struct, frozen=True):
    """A key pair: its id, and 32 raw bytes each of the private seed and the public key."""

    kid: str
    seed: bytes
    public_key: bytes

    @property
    def private(self) -> Ed25519PrivateKey:
        """The private half, ready to sign."""
        return Ed25519PrivateKey.from_private_bytes(self.seed)


class Keys:
    """Reads, makes and destroys keys.

    Its database is not the data's, so nothing here shares a transaction with the data. A key is therefore made before
    the first row that needs it and destroyed after the last: a crash between the two leaves an unused key, never data
    that cannot be read or that should no longer be readable.
    """

    def __init__(self, database: Database, wrapper: KeyWrapper) -> None:
        """Work over the key store's database and the service that holds the master key."""
        self._db = database
        self._wrapper = wrapper
        # Wrapping keys of communities and authorities, unwrapped once a process: 59 of them, not 133,000.
        self._owners: dict[tuple[UUID, int], bytes] = {}
        self._signing: dict[tuple[str, UUID | None], tuple[SigningKey, ...]] = {}

    async def ensure_person_key(self, person_id: UUID, *, owner_id: UUID) -> bytes:
        """The person's key, made and wrapped by ``owner_id``'s (his community or authority) where there is none.

        Raises:
            KeyDestroyed: he was erased.
        """
        async with self._db.transaction(Scope()) as conn:
            if await repository.was_destroyed(conn, person_id=person_id):
                raise KeyDestroyed
            row = await repository.get_person_key(conn, person_id=person_id)
            if row is None:
                version, owner_key = await self._ensure_owner(conn, owner_id)
                await repository.insert_person_key(
                    conn,
                    person_id=person_id,
                    owner_id=owner_id,
                    owner_version=version,
                    wrapped=seal(owner_key, new_key(), bound_to=f"person-key/{person_id}"),
                )
                row = await repository.get_person_key(conn, person_id=person_id)
            if row is None:
                raise KeyMissing
            return await self._open_person(conn, row)

    async def person_key(self, person_id: UUID) -> bytes:
        """The person's key.

        Raises:
            KeyMissing: he has none.
            KeyDestroyed: he was erased.
        """
        async with self._db.transaction(Scope(), read_only=True) as conn:
            row = await repository.get_person_key(conn, person_id=person_id)
            if row is not None:
                return await self._open_person(conn, row)
            if await repository.was_destroyed(conn, person_id=person_id):
                raise KeyDestroyed
            raise KeyMissing

    async def person_keys(self, person_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """The keys of those people who have one; one statement, however many they are."""
        async with self._db.transaction(Scope(), read_only=True) as conn:
            rows = await repository.list_person_keys(conn, person_ids=list(person_ids))
            return {row.person_id: await self._open_person(conn, row) for row in rows}

    async def destroy_person_key(self, person_id: UUID) -> datetime:
        """Destroy the person's key, so that all he ever had sealed is noise; answers when. Repeating is harmless."""
        async with self._db.transaction(Scope()) as conn:
            return await repository.delete_person_key(conn, person_id=person_id)

    async def readmit(self, person_id: UUID) -> None:
        """Let a person whose key was destroyed have a new one: he has consented again. No error where none was.

        What the old key sealed stays unreadable. That a restored backup must be purged of the old key is remembered
        by his erasure.
        """
        async with self._db.transaction(Scope()) as conn:
            await repository.delete_destroyed(conn, person_id=person_id)

    async def jwt_keys(self) -> tuple[SigningKey, ...]:
        """The keys for access tokens, the current one first; made at the first call of a deployment."""
        return await self._signing_keys("jwt", None)

    async def head_keys(self, community_id: UUID) -> tuple[SigningKey, ...]:
        """A community's keys for roster heads, the current one first; made at the first call."""
        return await self._signing_keys("head", community_id)

    async def pepper(self) -> bytes:
        """The secret that keys hashes of codes, tokens and phone numbers, 32 bytes."""
        context = "secret/pepper"
        async with self._db.transaction(Scope()) as conn:
            wrapped = await repository.get_secret(conn, name="pepper")
            if wrapped is None:
                await repository.insert_secret(
                    conn, name="pepper", wrapped=await self._wrapper.wrap(new_key(), context=context)
                )
                wrapped = await repository.get_secret(conn, name="pepper")
        if wrapped is None:
            raise KeyMissing
        return await self._wrapper.unwrap(wrapped, context=context)

    async def _signing_keys(self, purpose: str, owner_id: UUID | None) -> tuple[SigningKey, ...]:
        cached = self._signing.get((purpose, owner_id))
        if cached is not None:
            return cached
        async with self._db.transaction(Scope()) as conn:
            rows = await repository.list_signing_keys(conn, purpose=purpose, owner_id=owner_id)
            if not rows:
                fresh = Ed25519PrivateKey.generate()
                public = fresh.public_key().public_bytes_raw()
                kid = f"{purpose}-{public[:6].hex()}"
                await repository.insert_signing_key(
                    conn,
                    kid=kid,
                    purpose=purpose,
                    owner_id=owner_id,
                    public_key=public,
                    wrapped=await self._wrapper.wrap(fresh.private_bytes_raw(), context=f"signing-key/{kid}"),
                )
                rows = await repository.list_signing_keys(conn, purpose=purpose, owner_id=owner_id)
        keys = tuple(
            [
                SigningKey(
                    kid=row.kid,
                    seed=await self._wrapper.unwrap(row.wrapped, context=f"signing-key/{row.kid}"),
                    public_key=row.public_key,
                )
                for row in rows
            ]
        )
        self._signing[purpose, owner_id] = keys
        return keys

    async def _ensure_owner(self, conn: Connection, owner_id: UUID) -> tuple[int, bytes]:
        row = await repository.get_wrapping_key(conn, owner_id=owner_id)
        if row is None:
            wrapped = await self._wrapper.wrap(new_key(), context=f"wrapping-key/{owner_id}/1")
            await repository.insert_wrapping_key(conn, owner_id=owner_id, wrapped=wrapped)
            row = await repository.get_wrapping_key(conn, owner_id=owner_id)
        if row is None:
            raise KeyMissing
        return row.version, await self._open_owner(row)

    async def _open_owner(self, row: repository.WrappingKeyRow) -> bytes:
        known = self._owners.get((row.owner_id, row.version))
        if known is None:
            known = await self._wrapper.unwrap(row.wrapped, context=f"wrapping-key/{row.owner_id}/{row.version}")
            self._owners[row.owner_id, row.version] = known
        return known

    async def _open_person(self, conn: Connection, row: repository.PersonKeyRow) -> bytes:
        owner = self._owners.get((row.owner_id, row.owner_version))
        if owner is None:
            found = await repository.get_wrapping_key(conn, owner_id=row.owner_id, version=row.owner_version)
            if found is None:
                raise KeyMissing
            owner = await self._open_owner(found)
        return open_sealed(owner, row.wrapped, bound_to=f"person-key/{row.person_id}")
