"""A community's heads get another signing key: the present one signs for it, and gates follow by that."""

from datetime import datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.keys.cache import HELD_SECONDS
from backend.keys.errors import KeyMissing
from backend.keys.service import Keys, SigningKey
from backend.keys.signing import repository
from backend.kit.db import Scope
from gate_sdk.wire import ServerKey, endorse_key

__all__ = ["ANNOUNCED", "announce", "list_signers", "server_keys", "signing_at"]

#: From the announcement to the first head that the new key signs. Until then every process has read the keys anew: one
#: that still signed with the old key would be refused by gates that have seen the new one.
ANNOUNCED = timedelta(seconds=HELD_SECONDS) + timedelta(minutes=5)


def signing_at(keys: tuple[SigningKey, ...], now: datetime) -> SigningKey:
    """The key that signs a community's heads at that time, of all of its keys, the newest first."""
    now_us = _microseconds(now)
    return next((key for key in keys if key.from_us <= now_us), keys[-1])


def server_keys(keys: tuple[SigningKey, ...]) -> tuple[ServerKey, ...]:
    """The public halves as gates take them: each with whose place it takes, and that one's signature."""
    return tuple(
        ServerKey(kid=key.kid, public_key=key.public_key, by=key.by_kid, from_us=key.from_us, signature=key.endorsement)
        for key in keys
    )


async def list_signers(keys: Keys) -> list[UUID]:
    """Communities whose heads were ever signed."""
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        return await repository.list_signers(conn)


async def announce(keys: Keys, *, community_id: UUID, now: datetime) -> SigningKey:
    """Give the community's heads another key, which signs from :data:`ANNOUNCED` on; answers it.

    One that was announced and does not sign yet is answered again: repeating changes nothing.

    Raises:
        KeyMissing: nothing was ever signed for this community.
        KeyServiceUnavailable: the key service does not answer.
    """
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        rows = await repository.list_signing_keys(conn, purpose="head", owner_id=community_id)
    if not rows:
        raise KeyMissing
    # Of the key store as it is: what this process holds may be older.
    present, *_ = await keys.open_signing(rows[:1])
    if present.from_us > _microseconds(now):
        return present
    fresh = Ed25519PrivateKey.generate()
    public = fresh.public_key().public_bytes_raw()
    signs_from = now.replace(microsecond=0) + ANNOUNCED
    kid = f"head-{public[:6].hex()}"
    named = endorse_key(
        ServerKey(kid=kid, public_key=public, from_us=_microseconds(signs_from)),
        community=community_id,
        by=present.kid,
        key=present.private,
    )
    wrapped = await keys.wrapper.wrap(fresh.private_bytes_raw(), context=f"signing-key/{kid}")
    async with keys.db.transaction(Scope()) as conn:
        # Whoever comes second finds the key retired, and nothing happens.
        await repository.succeed_signing_key(
            conn,
            row=repository.SigningKeyRow(
                kid=kid,
                public_key=public,
                wrapped=wrapped,
                by_kid=present.kid,
                signs_from=signs_from,
                endorsement=named.signature,
            ),
            owner_id=community_id,
        )
        rows = await repository.list_signing_keys(conn, purpose="head", owner_id=community_id)
    keys.forget_signing_keys("head", community_id)
    newest, *_ = await keys.open_signing(rows[:1])
    return newest


def _microseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond
