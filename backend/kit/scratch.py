"""A place for files that live as long as the process: a container's own disk may be read-only."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["scratch_folder"]


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A private folder, in memory where the machine has such a place; gone with the block."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder in it is used, made by mkdtemp
    with tempfile.TemporaryDirectory(prefix="doorward-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)
