"""KeyMissing, KeyDestroyed: errors of the program's state, never shown to a caller as they are."""

__all__ = ["KeyDestroyed", "KeyMissing", "KeyStoreError", "WrappingRefused"]


class KeyStoreError(Exception):
    """The key store cannot do what was asked."""


class KeyMissing(KeyStoreError):
    """There is no such key."""


class KeyDestroyed(KeyStoreError):
    """The person's key was destroyed; nothing sealed with it can be read again, and no new one is made for his id."""


class WrappingRefused(KeyStoreError):
    """The key service does not unwrap this: another master key, or changed bytes."""
