"""The signed head: what a community's roster is at one version, and until when a gate may go by it."""

from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gate_sdk.wire.frames import FramePolicy
from gate_sdk.wire.plan import PlanRef

__all__ = [
    "BadSignature",
    "Head",
    "Policy",
    "ServerKey",
    "SignedHead",
    "endorse_key",
    "sign_head",
    "verify_endorsed",
    "verify_head",
]

# Signed bytes begin with their purpose, so that no other message signed by the same key can pass for a head.
_DOMAIN = b"doorward/head/v1\0"
_KEY_DOMAIN = b"doorward/server-key/v1\0"


class BadSignature(Exception):
    """The head was not signed by any key that this gate trusts for its community."""


class Policy(msgspec.Struct, frozen=True):
    """How a community wants its gates to decide.

    ``fpir`` is the false positive identification rate per approach that the threshold is chosen for, in (0, 1).
    ``threshold`` is the cosine fitted to this community's own impostor scores, for one frame; ``None`` while there are
    too few, then the gate takes the pack's calibration. ``threshold_pack`` is the id of the pack that it goes for, and
    absent where there is none; ``thresholds`` are the likewise fitted ones for other packs, by id, during a change of
    models, absent without any. The leases are seconds from ``issued_at`` on.
    """

    fpir: float = 0.001
    threshold: float | None = None
    standing_lease_s: int = 72 * 3600
    visiting_lease_s: int = 3600
    wipe_after_s: int = 7 * 24 * 3600
    threshold_pack: str | msgspec.UnsetType = msgspec.UNSET
    thresholds: dict[str, float] | msgspec.UnsetType = msgspec.UNSET


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """A community's roster at one version.

    ``version`` counts the roster's changes within ``epoch`` without gaps and in the order of their commits; a restored
    database starts a new epoch. ``digest`` is :func:`gate_sdk.wire.roster.roster_digest` over the ``count`` entries.
    ``issued_at_us`` is microseconds since the Unix epoch, by the server's clock. ``plan`` names what the community's
    doors do when; without one every door is every hour's, and the head has the bytes of a server that knows no plans.
    ``denied_frames`` is there only where the community has pictures of denied approaches kept; without it none is.
    """

    community: UUID
    epoch: int
    version: int
    count: int
    digest: bytes
    issued_at_us: int
    policy: Policy
    plan: PlanRef | None = None
    denied_frames: FramePolicy | None = None

    def lease_until_us(self, *, visiting: bool) -> int:
        """When grants of that class stop opening by face unless a later head arrives, in microseconds."""
        seconds = self.policy.visiting_lease_s if visiting else self.policy.standing_lease_s
        return self.issued_at_us + seconds * 1_000_000


class SignedHead(msgspec.Struct, frozen=True):
    """A head as bytes (MessagePack of :class:`Head`), the signing key's id, and an Ed25519 signature of 64 bytes."""

    head: bytes
    kid: str
    signature: bytes


class ServerKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public key that signs heads for one community: its id and its raw 32 bytes.

    A key that replaced another also says whose place it takes (``by``, that one's id), from when on it signs
    (``from_us``, microseconds since the Unix epoch), and has that one's signature for it (64 bytes).
    """

    kid: str
    public_key: bytes
    by: str | None = None
    from_us: int = 0
    signature: bytes | None = None


def sign_head(head: Head, *, key: Ed25519PrivateKey, kid: str) -> SignedHead:
    """Sign ``head`` with a community's server key."""
    encoded = msgspec.msgpack.encode(head)
    return SignedHead(head=encoded, kid=kid, signature=key.sign(_DOMAIN + encoded))


def endorse_key(fresh: ServerKey, *, community: UUID, by: str, key: Ed25519PrivateKey) -> ServerKey:
    """Have the present key, whose id is ``by``, say that ``fresh`` signs heads from ``fresh.from_us`` on."""
    signature = key.sign(_key_statement(fresh, community))
    return msgspec.structs.replace(fresh, by=by, signature=signature)


def verify_endorsed(fresh: ServerKey, *, community: UUID, keys: dict[str, bytes]) -> None:
    """Check that one of ``keys`` (id to raw public key) says that ``fresh`` takes its place.

    Raises:
        BadSignature: none of them does.
    """
    public = None if fresh.by is None else keys.get(fresh.by)
    if public is None:
        raise BadSignature(f"no trusted key vouches for {fresh.kid!r}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(fresh.signature or b"", _key_statement(fresh, community))
        Ed25519PublicKey.from_public_bytes(fresh.public_key)
    except (InvalidSignature, ValueError, OverflowError):
        raise BadSignature(f"the signature for {fresh.kid!r} does not fit") from None


def _key_statement(fresh: ServerKey, community: UUID) -> bytes:
    # Fixed lengths before the id, so that no two statements have the same bytes.
    return _KEY_DOMAIN + community.bytes + fresh.from_us.to_bytes(8, "big") + fresh.public_key + fresh.kid.encode()


def verify_head(signed: SignedHead, keys: dict[str, bytes]) -> Head:
    """Check the signature against the trusted keys (id to raw public key) and decode the head.

    Raises:
        BadSignature: unknown key id, or the signature does not fit.
        msgspec.ValidationError: rightly signed, but not a head this SDK can read.
    """
    public = keys.get(signed.kid)
    if public is None:
        raise BadSignature(f"no trusted key has the id {signed.kid!r}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signed.signature, _DOMAIN + signed.head)
    except InvalidSignature:
        raise BadSignature("the head's signature does not fit its bytes") from None
    return msgspec.msgpack.decode(signed.head, type=Head)
