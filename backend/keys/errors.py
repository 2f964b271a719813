"""What can go wrong with keys.

KeyStoreError, errors of the program's or the deployment's state, never shown to a caller as they are:
    KeyMissing
    KeyDestroyed
    WrappingRefused
    MasterKeyRefused
KeyServiceUnavailable, a Problem (503): passes by itself.
"""

from backend.kit.problems import Unavailable

__all__ = [
    "KeyDestroyed",
    "KeyMissing",
    "KeyServiceUnavailable",
    "KeyStoreError",
    "MasterKeyRefused",
    "WrappingRefused",
]


class KeyStoreError(Exception):
    """The key store cannot do what was asked."""


class KeyMissing(KeyStoreError):
    """There is no such key."""


class KeyDestroyed(KeyStoreError):
    """The person's key was destroyed; nothing sealed with it can be read again, and no new one is made for his id."""


class WrappingRefused(KeyStoreError):
    """The key service does not unwrap this: another master key, another context, or changed bytes."""


class MasterKeyRefused(KeyStoreError):
    """The key service does not let us use the master key; the message says why and what helps."""


class KeyServiceUnavailable(Unavailable):
    """The key service cannot be reached at the moment."""

    code = "key-service-unavailable"
    remedy = "Try again in a few seconds; nothing of this request was kept."
