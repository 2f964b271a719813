"""Rules of courier companies."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from backend.communities import repository as communities
from backend.communities.errors import CommunityNotFound
from backend.kit.auth import PartnerPrincipal
from backend.kit.crypto import keyed_hash, new_code, new_token
from backend.kit.db import Connection
from backend.partners import repository
from backend.partners.errors import (
    InsufficientScope,
    LastSecret,
    PartnerNotAdmitted,
    PartnerNotFound,
    SecretNotFound,
    TwoSecretsLive,
)
from backend.partners.repository import AdmissionRow, PartnerRow
from backend.partners.schemas import NewSecret

__all__ = [
    "LIVE_SECRETS",
    "SCOPES",
    "SECRET_PURPOSE",
    "add_secret",
    "admit",
    "create",
    "get",
    "lock",
    "require_admitted",
    "require_scope",
    "revoke_secret",
]

# Old and new, for the time of a rotation.
LIVE_SECRETS = 2
# What a company's token may be limited to: naming its workers, their shifts, who brings which order; reading what
# happened, and where it is sent.
SCOPES = ("couriers:write", "shifts:write", "deliveries:write", "events:read", "webhooks:write")
SECRET_PURPOSE = "partner-secret"  # noqa: S105 - what its hash is for, not the secret


async def create(
    conn: Connection,
    *,
    authority_id: UUID,
    name: str,
    community_ids: Sequence[UUID],
    sandbox: bool = False,
    pepper: bytes,
    now: datetime,
) -> tuple[PartnerRow, NewSecret]:
    """A new company of the authority, admitted to these communities, with its first secret.

    Raises:
        CommunityNotFound: one of the communities is not the authority's.
    """
    await _require_communities(conn, authority_id=authority_id, community_ids=community_ids)
    client_id = f"courier-{new_code().lower()}"
    row = await repository.insert_partner(
        conn, authority_id=authority_id, name=name, client_id=client_id, sandbox=sandbox
    )
    await repository.admit(conn, partner_id=row.partner_id, community_ids=community_ids, now=now)
    return row, await _insert_secret(conn, partner=row, pepper=pepper, now=now)


async def get(conn: Connection, *, authority_id: UUID, partner_id: UUID) -> PartnerRow:
    """The authority's company.

    Raises:
        PartnerNotFound: it has no such company.
    """
    row = await repository.get_partner(conn, authority_id=authority_id, partner_id=partner_id)
    if row is None:
        raise PartnerNotFound
    return row


async def admit(conn: Connection, *, authority_id: UUID, partner_id: UUID, community_id: UUID, now: datetime) -> None:
    """Admit the company to one more community; a suspension there stays.

    Raises:
        PartnerNotFound: the authority has no such company.
        CommunityNotFound: the authority has no such community.
    """
    await get(conn, authority_id=authority_id, partner_id=partner_id)
    await _require_communities(conn, authority_id=authority_id, community_ids=[community_id])
    await repository.admit(conn, partner_id=partner_id, community_ids=[community_id], now=now)


async def add_secret(
    conn: Connection, *, authority_id: UUID, partner_id: UUID, pepper: bytes, now: datetime
) -> NewSecret:
    """A second secret beside the present one, for a rotation.

    Raises:
        PartnerNotFound: the authority has no such company.
        TwoSecretsLive: it has two already.
    """
    row = await lock(conn, authority_id=authority_id, partner_id=partner_id)
    if len(await repository.list_live_secrets(conn, partner_id=partner_id)) >= LIVE_SECRETS:
        raise TwoSecretsLive
    return await _insert_secret(conn, partner=row, pepper=pepper, now=now)


async def revoke_secret(
    conn: Connection, *, authority_id: UUID, partner_id: UUID, secret_id: UUID, now: datetime
) -> None:
    """End a secret, and every token that was issued for it.

    Raises:
        PartnerNotFound: the authority has no such company.
        SecretNotFound: the company has no such live secret.
        LastSecret: it is the only one, and the company has no key to sign with.
    """
    await lock(conn, authority_id=authority_id, partner_id=partner_id)
    live = await repository.list_live_secrets(conn, partner_id=partner_id)
    if all(secret.secret_id != secret_id for secret in live):
        raise SecretNotFound
    if len(live) == 1 and not await repository.has_live_key(conn, partner_id=partner_id):
        raise LastSecret
    await repository.revoke_secret(conn, partner_id=partner_id, secret_id=secret_id, now=now)


async def require_admitted(conn: Connection, *, community_id: UUID, partner_id: UUID) -> AdmissionRow:
    """Go on only where the company is admitted and not suspended.

    Raises:
        PartnerNotAdmitted: it is not; a community that does not exist answers the same.
    """
    row = await repository.get_admission(conn, community_id=community_id, partner_id=partner_id)
    if row is None or row.suspended_at is not None:
        raise PartnerNotAdmitted
    return row


def require_scope(partner: PartnerPrincipal, scope: str) -> None:
    """Go on only where the token was issued for ``scope``.

    Raises:
        InsufficientScope: it was not.
    """
    if scope not in partner.scopes:
        raise InsufficientScope(scope=scope)


async def lock(conn: Connection, *, authority_id: UUID, partner_id: UUID) -> PartnerRow:
    """The authority's company, until the transaction ends: two rotations at once would each count one too few.

    Raises:
        PartnerNotFound: it has no such company.
    """
    row = await repository.lock_partner(conn, authority_id=authority_id, partner_id=partner_id)
    if row is None:
        raise PartnerNotFound
    return row


async def _insert_secret(conn: Connection, *, partner: PartnerRow, pepper: bytes, now: datetime) -> NewSecret:
    secret = new_token()
    row = await repository.insert_secret(
        conn, partner_id=partner.partner_id, secret_hash=keyed_hash(pepper, SECRET_PURPOSE, secret), now=now
    )
    return NewSecret(secret_id=row.secret_id, client_id=partner.client_id, client_secret=secret)


async def _require_communities(conn: Connection, *, authority_id: UUID, community_ids: Collection[UUID]) -> None:
    wanted = set(community_ids)
    found = await communities.list_communities(conn, authority_id=authority_id, ids=tuple(wanted))
    if len(found) != len(wanted):
        raise CommunityNotFound
