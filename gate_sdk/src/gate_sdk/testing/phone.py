"""A resident's phone, as far as gates can tell: a key of its own, and codes that change every 30 seconds."""

from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from gate_sdk.wire import (
    PhoneCode,
    PhoneKey,
    canonical_key,
    encode_phone,
    key_id_of,
    phone_key_statement,
    phone_statement,
    step_at,
)

__all__ = ["Phone"]


class Phone:
    """Holds a private key and draws codes with it, for one community."""

    def __init__(self, community: UUID, algorithm: Literal["ed25519", "p256"] = "p256") -> None:
        self.community = community
        self._key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
        if algorithm == "ed25519":
            self._key = ed25519.Ed25519PrivateKey.generate()
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())
        #: SubjectPublicKeyInfo (DER), as WebCrypto exports it.
        self.public_key = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        #: As rosters carry it.
        self.key = PhoneKey(id=key_id_of(self.public_key), key=canonical_key(self.public_key))

    def code(self, at_us: int) -> str:
        """The text that the phone shows when its clock says so; microseconds since the Unix epoch."""
        step = step_at(at_us)
        signature = self._sign(phone_statement(self.community, self.key.id, step))
        return encode_phone(PhoneCode(self.key.id, step, signature))

    def proof(self, challenge: bytes) -> bytes:
        """What shows the server that the phone holds the private half; 64 bytes."""
        return self._sign(phone_key_statement(self.community, challenge, self.public_key))

    def _sign(self, message: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = utils.decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
