"""Reading a ZIP archive from anybody: bounded in every direction, and no name in it ever becomes a path.

A bomb is refused by what it unpacks to, while it unpacks. An archive's directory is refused by its length before it is
read, files that are encrypted or packed in unusual ways by their entry.
"""

import io
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath

import msgspec

from gate_sdk.face import DEFAULT_LIMITS

__all__ = ["MAX_ARCHIVE_BYTES", "MAX_FILES", "ArchiveRefused", "Entry", "Pieces", "entries", "is_zip", "unpack"]

MAX_ARCHIVE_BYTES = 1024**3
MAX_FILES = 20_000
#: All photographs of an archive together, unpacked: photographs are hardly packed at all, so four times is much.
MAX_UNPACKED_BYTES = 4 * MAX_ARCHIVE_BYTES
_MAX_PHOTO_BYTES = DEFAULT_LIMITS.max_bytes
#: The directory of 20,000 files with names of some 150 characters. It is read whole, and becomes objects ten times its
#: size, so that is the bound on memory.
_MAX_READ_BYTES = 4 * 1024**2
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
_UTF_8 = 0x800
_MAX_NUMBER = 64
_MAX_NAME = 200
_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")


class ArchiveRefused(Exception):
    """The archive cannot be read; ``code`` is stable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Entry(msgspec.Struct, frozen=True):
    """A file of the archive: its number in it, its name without any path, whose it is, or why it cannot be taken."""

    line: int
    name: str
    number: str
    info: zipfile.ZipInfo
    problem: str | None = None


class Pieces(io.RawIOBase):
    """A file of pieces of equal length, but for the last one; two of them in memory.

    Args:
        fetch: gives a piece by its index; called from the thread that reads.
        size: of the whole, in bytes.
        piece: of a piece, in bytes.
    """

    def __init__(self, fetch: Callable[[int], bytes], *, size: int, piece: int) -> None:
        self._fetch = fetch
        self._size = size
        self._piece = piece
        self._at = 0
        self._held: dict[int, bytes] = {}

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go there; before the beginning is an error, as with any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes; less at the end.

        Raises:
            ArchiveRefused: more at once than an archive in order needs.
        """
        wanted = max(0, self._size - self._at) if size < 0 else min(size, max(0, self._size - self._at))
        if wanted > _MAX_READ_BYTES:
            raise ArchiveRefused("directory_too_large")
        found = bytearray()
        while len(found) < wanted:
            index, offset = divmod(self._at, self._piece)
            part = self._held_piece(index)[offset : offset + wanted - len(found)]
            if not part:
                raise ArchiveRefused("archive_damaged")
            found += part
            self._at += len(part)
        return bytes(found)

    def _held_piece(self, index: int) -> bytes:
        if index not in self._held:
            while len(self._held) > 1:
                del self._held[next(iter(self._held))]
            self._held[index] = self._fetch(index)
        return self._held[index]


def is_zip(beginning: bytes) -> bool:
    """Whether a file that begins so, four bytes and more, may be a ZIP archive."""
    return beginning[:4] in _BEGINNINGS


def open_archive(pieces: Pieces) -> zipfile.ZipFile:
    """Open the archive, reading its directory.

    Raises:
        ArchiveRefused: it is damaged, or has too many files.
    """
    try:
        archive = zipfile.ZipFile(pieces)
    except ArchiveRefused:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, IndexError, KeyError) as error:
        raise ArchiveRefused("archive_damaged") from error
    if len(archive.infolist()) > MAX_FILES:
        raise ArchiveRefused("too_many_files")
    return archive


def entries(archive: zipfile.ZipFile) -> list[Entry]:
    """The archive's files, in its order, each with the number of the member whom its name says.

    Directories and what Apple's and Microsoft's systems put into archives by themselves are left out. Of two files with
    one number neither is taken: nobody knows which of the two shows the member.
    """
    found = []
    for line, info in enumerate(archive.infolist(), start=1):
        # Only what stands behind the last separator: no name is ever used as a path.
        path = PurePosixPath(_decoded(info).replace("\\", "/"))
        if info.is_dir() or path.name.startswith((".", "~")) or "__MACOSX" in path.parts or path.name == "Thumbs.db":
            continue
        found.append(Entry(line=line, name=_shown(path.name), number=path.stem.strip(), info=info))
    counted = Counter(entry.number for entry in found)
    return [msgspec.structs.replace(entry, problem=_problem(entry, counted[entry.number])) for entry in found]


def unpack(archive: zipfile.ZipFile, entry: Entry) -> bytes:
    """One file's bytes.

    Raises:
        ArchiveRefused: it is damaged, or more than a photograph may be.
    """
    try:
        with archive.open(entry.info) as file:
            data = file.read(_MAX_PHOTO_BYTES + 1)
    except ArchiveRefused:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArchiveRefused("file_damaged") from error
    except Exception as error:  # zlib.error, whose class has no name outside of zlib
        if type(error).__module__ != "zlib":
            raise
        raise ArchiveRefused("file_damaged") from error
    if len(data) > _MAX_PHOTO_BYTES:
        raise ArchiveRefused("photo_too_large")
    return data


def _problem(entry: Entry, count: int) -> str | None:
    checks = (
        (entry.info.flag_bits & _ENCRYPTED, "file_encrypted"),
        (entry.info.compress_type not in _PACKINGS, "file_packed_unusually"),
        (entry.info.file_size > _MAX_PHOTO_BYTES, "photo_too_large"),
        (not entry.number or len(entry.number) > _MAX_NUMBER, "number_unknown"),
        (count > 1, "number_twice"),
    )
    return next((code for failed, code in checks if failed), None)


def _decoded(info: zipfile.ZipInfo) -> str:
    # Archives made on Chinese Windows carry GB18030 without saying so; zipfile reads it as the IBM PC's code page.
    if info.flag_bits & _UTF_8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name)[:_MAX_NAME]
