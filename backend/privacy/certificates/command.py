"""``doorward verify-certificate``: whether a file is a genuine certificate, by keys from somebody who is trusted."""

from pathlib import Path

import httpx

from backend.privacy.certificates.errors import CertificateRefused
from backend.privacy.certificates.schemas import Certificate
from backend.privacy.certificates.signing import read_keys, verify

__all__ = ["CannotRead", "verify_certificate"]

_MOST_BYTES = 10_000_000


class CannotRead(Exception):
    """The file or the keys cannot be read; the message says which."""


def verify_certificate(file: Path, *, keys: Path | None = None, url: str | None = None) -> tuple[bool, str]:
    """Check a certificate; whether it is genuine, and what to tell.

    Args:
        file: the certificate as JSON.
        keys: a file with the public keys; with it nothing goes over the network.
        url: where the keys are, if they are not in a file. It is the reader's word for whom he trusts, never the
            certificate's own.

    Raises:
        CannotRead: there is no such file, it is too large, or the keys cannot be had.
    """
    data = _read(file)
    key_set = _fetch(url) if url is not None else _read(keys or Path("doorward-certificate-keys.json"))
    try:
        certificate = verify(data, read_keys(key_set))
    except CertificateRefused as refused:
        return False, f"NOT GENUINE: {refused}"
    return True, "\n".join(_told(certificate))


def _told(c: Certificate) -> list[str]:
    lines = [
        f"GENUINE, {c.status}: certificate {c.certificate_id} of {c.issuer}",
        f"erasure {c.erasure_id} ({c.reason}, {c.extent}), asked for {c.begun_at.isoformat()}",
    ]
    if c.completed_at is not None:
        lines.append(f"completed {c.completed_at.isoformat()}")
    lines += [
        f"  {step.step:<12} {'outstanding' if step.confirmed_at is None else step.confirmed_at.isoformat()}"
        for step in c.stores
    ]
    for place in c.places:
        for gate in place.gates:
            at = f"may hold it until {gate.wiped_by.isoformat()}" if gate.wiped_by else ""
            if gate.confirmed_at is not None:
                at = gate.confirmed_at.isoformat()
            lines.append(f"  gate {gate.gate_id} {gate.state} {at}".rstrip())
    if c.backups_unreadable_by is not None:
        lines.append(f"the last backup is unreadable from {c.backups_unreadable_by.isoformat()}")
    lines.append(f"remains: {', '.join(one.what for one in c.remains)}")
    return lines


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise CannotRead(f"{path} is too large to be one")
        return path.read_bytes()
    except OSError as error:
        raise CannotRead(f"{path} cannot be read: {error.strerror}") from error


def _fetch(url: str) -> bytes:
    try:
        answer = httpx.get(url, timeout=10, follow_redirects=False)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CannotRead(f"the keys cannot be had from {url}: {type(error).__name__}") from error
    return answer.content
