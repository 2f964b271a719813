"""How a device becomes a gate and proves afterwards that it is the same one (JSON)."""

from uuid import UUID

import msgspec

from gate_sdk.wire.head import ServerKey

__all__ = [
    "ASSERTION_TTL_S",
    "ASSERTION_TYPE",
    "Acknowledged",
    "ProvisionRequest",
    "ProvisionResponse",
    "TokenRequest",
    "TokenResponse",
    "provision_statement",
]

# RFC 7523, section 2.2: the form value that names a signed JWT used as client authentication.
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# An assertion lives just long enough for a slow link; a copied one is worthless a minute later.
ASSERTION_TTL_S = 60


class ProvisionRequest(msgspec.Struct, frozen=True):
    """A claim code from the community's staff, and the public half of the key the device just made.

    ``public_key`` is 32 raw bytes (base64 in JSON). ``proof`` is the Ed25519 signature over
    :func:`provision_statement`: it shows that the device holds the private half, and ties it to this code.
    """

    claim_code: str
    public_key: bytes
    proof: bytes
    sdk: str
    packs: tuple[str, ...] = ()


class ProvisionResponse(msgspec.Struct, frozen=True):
    """Who the device is from now on, and whose heads it may believe."""

    gate_id: UUID
    community_id: UUID
    name: str
    pack: str | None
    server_keys: tuple[ServerKey, ...]


class TokenRequest(msgspec.Struct, frozen=True):
    """A JWT signed by the device key: ``iss`` and ``sub`` the gate id, ``aud`` the token address, ``jti``, ``exp``."""

    client_assertion: str
    client_assertion_type: str = ASSERTION_TYPE


class TokenResponse(msgspec.Struct, frozen=True):
    """An access token for the gate surface; ``expires_in`` in seconds."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name (RFC 6750), not a secret


class Acknowledged(msgspec.Struct, frozen=True):
    """What the gate's roster is after its last change; the server keeps it as the purge receipt."""

    epoch: int
    version: int
    digest: bytes


def provision_statement(claim_code: str, public_key: bytes) -> bytes:
    """The bytes that ``ProvisionRequest.proof`` signs."""
    return b"doorward/provision/v1\0" + claim_code.encode() + b"\0" + public_key
