"""QR codes as people show them at gates: their bytes, who signed them, and a parser that trusts nothing.

Three kinds, each as ``DW1:`` and base45 (so that QR's alphanumeric mode fits), at most 200 characters:

- a **phone's**: key id, 30-second step, signature by a key that never leaves the phone;
- a **visitor's**: token id, window, uses, signature by the community's server key;
- a **card's**: a secret that is worth nothing without its PIN.

Everything here comes from a camera: lengths are exact, unknown kinds are refused, and a text has one reading only.
"""

import hashlib
from typing import TypeAlias
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from gate_sdk.wire import base45

__all__ = [
    "CARD_LOG_N",
    "CODE_PREFIX",
    "MAX_CODE_CHARS",
    "PIN_DIGITS",
    "STEP_S",
    "STEP_TOLERANCE",
    "Card",
    "CardCode",
    "Code",
    "CodeUnreadable",
    "PhoneCode",
    "PhoneKey",
    "VisitorCode",
    "canonical_key",
    "card_hash",
    "encode_card",
    "encode_phone",
    "encode_visitor",
    "key_id_of",
    "parse_code",
    "phone_key_statement",
    "phone_statement",
    "pin_verifier",
    "sign_visitor",
    "step_at",
    "verify_phone",
    "verify_phone_key",
    "verify_visitor",
]

CODE_PREFIX = "DW1:"
# The longest of the three has 142; what is longer is somebody else's, and is not even decoded.
MAX_CODE_CHARS = 200
# As in RFC 6238, section 5.2: short enough for a screenshot to be stale, long enough for a phone to be held up.
STEP_S = 30
# One step to either side: phones' clocks differ by seconds, and somebody walks up while the step changes.
STEP_TOLERANCE = 1
# 2**14 with r = 8: 16 MB and some 50 ms on a gate (RFC 7914). The PIN is short, so each guess must cost something.
CARD_LOG_N = 14
_LOG_N_BOUNDS = (10, 16)
PIN_DIGITS = (4, 12)

_PHONE, _VISITOR, _CARD = 1, 2, 3
_ID_BYTES, _SIGNATURE_BYTES, _SECRET_BYTES = 8, 64, 16
_PHONE_BYTES = 1 + _ID_BYTES + 4 + _SIGNATURE_BYTES
_VISITOR_BYTES = 1 + _ID_BYTES + 4 + 4 + 4 + 2 + _SIGNATURE_BYTES
_CARD_BYTES = 1 + _SECRET_BYTES
_ED25519_BYTES, _P256_BYTES, _P256_LONG_BYTES = 32, 33, 65
_SPKI_BYTES = (44, 91)
_HALF = _SIGNATURE_BYTES // 2

# Signed bytes begin with their purpose: nothing signed for one thing passes for another.
_CODE_DOMAIN = b"doorward/code/v1\0"
_VISITOR_DOMAIN = b"doorward/visitor-code/v1\0"
_KEY_DOMAIN = b"doorward/phone-key/v1\0"
_CARD_DOMAIN = b"doorward/card/v1\0"
_PIN_DOMAIN = b"doorward/card-pin/v1\0"


class CodeUnreadable(Exception):
    """Not one of our codes: another service's, cut off, or made up."""


class PhoneKey(msgspec.Struct, frozen=True):
    """The public half of a phone's key, as rosters carry it.

    ``id`` has 8 bytes (:func:`key_id_of`); ``key`` 32 (Ed25519) or 33 (P-256, compressed point); base64 in JSON.
    """

    id: bytes
    key: bytes


class Card(msgspec.Struct, frozen=True):
    """What a gate may know of a printed card: enough to check it with its PIN, too little to print another.

    ``hash`` is :func:`card_hash`, ``pin`` :func:`pin_verifier`; the verifier's salt is the card's own secret, which no
    roster holds. So a stolen roster yields neither the card nor a PIN to guess at.
    """

    hash: bytes
    pin: bytes
    log_n: int = CARD_LOG_N


