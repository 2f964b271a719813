"""Sees every file that is made in a folder, also one that is gone a moment later (Linux' inotify)."""

import ctypes
import os
import struct
from pathlib import Path

__all__ = ["FolderWatch"]

_CREATE, _MOVED_TO = 0x100, 0x80
_EVENT = struct.Struct("iIII")


class FolderWatch:
    """Notes the names of files and folders made directly in it."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._descriptor >= 0
        assert libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _CREATE | _MOVED_TO) >= 0

    def made(self) -> list[str]:
        """Names since the last call."""
        names: list[str] = []
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return names
            at = 0
            while at < len(data):
                *_, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size
                names.append(data[at : at + length].rstrip(b"\0").decode())
                at += length

    def close(self) -> None:
        os.close(self._descriptor)
