"""The key hierarchy: master key → a community's or authority's key → a person's key → his photos and templates."""

import contextlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.keys import repository
from backend.keys.cache import HELD_SECONDS, KeyCache
from backend.keys.errors import KeyDestroyed, KeyMissing, KeyServiceUnavailable
from backend.keys.signing import repository as signing
from backend.keys.wrapping import KeyWrapper
from backend.kit.crypto import new_key, open_sealed, seal
from backend.kit.db import Connection, Database, Scope

__all__ = ["Keys", "SigningKey", "is_fresh", "open_person_key", "owner_context", "wrap_person_key"]

_DAY_S = 86_400.0
# A rotation would have to end between two statements as often.
_TRIES = 5


class SigningKey(msgspec.Struct, frozen=True):
    """A key pair: its id, and 32 raw bytes each of the private seed and the public key.

    A key for heads that took another's place (``by_kid``) signs from ``from_us`` on (microseconds since the Unix epoch)
    and has that one's signature for it. ``retired_at`` is when the next one begins.
    """

    kid: str
    seed: bytes
    public_key: bytes
    by_kid: str | None = None
    from_us: int = 0
    endorsement: bytes | None = None
    retired_at: datetime | None = None

    @property
    def private(self) -> Ed25519PrivateKey:
        """The private half, ready to sign."""
        return Ed25519PrivateKey.from_private_bytes(self.seed)


async def is_fresh(database: Database) -> bool:
    """Whether this key store has never been used, so that a master key may still be chosen for it."""
    async with database.transaction(Scope(), read_only=True) as conn:
        return await repository.get_secret(conn, name="pepper") is None


