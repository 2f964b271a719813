"""Rules of gates: claim codes, provisioning, tokens by assertion, acknowledgements, revocation."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.access import service as access
from backend.access.service import RosterVersion
from backend.doors.errors import DoorNotFound
from backend.gates import repository
from backend.gates.assertions import CLOCK_SKEW, verify_assertion
from backend.gates.claims import repository as claim_codes
from backend.gates.errors import (
    AssertionRefused,
    ClaimEnded,
    ClaimUnknown,
    GateNotFound,
    GateOutOfService,
    GateRevoked,
    ProofInvalid,
)
from backend.gates.repository import GateRow
from backend.kit.auth import GatePrincipal
from backend.kit.crypto import keyed_hash, new_code
from backend.kit.db import Connection, enter_community
from gate_sdk.wire import (
    ASSERTION_TTL_S,
    Acknowledged,
    ProvisionRequest,
    provision_statement,
)

__all__ = [
    "CLAIM_TTL",
    "Claim",
    "accept_assertion",
    "create",
    "list_health",
    "new_claim",
    "provision",
    "put_at_door",
    "record_acknowledged",
    "record_diverged",
    "record_plan",
    "record_seen",
    "require_in_service",
    "revoke",
    "seen_is_old",
]

# Long enough to walk to the gate with the code on paper, short enough that the paper is worthless in the bin.
CLAIM_TTL = timedelta(minutes=30)
# Health shows minutes; writing it at every poll would cost a row version per gate and half-minute for nothing.
SEEN_EVERY = timedelta(seconds=60)

_PURPOSE = "gate-claim"
# What a device says of itself is for people to read, and bounded by the columns.
_MOST_PACKS = 16
_MOST_TEXT = 100


class Claim(msgspec.Struct, frozen=True):
    """A claim code, to be shown once."""

    code: str
    expires_at: datetime


async def create(
    conn: Connection, *, community_id: UUID, name: str, pepper: bytes, now: datetime
) -> tuple[UUID, Claim]:
    """A new gate and the code that makes a device into it."""
    gate_id = await repository.insert_gate(conn, community_id=community_id, name=name, now=now)
    return gate_id, await new_claim(conn, community_id=community_id, gate_id=gate_id, pepper=pepper, now=now)


async def new_claim(conn: Connection, *, community_id: UUID, gate_id: UUID, pepper: bytes, now: datetime) -> Claim:
    """Another code for the gate; those before it end. A device that is there keeps working until the code is used.

    Raises:
        GateNotFound: there is no such gate.
        GateOutOfService: it was revoked.
    """
    row = await repository.lock_gate(conn, community_id=community_id, gate_id=gate_id)
    if row is None:
        raise GateNotFound
    if row.revoked_at is not None:
        raise GateOutOfService
    claim = Claim(code=new_code(), expires_at=now + CLAIM_TTL)
    await claim_codes.expire_claims(conn, community_id=community_id, gate_id=gate_id, now=now)
    await claim_codes.insert_claim(
        conn,
        community_id=community_id,
        gate_id=gate_id,
        code_hash=_code_hash(pepper, claim.code),
        now=now,
        expires_at=claim.expires_at,
    )
    return claim


async def provision(conn: Connection, *, request: ProvisionRequest, pepper: bytes, now: datetime) -> GateRow:
    """Make the device into the gate that its code is for. Needs the platform scope; enters the gate's community.

    A device whose answer was lost on the way asks again with the same key and gets the same answer.

    Raises:
        ClaimUnknown: there is no such code.
        ClaimEnded: it was used by another device, is too old, or its gate was revoked.
        ProofInvalid: the sender does not hold the key's private half.
    """
    code_hash = _code_hash(pepper, request.claim_code)
    found = await claim_codes.find_claim(conn, code_hash=code_hash)
    if found is None:
        raise ClaimUnknown
    await enter_community(conn, found.community_id)
    # The gate first, as a new code and a revocation take it, which then end its claims.
    gate = await repository.lock_gate(conn, community_id=found.community_id, gate_id=found.gate_id)
    claim = await claim_codes.lock_claim(conn, community_id=found.community_id, code_hash=code_hash)
    if claim is None or gate is None:
        raise ClaimUnknown
    if claim.expires_at <= now or gate.revoked_at is not None:
        raise ClaimEnded
    if claim.used_at is not None and gate.public_key != request.public_key:
        raise ClaimEnded
    _check_proof(request)
    if claim.used_at is None:
        await claim_codes.use_claim(conn, community_id=gate.community_id, code_hash=code_hash, now=now)
        await repository.update_device(
            conn,
            community_id=gate.community_id,
            gate_id=gate.gate_id,
            public_key=request.public_key,
            sdk=_plain(request.sdk),
            packs=[_plain(pack) for pack in request.packs[:_MOST_PACKS]],
            now=now,
        )
    return gate


async def accept_assertion(
    conn: Connection, *, gate_id: UUID, assertion: str, audience: str, now: datetime
) -> GatePrincipal:
    """The gate, if the assertion is genuine, for us, in time and new. Needs the platform scope.

    The audience is the address that the deployment is known by, never the request's own: a device lured to another
    host would sign for that host, whose owner could hand the assertion on to us.

    Raises:
        AssertionRefused: it is not.
        GateRevoked: it is, but the gate is out of service.
    """
    gate = await repository.find_gate(conn, gate_id=gate_id)
    if gate is None or gate.public_key is None:
        raise AssertionRefused("No gate of that id has a device.", now=now)
    claims = verify_assertion(assertion, public_key=gate.public_key, audience=audience, now=now)
    if claims.iss != claims.sub or UUID(claims.iss) != gate_id:
        raise AssertionRefused("iss and sub must both be the gate's id.", now=now)
    if gate.revoked_at is not None:
        raise GateRevoked
    await enter_community(conn, gate.community_id)
    await repository.delete_expired_assertions(conn, community_id=gate.community_id, gate_id=gate_id, now=now)
    expires_at = now + timedelta(seconds=ASSERTION_TTL_S) + 2 * CLOCK_SKEW
    if not await repository.insert_assertion(
        conn, community_id=gate.community_id, gate_id=gate_id, jti=claims.jti, expires_at=expires_at
    ):
        raise AssertionRefused("This assertion was used before.", now=now)
    return GatePrincipal(gate_id=gate_id, community_id=gate.community_id)


async def require_in_service(conn: Connection, *, community_id: UUID, gate_id: UUID) -> GateRow:
    """The gate.

    Raises:
        GateRevoked: it is out of service.
    """
    gate = await repository.get_gate(conn, community_id=community_id, gate_id=gate_id)
    if gate is None or gate.revoked_at is not None:
        raise GateRevoked
    return gate


async def record_acknowledged(
    conn: Connection, *, gate: GateRow, state: Acknowledged, verified: bool, now: datetime
) -> None:
    """Write down what the gate's roster is; once per state."""
    if (gate.acked_epoch, gate.acked_version) == (state.epoch, state.version):
        await record_seen(conn, gate=gate, now=now)
        return
    await repository.update_acknowledged(
        conn,
        community_id=gate.community_id,
        gate_id=gate.gate_id,
        epoch=state.epoch,
        version=state.version,
        now=now,
    )
    await repository.insert_receipt(
        conn,
        community_id=gate.community_id,
        gate_id=gate.gate_id,
        epoch=state.epoch,
        version=state.version,
        digest=state.digest,
        verified=verified,
        now=now,
    )


