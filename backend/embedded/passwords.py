"""Passwords of the cluster's roles: made once, kept 0600 beside the data, handed to Postgres as SCRAM verifiers."""

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

SUPERUSER = "postgres"
OWNER = "doorward_owner"
KEYS = "doorward_keys"
ROLES = (OWNER, "doorward_api", "doorward_worker", "doorward_audit", KEYS)

# PostgreSQL's own default (scram_iterations).
_ITERATIONS = 4096


def load_or_create(path: Path) -> Mapping[str, str]:
    """Read the passwords by role, after making them if there are none yet.

    The file is complete before it gets its name, so that a crash leaves either no passwords, or all of them.
    """
    if path.exists():
        passwords: dict[str, str] = json.loads(path.read_text("utf-8"))
        return passwords
    passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *ROLES)}
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(passwords, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    return passwords


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """The form in which PostgreSQL stores a password (RFC 5802, SCRAM-SHA-256).

    Sent in place of the password, so that no server log, pg_stat_statements or replica ever holds the password.

    Args:
        password: ASCII; other characters would need SASLprep, which is not done here.
        salt: 16 bytes; random when not given.

    Raises:
        UnicodeEncodeError: the password is not ASCII.
    """
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ITERATIONS)
    stored_key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    parts = (base64.b64encode(part).decode("ascii") for part in (salt, stored_key, server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *parts)
