"""Requests and responses about companies' keys, and the server's description of itself (RFC 8414)."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from backend.partners.clients.assertions import Alg
from backend.partners.clients.repository import KeyRow

__all__ = ["Key", "KeyList", "NewKey", "ServerMetadata"]

Coordinate = Annotated[str, Meta(min_length=43, max_length=44, pattern="^[A-Za-z0-9_-]+=?$")]
Word = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[ -~]+$")]


class NewKey(msgspec.Struct, frozen=True):
    """A public key as a JSON Web Key (RFC 7517): Ed25519 or P-256. Members that nothing here reads are ignored."""

    kty: Literal["OKP", "EC"]
    crv: Literal["Ed25519", "P-256"]
    x: Coordinate
    y: Coordinate | None = None
    kid: Word | None = None
    alg: Word | None = None
    d: Annotated[str, Meta(max_length=1000, description="Never send it: this is the private half")] | None = None

    def members(self) -> dict[str, object]:
        """What was given, as a JSON object has it."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Key(msgspec.Struct, frozen=True):
    """A live key, by the name that assertions give it."""

    key_id: UUID
    kid: str
    alg: Alg
    created_at: datetime

    @classmethod
    def of(cls, row: KeyRow) -> "Key":
        """From the database's row."""
        return cls(key_id=row.key_id, kid=row.kid, alg=row.alg, created_at=row.created_at)


class KeyList(msgspec.Struct, frozen=True):
    """Live keys, oldest first; there are at most a handful."""

    keys: tuple[Key, ...]


class ServerMetadata(msgspec.Struct, frozen=True):
    """What an OAuth client library asks first (RFC 8414, section 2)."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...] = ("client_credentials",)
    response_types_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] = (
        "private_key_jwt",
        "client_secret_basic",
        "client_secret_post",
    )
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = ("EdDSA", "ES256")
