"""What may happen to an encrypted file of a gate, or to its key."""

import os
from pathlib import Path

__all__ = ["HARMS", "damage"]

HARMS = ("wrong-key", "no-key", "flip", "truncate", "empty", "garbage")


def damage(harm: str, path: Path, key: Path) -> None:
    """Do one of :data:`HARMS` to a file of more than one page, or to its key."""
    if harm == "wrong-key":
        key.write_bytes(os.urandom(32))
    elif harm == "no-key":
        key.unlink()
    elif harm == "flip":
        content = bytearray(path.read_bytes())
        for place in range(5000, len(content), 4096):
            content[place] ^= 0xFF
        path.write_bytes(bytes(content))
    elif harm == "truncate":
        os.truncate(path, path.stat().st_size // 2)
    elif harm == "empty":
        os.truncate(path, 0)
    else:
        path.write_bytes(os.urandom(50_000))
