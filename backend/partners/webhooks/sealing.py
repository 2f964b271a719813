"""The secrets of endpoints, at rest."""

import base64
import secrets
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.kit.crypto import KEY_BYTES, open_sealed, seal
from backend.partners.webhooks.rules import SECRET_BYTES, SECRET_PREFIX

__all__ = ["new_secret", "open_secret", "seal_secret", "shown"]


def new_secret() -> bytes:
    """A random one."""
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """As a company gets it, once."""
    return SECRET_PREFIX + base64.b64encode(secret).decode("ascii")


def seal_secret(pepper: bytes, secret: bytes, *, partner_id: UUID, endpoint_id: UUID) -> bytes:
    """Sealed by a key made of the key store's, which stands in another database than what it seals."""
    return seal(_key(pepper), secret, bound_to=_bound(partner_id, endpoint_id))


def open_secret(pepper: bytes, sealed: bytes, *, partner_id: UUID, endpoint_id: UUID) -> bytes:
    """What was sealed for this endpoint.

    Raises:
        SealBroken: it is another endpoint's, or was changed.
    """
    return open_sealed(_key(pepper), sealed, bound_to=_bound(partner_id, endpoint_id))


def _key(pepper: bytes) -> bytes:
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=b"doorward/webhook-secret/1").derive(pepper)


def _bound(partner_id: UUID, endpoint_id: UUID) -> str:
    return f"webhook/{partner_id}/{endpoint_id}"