async def record_diverged(conn: Connection, *, gate: GateRow, state: Acknowledged, now: datetime) -> None:
    """Write down that the gate's roster is not ours."""
    await repository.update_diverged(
        conn, community_id=gate.community_id, gate_id=gate.gate_id, version=state.version, now=now
    )


async def record_plan(conn: Connection, *, gate: GateRow, revision: int) -> None:
    """Write down which plan of the doors the gate goes by."""
    await repository.update_acked_plan(conn, community_id=gate.community_id, gate_id=gate.gate_id, revision=revision)


async def put_at_door(conn: Connection, *, community_id: UUID, gate_id: UUID, door_id: UUID | None) -> GateRow:
    """Say at which door the gate stands; None is at no door. The caller publishes the plan.

    Raises:
        GateNotFound: there is no such gate.
        DoorNotFound: there is no such door.
    """
    try:
        row = await repository.update_door(conn, community_id=community_id, gate_id=gate_id, door_id=door_id)
    except asyncpg.ForeignKeyViolationError:
        raise DoorNotFound from None
    if row is None:
        raise GateNotFound
    return row


async def record_seen(conn: Connection, *, gate: GateRow, now: datetime) -> None:
    """Write down that the gate asked, unless that was written a moment ago."""
    if seen_is_old(gate, now=now):
        await repository.update_seen(conn, community_id=gate.community_id, gate_id=gate.gate_id, now=now)


def seen_is_old(gate: GateRow, *, now: datetime) -> bool:
    """Whether it is time to write again that the gate asked."""
    return gate.last_seen_at is None or now - gate.last_seen_at >= SEEN_EVERY


async def revoke(conn: Connection, *, community_id: UUID, gate_id: UUID, reason: str, now: datetime) -> GateRow:
    """Take the gate out of service for good, at once. Repeating is harmless and keeps the first reason.

    Raises:
        GateNotFound: there is no such gate.
    """
    row = await repository.lock_gate(conn, community_id=community_id, gate_id=gate_id)
    if row is None:
        raise GateNotFound
    if row.revoked_at is None:
        await claim_codes.expire_claims(conn, community_id=community_id, gate_id=gate_id, now=now)
        await repository.update_revoked(conn, community_id=community_id, gate_id=gate_id, reason=reason, now=now)
        # Its poll may be waiting: it is to hear of it now.
        await repository.notify_roster(conn, community_id=community_id)
    return row


async def list_health(
    conn: Connection, *, community_id: UUID, after: tuple[bool, str, UUID] | None, limit: int
) -> tuple[RosterVersion, list[GateRow]]:
    """The roster's version and the community's gates, those after (revoked, name, gate_id)."""
    head = await access.roster_version(conn, community_id=community_id)
    return head, await repository.list_gates(conn, community_id=community_id, after=after, limit=limit)


def _code_hash(pepper: bytes, code: str) -> bytes:
    # Typed by hand at the gate: case and blanks are no part of the code.
    return keyed_hash(pepper, _PURPOSE, "".join(code.upper().split()))


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:_MOST_TEXT]


def _check_proof(request: ProvisionRequest) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(request.public_key)
        key.verify(request.proof, provision_statement(request.claim_code, request.public_key))
    except (InvalidSignature, ValueError):
        raise ProofInvalid from None
