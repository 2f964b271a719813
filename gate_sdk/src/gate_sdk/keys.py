"""Where a gate's keys come from: files beside the data, or a secret that the environment brings.

A device with a secure element implements :class:`KeyProvider` over it in these three methods.
"""

import os
import secrets
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gate_sdk._files import make_private, remove, write_atomic
from gate_sdk.errors import DeviceKeyUnreadableError, StorageError

__all__ = ["KEY_BYTES", "EnvironmentKeyProvider", "FileKeyProvider", "KeyProvider"]

# 256 bits: what the store's cipher (ChaCha20-Poly1305) and the identity's seal take.
KEY_BYTES = 32


class KeyProvider(Protocol):
    """Keeps the gate's symmetric keys, 32 random bytes each, by name.

    The names are ``device``, ``roster``, ``outbox``, ``codes`` and ``frames``. The methods are called from several
    threads. Whatever they raise is taken for "no answer now": the gate decides by what it has in memory and asks again;
    only without ``device`` it does not open.

    Destroying a key is how the gate erases a file: on flash memory overwritten blocks survive, without their key
    they are noise. So ``destroy`` must really destroy, and ``create`` never return an old key again.
    """

    def load(self, name: str) -> bytes | None:
        """Return the 32 bytes of that name, or ``None`` where there are none."""
        ...

    def create(self, name: str) -> bytes:
        """Make a new key of that name, durably, replacing any older one; return its 32 bytes."""
        ...

    def destroy(self, name: str) -> None:
        """Make the key unrecoverable; harmless when there is none."""
        ...


class FileKeyProvider:
    """Each key in a file of mode 0600. Protects a stolen backup or database file, not a stolen device."""

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)

    def load(self, name: str) -> bytes | None:
        """Read the key's file; a file of the wrong length counts as no key, for it opens nothing."""
        try:
            key = (self._directory / f"{name}.key").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read the key {name!r}: {error.strerror}") from error
        return key if len(key) == KEY_BYTES else None

    def create(self, name: str) -> bytes:
        """Write 32 random bytes, atomically."""
        make_private(self._directory)
        key = secrets.token_bytes(KEY_BYTES)
        write_atomic(self._directory / f"{name}.key", key)
        return key

    def destroy(self, name: str) -> None:
        """Unlink the key's file."""
        remove(self._directory / f"{name}.key")


class EnvironmentKeyProvider:
    """Keys derived (HKDF-SHA256) from a secret in the environment and a random salt per key in a file.

    Neither the disk nor the environment alone opens anything, and destroying the salt destroys the key.
    """

    def __init__(self, directory: Path | str, *, variable: str = "DOORWARD_GATE_SECRET") -> None:
        """Read the secret: at least 32 characters of hexadecimal or any other text with that much randomness.

        Raises:
            DeviceKeyUnreadableError: the variable is missing or too short.
        """
        secret = os.environ.get(variable, "")
        if len(secret) < KEY_BYTES:
            raise DeviceKeyUnreadableError(
                f"the environment variable {variable} must hold a secret of at least {KEY_BYTES} characters",
                remedy=f"Set {variable}, for example to the output of `openssl rand -hex 32`.",
            )
        self._secret = secret.encode()
        self._salts = FileKeyProvider(directory)

    def load(self, name: str) -> bytes | None:
        """Derive the key again from its salt."""
        salt = self._salts.load(name)
        return None if salt is None else self._derive(salt, name)

    def create(self, name: str) -> bytes:
        """Make a new salt, atomically, and derive the key from it."""
        return self._derive(self._salts.create(name), name)

    def destroy(self, name: str) -> None:
        """Unlink the salt's file."""
        self._salts.destroy(name)

    def _derive(self, salt: bytes, name: str) -> bytes:
        kdf = HKDF(
            algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=b"doorward/gate-key/v1\0" + name.encode()
        )
        return kdf.derive(self._secret)