class PhoneCode(msgspec.Struct, frozen=True):
    """A phone's changing code. ``step`` counts 30 seconds since the Unix epoch."""

    key_id: bytes
    step: int
    signature: bytes


class VisitorCode(msgspec.Struct, frozen=True):
    """A visitor's token, signed by the community.

    Times are seconds since the Unix epoch; the window is half open. ``uses`` 0 has no limit. ``since_s``: heads issued
    from then on come with a roster that names the token, unless it was cancelled; 0 where a gate has to have it there.
    """

    token_id: bytes
    from_s: int
    until_s: int
    since_s: int
    uses: int
    signature: bytes = b""

    def payload(self) -> bytes:
        """The bytes before the signature."""
        return (
            bytes([_VISITOR])
            + self.token_id
            + b"".join(number.to_bytes(4, "big") for number in (self.from_s, self.until_s, self.since_s))
            + self.uses.to_bytes(2, "big")
        )


class CardCode(msgspec.Struct, frozen=True):
    """A printed card's secret, 16 random bytes."""

    secret: bytes

    def __repr__(self) -> str:
        """Hides the secret, which must not reach a log by way of an error text."""
        return "CardCode()"


Code: TypeAlias = PhoneCode | VisitorCode | CardCode


def parse_code(text: str) -> Code:
    """Read a code that a camera saw. Checks its form only; nothing of it is true yet.

    Raises:
        CodeUnreadable: it is none of ours.
    """
    if len(text) > MAX_CODE_CHARS or not text.startswith(CODE_PREFIX):
        raise CodeUnreadable
    try:
        raw = base45.decode(text[len(CODE_PREFIX) :])
    except ValueError:
        raise CodeUnreadable from None
    form = (raw[0] if raw else 0, len(raw))
    if form == (_PHONE, _PHONE_BYTES):
        return PhoneCode(raw[1:9], int.from_bytes(raw[9:13], "big"), raw[13:])
    if form == (_VISITOR, _VISITOR_BYTES):
        times = [int.from_bytes(raw[at : at + 4], "big") for at in (9, 13, 17)]
        return VisitorCode(raw[1:9], times[0], times[1], times[2], int.from_bytes(raw[21:23], "big"), raw[23:])
    if form == (_CARD, _CARD_BYTES):
        return CardCode(raw[1:])
    raise CodeUnreadable


def encode_phone(code: PhoneCode) -> str:
    """The text that a phone draws, 120 characters."""
    return _text(bytes([_PHONE]) + code.key_id + code.step.to_bytes(4, "big") + code.signature, _PHONE_BYTES)


def encode_visitor(code: VisitorCode) -> str:
    """The text that a visitor is sent, 135 characters."""
    return _text(code.payload() + code.signature, _VISITOR_BYTES)


def encode_card(secret: bytes) -> str:
    """The text that is printed on a card, 30 characters."""
    return _text(bytes([_CARD]) + secret, _CARD_BYTES)


def _text(raw: bytes, size: int) -> str:
    if len(raw) != size:
        raise ValueError(f"this kind of code has {size} bytes, not {len(raw)}")
    return CODE_PREFIX + base45.encode(raw)


def step_at(at_us: int) -> int:
    """The step that a moment lies in; microseconds since the Unix epoch."""
    return at_us // (STEP_S * 1_000_000)


def phone_statement(community: UUID, key_id: bytes, step: int) -> bytes:
    """What a phone signs for one step. Names the community: a key used in two never lets a code cross over."""
    return _CODE_DOMAIN + community.bytes + key_id + step.to_bytes(4, "big")


def phone_key_statement(community: UUID, challenge: bytes, public_key: bytes) -> bytes:
    """What a phone signs to show that it holds the private half; ``public_key`` as in :func:`canonical_key`."""
    return _KEY_DOMAIN + community.bytes + hashlib.sha256(challenge).digest() + _spki_hash(canonical_key(public_key))


