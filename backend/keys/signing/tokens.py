"""Access tokens get another signing key: accepted before it signs, and the one before while its tokens live."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from backend.keys.service import Keys, SigningKey
from backend.keys.signing import repository
from backend.keys.signing.repository import SigningKeyRow
from backend.kit.auth import ACCESS_TTL, Tokens
from backend.kit.clock import Clock
from backend.kit.db import Scope

__all__ = ["ANNOUNCED", "EVERY_S", "TokenKeys", "accepted_at", "announce", "signing_at"]

_log = structlog.get_logger(__name__)
#: How often a process looks for another key.
EVERY_S = 30.0
#: From the announcement to the first token that the new key signs: by then every process has looked several times. One
#: that had not would refuse the others' tokens.
ANNOUNCED = timedelta(minutes=5)


def signing_at(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """The key that signs at that time, of all, the newest first: each begins where the one before it ends."""
    for newer, older in itertools.pairwise(keys):
        if older.retired_at is not None and older.retired_at <= now:
            return newer
    return keys[-1]


def accepted_at(keys: Sequence[SigningKey], now: datetime) -> list[SigningKey]:
    """The keys whose tokens may still be good, announced ones included."""
    # As long again, for processes whose clocks or looks lag behind.
    return [key for key in keys if key.retired_at is None or now < key.retired_at + ACCESS_TTL + ANNOUNCED]


class TokenKeys:
    """The keys of one process' tokens, as the key store had them last."""

    def __init__(self, keys: Keys) -> None:
        """Nothing is read yet."""
        self._keys = keys
        self._rows: list[SigningKeyRow] = []
        self._opened: tuple[SigningKey, ...] = ()

    async def open(self, *, now: datetime) -> Tokens:
        """Tokens by the present keys; a deployment's first key is made here.

        Raises:
            WrappingRefused, KeyServiceUnavailable: they cannot be opened.
        """
        await self._keys.jwt_keys()
        await self._read()
        current = signing_at(self._opened, now)
        return Tokens(kid=current.kid, key=current.private, accepted=self._public(now))

    async def renew(self, tokens: Tokens, *, now: datetime) -> None:
        """Have them go by what the key store and the time say now.

        Raises:
            DatabaseUnavailable, WrappingRefused, KeyServiceUnavailable: they cannot be read; all stays as it was.
        """
        await self._read()
        current = signing_at(self._opened, now)
        tokens.replace(kid=current.kid, key=current.private, accepted=self._public(now))

    async def keep(self, tokens: Tokens, clock: Clock, *, every_s: float = EVERY_S) -> None:
        """Renew them again and again, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.renew(tokens, now=clock())
            except Exception as error:  # noqa: BLE001 - those that it has serve on
                _log.warning("token-keys-not-read", error=type(error).__name__)

    async def _read(self) -> None:
        async with self._keys.db.transaction(Scope(), read_only=True) as conn:
            rows = await repository.list_signing_keys(conn, purpose="jwt", owner_id=None)
        # The key service is asked only where there is something new.
        if rows != self._rows:
            self._opened = await self._keys.open_signing(rows)
            self._rows = rows

    def _public(self, now: datetime) -> dict[str, Ed25519PublicKey]:
        return {key.kid: Ed25519PublicKey.from_public_bytes(key.public_key) for key in accepted_at(self._opened, now)}


async def announce(keys: Keys, *, now: datetime) -> tuple[str, datetime]:
    """Give access tokens another key: its id, and when it begins to sign, :data:`ANNOUNCED` from now.

    One that was announced and does not sign yet is answered again: repeating changes nothing.

    Raises:
        KeyServiceUnavailable: the key service does not answer.
    """
    await keys.jwt_keys()
    rows = await _rows(keys)
    if not _is_announced(rows, now):
        fresh = Ed25519PrivateKey.generate()
        public = fresh.public_key().public_bytes_raw()
        kid = f"jwt-{public[:6].hex()}"
        wrapped = await keys.wrapper.wrap(fresh.private_bytes_raw(), context=f"signing-key/{kid}")
        async with keys.db.transaction(Scope()) as conn:
            # Whoever comes second finds the key retired, and nothing happens.
            await repository.replace_token_key(
                conn,
                row=SigningKeyRow(kid=kid, public_key=public, wrapped=wrapped),
                before=rows[0].kid,
                at=now.replace(microsecond=0) + ANNOUNCED,
            )
        keys.forget_signing_keys("jwt", None)
        rows = await _rows(keys)
    begins = rows[1].retired_at if len(rows) > 1 else None
    return rows[0].kid, begins or now


def _is_announced(rows: Sequence[SigningKeyRow], now: datetime) -> bool:
    before = rows[1].retired_at if len(rows) > 1 else None
    return before is not None and before > now


async def _rows(keys: Keys) -> list[SigningKeyRow]:
    async with keys.db.transaction(Scope(), read_only=True) as conn:
        return await repository.list_signing_keys(conn, purpose="jwt", owner_id=None)
