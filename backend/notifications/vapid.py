"""The key pair by which push services know us (VAPID, RFC 8292)."""

import base64

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["application_server_key", "private_key"]

# The order of the group of P-256 (SEC 2, section 2.4.2).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# 128 bits more than the order has, so that reducing them leaves no bias that matters (FIPS 186-5, A.2.1).
_BYTES = 48


def private_key(pepper: bytes) -> ec.EllipticCurvePrivateKey:
    """The private half, P-256.

    Browsers are bound to the public half for as long as they are subscribed, so it is made out of the one secret of
    the key store that never changes, and needs no store of its own.
    """
    seed = HKDF(hashes.SHA256(), _BYTES, salt=None, info=b"doorward/web-push/vapid/1").derive(pepper)
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def application_server_key(pepper: bytes) -> str:
    """The public half as browsers want it: an uncompressed point, base64url without padding."""
    point = private_key(pepper).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode("ascii")