def canonical_key(public_key: bytes) -> bytes:
    """The one form in which a public key is kept: Ed25519 raw, or a P-256 point, compressed.

    Args:
        public_key: that, or an uncompressed P-256 point (65 bytes), or either as SubjectPublicKeyInfo (DER).

    Raises:
        ValueError: neither, or no point of the curve.
    """
    key = _load_key(public_key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key.public_bytes_raw()
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)


def key_id_of(public_key: bytes) -> bytes:
    """The first 8 bytes of the SHA-256 of the key's SubjectPublicKeyInfo."""
    return _spki_hash(public_key)[:_ID_BYTES]


def _spki_hash(public_key: bytes) -> bytes:
    spki = _load_key(public_key).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spki).digest()


def _load_key(public_key: bytes) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    if len(public_key) == _ED25519_BYTES:
        return ed25519.Ed25519PublicKey.from_public_bytes(public_key)
    if len(public_key) in {_P256_BYTES, _P256_LONG_BYTES}:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    if len(public_key) not in _SPKI_BYTES:
        raise ValueError("neither an Ed25519 nor a P-256 public key")
    key = serialization.load_der_public_key(public_key)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("neither an Ed25519 nor a P-256 public key")


def _genuine(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature, 64 bytes (P-256: r and s, as WebCrypto has it), was made with that key."""
    if len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        key = _load_key(public_key)
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            r, s = int.from_bytes(signature[:_HALF], "big"), int.from_bytes(signature[_HALF:], "big")
            key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_phone(code: PhoneCode, *, community: UUID, public_key: bytes) -> bool:
    """Whether that phone made the code for that community. Says nothing of the time."""
    return _genuine(public_key, code.signature, phone_statement(community, code.key_id, code.step))


def verify_phone_key(*, community: UUID, challenge: bytes, public_key: bytes, proof: bytes) -> bool:
    """Whether whoever registers a key holds its private half.

    Raises:
        ValueError: no public key that is taken.
    """
    return _genuine(public_key, proof, phone_key_statement(community, challenge, public_key))


def sign_visitor(code: VisitorCode, *, community: UUID, key: ed25519.Ed25519PrivateKey) -> VisitorCode:
    """Sign a visitor's token with the community's server key."""
    signature = key.sign(_VISITOR_DOMAIN + community.bytes + code.payload())
    return msgspec.structs.replace(code, signature=signature)


def verify_visitor(code: VisitorCode, *, community: UUID, keys: dict[str, bytes]) -> bool:
    """Whether the community issued the token, by one of its server keys (id to raw public key)."""
    message = _VISITOR_DOMAIN + community.bytes + code.payload()
    return any(_genuine(key, code.signature, message) for key in keys.values())


def card_hash(community: UUID, secret: bytes) -> bytes:
    """By which gates know a card, 32 bytes. Plain: the secret has 128 random bits."""
    return hashlib.sha256(_CARD_DOMAIN + community.bytes + secret).digest()


def pin_verifier(community: UUID, secret: bytes, pin: str, *, log_n: int = CARD_LOG_N) -> bytes:
    """Scrypt of a PIN, salted with the card's own secret, 32 bytes; 16 MB and some 50 ms.

    Args:
        community: the card's.
        secret: the card's, 16 bytes.
        pin: 4 to 12 digits.
        log_n: the cost's logarithm, 10 to 16; a roster must not make a gate spend more.

    Raises:
        ValueError: no such PIN, or another cost.
    """
    least, most = PIN_DIGITS
    if not (least <= len(pin) <= most and pin.isascii() and pin.isdigit()):
        raise ValueError("a PIN has 4 to 12 digits")
    if not _LOG_N_BOUNDS[0] <= log_n <= _LOG_N_BOUNDS[1]:
        raise ValueError("a cost outside of the bounds")
    n = 2**log_n
    salt = _PIN_DOMAIN + community.bytes + secret
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=8, p=1, maxmem=n * 8 * 128 + 2**21, dklen=32)
