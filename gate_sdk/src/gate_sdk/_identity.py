"""Who this gate is: written once when it is provisioned, sealed with the ``device`` key."""

import contextlib
from pathlib import Path
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk._files import remove, write_atomic
from gate_sdk._seal import open_sealed, seal
from gate_sdk._trust import Trust
from gate_sdk.errors import DeviceKeyUnreadableError, GateRevokedError, NotProvisionedError, StorageError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import ServerKey

__all__ = ["Identity", "erase", "is_revoked", "keep_trust", "load", "load_pending", "save", "save_pending"]

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
    def trust(self) -> Trust:
        """Whose heads it believes."""
        return Trust(self.community_id, self.server_keys)


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
    return msgspec.msgpack.decode(open_sealed(keys.load("device"), sealed, _FINAL), type=Identity)


def save(directory: Path, keys: KeyProvider, identity: Identity) -> None:
    """Seal and write the identity, and forget the pending key."""
    key = keys.load("device") or keys.create("device")
    write_atomic(directory / "identity.sealed", seal(key, msgspec.msgpack.encode(identity), _FINAL))
    remove(directory / "pending.sealed")


def keep_trust(directory: Path, keys: KeyProvider, trust: Trust) -> None:
    """Write down the community's keys as they are known now.

    Raises:
        StorageError: the disk took nothing; the server will offer them again.
    """
    identity = load(directory, keys)
    save(directory, keys, msgspec.structs.replace(identity, server_keys=trust.keys))


def load_pending(directory: Path, keys: KeyProvider) -> bytes | None:
    """The raw private key of a provisioning that was interrupted, or ``None``."""
    try:
        sealed = (directory / "pending.sealed").read_bytes()
        return open_sealed(keys.load("device"), sealed, _PENDING)
    except (FileNotFoundError, DeviceKeyUnreadableError):
        return None


def save_pending(directory: Path, keys: KeyProvider, device_key: bytes) -> None:
    """Keep the private key before the server hears of its public half.

    When the answer is lost on the way, the repeated request brings the same key, which the server can recognise;
    a new key would find the claim code used up.
    """
    key = keys.load("device") or keys.create("device")
    write_atomic(directory / "pending.sealed", seal(key, device_key, _PENDING))


def erase(directory: Path, keys: KeyProvider) -> None:
    """Erase the identity of a revoked gate and leave a mark, so that the next start says why it does not."""
    with contextlib.ExitStack() as others:
        # Each is tried, whatever becomes of the one before.
        others.callback(remove, directory / "identity.sealed")
        others.callback(keys.destroy, "device")
        others.callback(remove, directory / "codes.db")
        others.callback(keys.destroy, "codes")
        write_atomic(directory / "revoked", b"")
