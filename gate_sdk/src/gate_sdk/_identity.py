"""Who this gate is: written once when it is provisioned, sealed with the ``device`` key."""

import contextlib
import secrets
from pathlib import Path
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from gate_sdk._files import remove, write_atomic
from gate_sdk.errors import DeviceKeyUnreadableError, GateRevokedError, NotProvisionedError, StorageError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import ServerKey

__all__ = ["Identity", "erase", "is_revoked", "load", "load_pending", "save", "save_pending"]

_NONCE_BYTES = 12
# The purpose is authenticated with the content: a half-made identity never passes for a finished one.
_FINAL = b"doorward/identity/v1"
_PENDING = b"doorward/identity-pending/v1"


class Identity(msgspec.Struct, frozen=True):
    """The gate's name on the server, its private key (32 raw bytes) and the keys whose heads it believes.

    Sealed as a whole: changing the address or the trusted keys on the disk makes it unreadable.
    """

    url: str
    gate_id: UUID
    community_id: UUID
    name: str
    pack: str | None
    server_keys: tuple[ServerKey, ...]
    device_key: bytes

    @property
    def private_key(self) -> Ed25519PrivateKey:
        """The device key, ready to sign with."""
        return Ed25519PrivateKey.from_private_bytes(self.device_key)

    @property
    def trusted(self) -> dict[str, bytes]:
        """Key id to raw public key, as :func:`gate_sdk.wire.verify_head` takes them."""
        return {key.kid: key.public_key for key in self.server_keys}


def _seal(key: bytes, content: bytes, purpose: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + ChaCha20Poly1305(key).encrypt(nonce, content, purpose)


def _open(key: bytes | None, sealed: bytes, purpose: bytes) -> bytes:
    if key is None:
        raise DeviceKeyUnreadableError("the key provider has no key named 'device'")
    try:
        return ChaCha20Poly1305(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
    except (InvalidTag, ValueError):
        raise DeviceKeyUnreadableError from None


def is_revoked(directory: Path) -> bool:
    """Whether this directory's gate was taken out of service."""
    return (directory / "revoked").exists()


def load(directory: Path, keys: KeyProvider) -> Identity:
    """Open what provisioning wrote.

    Raises:
        GateRevokedError: it was erased on the community's order.
        NotProvisionedError: there is none.
        DeviceKeyUnreadableError: the key is missing or wrong, or somebody changed the file.
        StorageError: the disk is gone, or this user may not read it.
    """
    if is_revoked(directory):
        raise GateRevokedError
    try:
        sealed = (directory / "identity.sealed").read_bytes()
    except FileNotFoundError:
        raise NotProvisionedError(f"{directory} holds no gate") from None
    except OSError as error:
        raise StorageError(f"cannot read {directory / 'identity.sealed'}: {error.strerror}") from error
    return msgspec.msgpack.decode(_open(keys.load("device"), sealed, _FINAL), type=Identity)


def save(directory: Path, keys: KeyProvider, identity: Identity) -> None:
    """Seal and write the identity, and forget the pending key."""
    key = keys.load("device") or keys.create("device")
    write_atomic(directory / "identity.sealed", _seal(key, msgspec.msgpack.encode(identity), _FINAL))
    remove(directory / "pending.sealed")


def load_pending(directory: Path, keys: KeyProvider) -> bytes | None:
    """The raw private key of a provisioning that was interrupted, or ``None``."""
    try:
        sealed = (directory / "pending.sealed").read_bytes()
        return _open(keys.load("device"), sealed, _PENDING)
    except (FileNotFoundError, DeviceKeyUnreadableError):
        return None


def save_pending(directory: Path, keys: KeyProvider, device_key: bytes) -> None:
    """Keep the private key before the server hears of its public half.

    When the answer is lost on the way, the repeated request brings the same key, which the server can recognise;
    a new key would find the claim code used up.
    """
    key = keys.load("device") or keys.create("device")
    write_atomic(directory / "pending.sealed", _seal(key, device_key, _PENDING))


def erase(directory: Path, keys: KeyProvider) -> None:
    """Erase the identity of a revoked gate and leave a mark, so that the next start says why it does not."""
    with contextlib.ExitStack() as others:
        # Each is tried, whatever becomes of the one before.
        others.callback(remove, directory / "identity.sealed")
        others.callback(keys.destroy, "device")
        others.callback(remove, directory / "codes.db")
        others.callback(keys.destroy, "codes")
        write_atomic(directory / "revoked", b"")
