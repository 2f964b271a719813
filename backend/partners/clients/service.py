"""Rules of how companies' machines log in."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from backend.kit.auth import PartnerPrincipal
from backend.kit.crypto import keyed_hash
from backend.kit.db import Connection
from backend.kit.problems import Unauthorised
from backend.partners import repository as partners
from backend.partners.clients import assertions, repository
from backend.partners.clients.assertions import AssertionInvalid, ClientKey
from backend.partners.clients.repository import KeyRow
from backend.partners.errors import KeyExists, KeyNotFound, TooManyKeys
from backend.partners.repository import PartnerRow
from backend.partners.service import SECRET_PURPOSE, lock

__all__ = ["LIVE_KEYS", "Client", "add_key", "by_assertion", "by_secret", "current", "revoke_key"]

#: Old and new for each of two machines, say; every live key is one more that can be lost.
LIVE_KEYS = 4


class Client(msgspec.Struct, frozen=True):
    """A company that has proved who it is, and by which secret or key."""

    partner: PartnerRow
    credential_id: UUID


async def by_secret(conn: Connection, *, client_id: str, client_secret: str, pepper: bytes) -> Client | None:
    """The company whose live secret this is, or ``None``. Needs the platform scope."""
    row = await partners.find_client(conn, client_id=client_id)
    if row is None:
        return None
    presented = keyed_hash(pepper, SECRET_PURPOSE, client_secret)
    for secret in await partners.list_live_secrets(conn, partner_id=row.partner_id):
        if hmac.compare_digest(presented, secret.secret_hash):
            return Client(row, secret.secret_id)
    return None


async def by_assertion(conn: Connection, *, assertion: str, audiences: Sequence[str], now: datetime) -> Client:
    """The company that signed this assertion; each is taken once. Needs the platform scope.

    Raises:
        AssertionInvalid: it proves nothing, or was taken before.
    """
    row = await partners.find_client(conn, client_id=assertions.client_of(assertion))
    if row is None:
        raise AssertionInvalid("no live key of the client fits the assertion's header")
    keys = await repository.list_live_keys(conn, partner_id=row.partner_id)
    verified = assertions.verify(
        assertion,
        client_id=row.client_id,
        keys=[ClientKey(key.kid, key.alg, key.public_key) for key in keys],
        audiences=audiences,
        now=now,
    )
    await repository.delete_expired(conn, partner_id=row.partner_id, before=now - assertions.CLOCK_SKEW)
    new = await repository.remember_assertion(
        conn,
        partner_id=row.partner_id,
        jti_hash=hashlib.sha256(verified.claims.jti.encode()).digest(),
        expires_at=datetime.fromtimestamp(verified.claims.exp, UTC),
    )
    if not new:
        raise AssertionInvalid("the assertion was used before: sign a new one, with a new jti, for each token")
    return Client(row, next(key.key_id for key in keys if key.kid == verified.kid))


async def current(conn: Connection, *, principal: PartnerPrincipal) -> None:
    """Go on only while the secret or key is live that the token was issued for. Needs the platform scope.

    Raises:
        Unauthorised: it was revoked, and with it every token.
    """
    credential = principal.credential_id
    if credential is None or not await repository.is_live(
        conn, partner_id=principal.partner_id, credential_id=credential
    ):
        raise Unauthorised("The secret or key that this token was issued for has been revoked.")


async def add_key(conn: Connection, *, authority_id: UUID, partner_id: UUID, key: ClientKey, now: datetime) -> KeyRow:
    """One more key that the company may sign with.

    Raises:
        PartnerNotFound: the authority has no such company.
        TooManyKeys: it has :data:`LIVE_KEYS` already.
        KeyExists: one of that name is live.
    """
    await lock(conn, authority_id=authority_id, partner_id=partner_id)
    live = await repository.list_live_keys(conn, partner_id=partner_id)
    if any(one.kid == key.kid for one in live):
        raise KeyExists
    if len(live) >= LIVE_KEYS:
        raise TooManyKeys
    return await repository.insert_key(conn, partner_id=partner_id, key=key, now=now)


async def revoke_key(conn: Connection, *, authority_id: UUID, partner_id: UUID, key_id: UUID, now: datetime) -> None:
    """End a key, and every token that was issued for it.

    Raises:
        PartnerNotFound: the authority has no such company.
        KeyNotFound: the company has no such live key.
    """
    await lock(conn, authority_id=authority_id, partner_id=partner_id)
    if not await repository.revoke_key(conn, partner_id=partner_id, key_id=key_id, now=now):
        raise KeyNotFound
