"""A vendor's keys as the SDK takes them: whatever their code raises or gives, the gate goes on as without an answer."""

from collections.abc import Callable
from typing import TypeVar

from gate_sdk.errors import GateError, StorageError
from gate_sdk.keys import KEY_BYTES, KeyProvider

__all__ = ["Keyring"]

_REMEDY = "Look at the key provider: it must return 32 bytes of bytes, the same ones for as long as the key lives."
_T = TypeVar("_T")


class Keyring:
    """A :class:`KeyProvider` that fails in one way only.

    A secure element that is busy raises what its driver raises. In a decision that would keep somebody outside whom the
    gate knows, and in the thread that syncs it would be taken for a failure of the network.
    """

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys

    def load(self, name: str) -> bytes | None:
        """See :class:`KeyProvider`.

        Raises:
            StorageError: no answer, or none that is a key.
        """
        key = _asked(name, lambda: self._keys.load(name))
        return None if key is None else _checked(name, key)

    def create(self, name: str) -> bytes:
        """See :class:`KeyProvider`.

        Raises:
            StorageError: no answer, or none that is a key.
        """
        return _checked(name, _asked(name, lambda: self._keys.create(name)))

    def destroy(self, name: str) -> None:
        """See :class:`KeyProvider`.

        Raises:
            StorageError: no answer.
        """
        _asked(name, lambda: self._keys.destroy(name))


def _asked(name: str, ask: Callable[[], _T]) -> _T:
    try:
        return ask()
    except GateError:
        raise
    except Exception as error:  # noqa: BLE001 - the vendor's own code; its text is left out: it may hold the key
        raise StorageError(f"no answer about the key {name!r}: {type(error).__name__}", remedy=_REMEDY) from None


def _checked(name: str, key: object) -> bytes:
    if not isinstance(key, bytes | bytearray | memoryview) or len(key) != KEY_BYTES:
        raise StorageError(f"what came as the key {name!r} is not {KEY_BYTES} bytes", remedy=_REMEDY)
    return bytes(key)