class Keys:
    """Reads, makes and destroys keys.

    Its database is not the data's, so nothing here shares a transaction with the data. A key is therefore made before
    the first row that needs it and destroyed after the last: a crash between the two leaves an unused key, never data
    that cannot be read or that should no longer be readable.
    """

    def __init__(self, database: Database, wrapper: KeyWrapper, *, held_s: float = HELD_SECONDS) -> None:
        """Work over the key store's database and the service that holds the master key.

        Unwrapped keys of communities and signing keys are held for ``held_s`` seconds. People's keys never are: one
        that was destroyed is in no process's memory but where it is being used at that moment.
        """
        self.db = database
        self.wrapper = wrapper
        self._owners: KeyCache[tuple[UUID, int], bytes] = KeyCache(seconds=held_s)
        self._signing: KeyCache[tuple[str, UUID | None], tuple[SigningKey, ...]] = KeyCache(seconds=held_s)
        # Answered where the key service is away when it is time to ask again: these keys are never taken back silently,
        # and gates must hear of revocations during its outage.
        self._last_signing: KeyCache[tuple[str, UUID | None], tuple[SigningKey, ...]] = KeyCache(seconds=_DAY_S)

    async def ensure_person_key(self, person_id: UUID, *, owner_id: UUID) -> bytes:
        """The person's key, made and wrapped by ``owner_id``'s (his community or authority) where there is none.

        Raises:
            KeyDestroyed: he was erased.
            KeyServiceUnavailable: the key service does not answer.
        """
        for _ in range(_TRIES):
            found = await self._find_person_key(person_id)
            if found is not None:
                return found
            # Outside the transaction: the key service may take its time.
            version, owner_key = await self._newest_owner_key(owner_id)
            wrapped = wrap_person_key(owner_key, new_key(), person_id=person_id)
            # A rotation that has just ended took the version with it: begin again with the newest.
            with contextlib.suppress(asyncpg.ForeignKeyViolationError):
                await self._insert_person_key(person_id, owner_id, version, wrapped)
        raise KeyMissing

    async def person_key(self, person_id: UUID) -> bytes:
        """The person's key.

        Raises:
            KeyMissing: he has none.
            KeyDestroyed: he was erased.
            KeyServiceUnavailable: the key service does not answer.
        """
        found = await self._find_person_key(person_id)
        if found is None:
            raise KeyMissing
        return found

    async def person_keys(self, person_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """The keys of those people who have one; one statement, however many they are.

        Raises:
            KeyServiceUnavailable: the key service does not answer.
        """
        # One snapshot for both statements: a rotation between them takes the old version away.
        async with self.db.transaction(Scope(), isolation="REPEATABLE READ", read_only=True) as conn:
            rows = await repository.list_person_keys(conn, person_ids=list(person_ids))
            owners = await self._owners_of(conn, rows)
        opened = {key: await self.owner_key(row) for key, row in owners.items()}
        return {
            row.person_id: open_person_key(
                opened[row.owner_id, row.owner_version], row.wrapped, person_id=row.person_id
            )
            for row in rows
        }

    async def destroy_person_key(self, person_id: UUID) -> datetime:
        """Destroy the person's key, so that all he ever had sealed is noise; answers when. Repeating is harmless."""
        async with self.db.transaction(Scope()) as conn:
            await repository.lock_people(conn, person_ids=[person_id])
            at = await repository.delete_person_keys(conn, person_ids=[person_id])
        return at[person_id]

    async def destroy_person_keys(self, person_ids: Sequence[UUID]) -> None:
        """The same for many people, all or none; repeating is harmless."""
        async with self.db.transaction(Scope()) as conn:
            # In one order for everybody who takes several.
            await repository.lock_people(conn, person_ids=sorted(person_ids))
            await repository.delete_person_keys(conn, person_ids=person_ids)

    async def readmit(self, person_id: UUID) -> None:
        """Let a person whose key was destroyed have a new one: he has consented again. No error where none was.

        What the old key sealed stays unreadable. That a restored backup must be purged of the old key is remembered
        by its tombstone.
        """
        async with self.db.transaction(Scope()) as conn:
            await repository.delete_destroyed(conn, person_id=person_id)

    async def tombstones(self) -> list[repository.TombstoneRow]:
        """Every destruction of a key, the oldest first: for a copy of this key store that does not know them yet."""
        async with self.db.transaction(Scope(), read_only=True) as conn:
            return await repository.list_tombstones(conn)

    async def bury(self, tombstones: Sequence[repository.TombstoneRow]) -> int:
        """Destroy again the keys that are older than their person's tombstone; how many a restored backup had."""
        async with self.db.transaction(Scope()) as conn:
            await repository.insert_tombstones(conn, tombstones=tombstones)
            return await repository.delete_buried_keys(conn)

    async def jwt_keys(self) -> tuple[SigningKey, ...]:
        """The keys for access tokens, the newest first; made at the first call of a deployment.

        The newest may be announced only; :func:`backend.keys.signing.tokens.signing_at` says which one signs.
        """
        return await self._signing_keys("jwt", None)

    async def head_keys(self, community_id: UUID) -> tuple[SigningKey, ...]:
        """A community's keys for roster heads, the newest first; made at the first call.

        The newest may be announced only; :func:`backend.keys.signing.succession.signing_at` says which one signs.
        """
        return await self._signing_keys("head", community_id)

    async def certificate_keys(self) -> tuple[SigningKey, ...]:
        """Keys for certificates of erasure, the current one first, retired ones after it; made at the first call."""
        return await self._signing_keys("certificate", None)

    async def audit_keys(self) -> tuple[SigningKey, ...]:
        """Keys for the heads of audit trails, the current one first, retired ones after it; made at the first call."""
        return await self._signing_keys("audit", None)

    async def pepper(self) -> bytes:
        """The secret that keys hashes of codes, tokens and phone numbers, 32 bytes."""
        context = "secret/pepper"
        wrapped = await self._secret("pepper")
        if wrapped is None:
            fresh = await self.wrapper.wrap(new_key(), context=context)
            async with self.db.transaction(Scope()) as conn:
                await repository.insert_secret(conn, name="pepper", wrapped=fresh)
            wrapped = await self._secret("pepper")
        if wrapped is None:
            raise KeyMissing
        return await self.wrapper.unwrap(wrapped, context=context)

    async def owner_key(self, row: repository.WrappingKeyRow) -> bytes:
        """A community's or authority's key, unwrapped; held for a while.

        Raises:
            WrappingRefused: it was wrapped by another master key.
            KeyServiceUnavailable: the key service does not answer.
        """
        known = self._owners.get((row.owner_id, row.version))
        if known is None:
            known = await self.wrapper.unwrap(row.wrapped, context=owner_context(row.owner_id, row.version))
            self._owners.put((row.owner_id, row.version), known)
        return known

    def forget_owner_key(self, owner_id: UUID, version: int) -> None:
        """Let go of a key that was destroyed; other processes do when its time is over."""
        self._owners.discard((owner_id, version))

    async def close(self) -> None:
        """Let go of every key, and of the key service."""
        for held in (self._owners, self._signing, self._last_signing):
            held.clear()
        await self.wrapper.close()

    async def _find_person_key(self, person_id: UUID) -> bytes | None:
        async with self.db.transaction(Scope(), isolation="REPEATABLE READ", read_only=True) as conn:
            row = await repository.get_person_key(conn, person_id=person_id)
            if row is None:
                if await repository.was_destroyed(conn, person_id=person_id):
                    raise KeyDestroyed
                return None
            owners = await self._owners_of(conn, [row])
        owner = await self.owner_key(owners[row.owner_id, row.owner_version])
        return open_person_key(owner, row.wrapped, person_id=person_id)

    async def _insert_person_key(self, person_id: UUID, owner_id: UUID, version: int, wrapped: bytes) -> None:
        async with self.db.transaction(Scope()) as conn:
            await repository.lock_people(conn, person_ids=[person_id])
            if await repository.was_destroyed(conn, person_id=person_id):
                raise KeyDestroyed
            await repository.insert_person_key(
                conn, person_id=person_id, owner_id=owner_id, owner_version=version, wrapped=wrapped
            )

    async def _owners_of(
        self, conn: Connection, rows: Sequence[repository.PersonKeyRow]
    ) -> dict[tuple[UUID, int], repository.WrappingKeyRow]:
        """The wrapping keys that these need, still wrapped."""
        found = {}
        for owner_id, version in {(row.owner_id, row.owner_version) for row in rows}:
            row = await repository.get_wrapping_key(conn, owner_id=owner_id, version=version)
            if row is None:
                raise KeyMissing
            found[owner_id, version] = row
        return found

    async def _newest_owner_key(self, owner_id: UUID) -> tuple[int, bytes]:
        row = await self._owner_row(owner_id)
        if row is None:
            wrapped = await self.wrapper.wrap(new_key(), context=owner_context(owner_id, 1))
            async with self.db.transaction(Scope()) as conn:
                await repository.insert_wrapping_key(conn, owner_id=owner_id, version=1, wrapped=wrapped)
            row = await self._owner_row(owner_id)
        if row is None:
            raise KeyMissing
        return row.version, await self.owner_key(row)

    async def _owner_row(self, owner_id: UUID) -> repository.WrappingKeyRow | None:
        async with self.db.transaction(Scope(), read_only=True) as conn:
            return await repository.get_wrapping_key(conn, owner_id=owner_id)

    async def _secret(self, name: str) -> bytes | None:
        async with self.db.transaction(Scope(), read_only=True) as conn:
            return await repository.get_secret(conn, name=name)

    async def _signing_keys(self, purpose: str, owner_id: UUID | None) -> tuple[SigningKey, ...]:
        known = self._signing.get((purpose, owner_id))
        if known is not None:
            return known
        try:
            keys = await self._open_signing_keys(purpose, owner_id)
        except KeyServiceUnavailable:
            last = self._last_signing.get((purpose, owner_id))
            if last is None:
                raise
            return last
        self._signing.put((purpose, owner_id), keys)
        self._last_signing.put((purpose, owner_id), keys)
        return keys

    async def _open_signing_keys(self, purpose: str, owner_id: UUID | None) -> tuple[SigningKey, ...]:
        rows = await self._signing_rows(purpose, owner_id)
        if not rows:
            fresh = Ed25519PrivateKey.generate()
            public = fresh.public_key().public_bytes_raw()
            kid = f"{purpose}-{public[:6].hex()}"
            wrapped = await self.wrapper.wrap(fresh.private_bytes_raw(), context=f"signing-key/{kid}")
            async with self.db.transaction(Scope()) as conn:
                await signing.insert_signing_key(
                    conn, kid=kid, purpose=purpose, owner_id=owner_id, public_key=public, wrapped=wrapped
                )
            rows = await self._signing_rows(purpose, owner_id)
        return await self.open_signing(rows)

    async def open_signing(self, rows: Sequence[signing.SigningKeyRow]) -> tuple[SigningKey, ...]:
        """Signing keys, unwrapped.

        Raises:
            WrappingRefused: one was wrapped by another master key.
            KeyServiceUnavailable: the key service does not answer.
        """
        return tuple(
            [
                SigningKey(
                    kid=row.kid,
                    seed=await self.wrapper.unwrap(row.wrapped, context=f"signing-key/{row.kid}"),
                    public_key=row.public_key,
                    by_kid=row.by_kid,
                    from_us=0 if row.signs_from is None else int(row.signs_from.timestamp()) * 1_000_000,
                    endorsement=row.endorsement,
                    retired_at=row.retired_at,
                )
                for row in rows
            ]
        )

    def forget_signing_keys(self, purpose: str, owner_id: UUID | None) -> None:
        """Read them anew at the next use: there is another one."""
        self._signing.discard((purpose, owner_id))

    async def _signing_rows(self, purpose: str, owner_id: UUID | None) -> list[signing.SigningKeyRow]:
        async with self.db.transaction(Scope(), read_only=True) as conn:
            return await signing.list_signing_keys(conn, purpose=purpose, owner_id=owner_id)


def owner_context(owner_id: UUID, version: int) -> str:
    """What the wrapping of an owner's key is bound to."""
    return f"wrapping-key/{owner_id}/{version}"


def wrap_person_key(owner_key: bytes, key: bytes, *, person_id: UUID) -> bytes:
    """A person's key under his owner's; 60 bytes."""
    return seal(owner_key, key, bound_to=f"person-key/{person_id}")


def open_person_key(owner_key: bytes, wrapped: bytes, *, person_id: UUID) -> bytes:
    """A person's key.

    Raises:
        SealBroken: another's, changed, or under another owner's key.
    """
    return open_sealed(owner_key, wrapped, bound_to=f"person-key/{person_id}")
