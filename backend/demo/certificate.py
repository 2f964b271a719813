"""The certificate of the demo's erasure: fetched as the office would, kept beside the report, and checked."""

from pathlib import Path

import httpx
import msgspec

from backend.demo.parties import Manager
from backend.privacy.certificates.command import verify_certificate

__all__ = ["CertificateSeen", "keep_certificate"]

_KEYS = "/.well-known/doorward-certificate-keys.json"


class CertificateSeen(msgspec.Struct, frozen=True):
    """Whether the certificate is genuine, what the checker said, and the names of its files beside the report."""

    genuine: bool
    told: str
    file: str
    keys: str
    page: str

    @property
    def first_line(self) -> str:
        """Genuine or not, complete or not."""
        return self.told.partition("\n")[0]


def keep_certificate(
    http: httpx.Client, manager: Manager, *, community_id: str, erasure_id: str, report: Path
) -> CertificateSeen:
    """Fetch certificate, page and public keys, and check the one by the other without the network.

    Raises:
        CallRefused: there is no certificate.
    """
    path = f"/communities/{community_id}/erasures/{erasure_id}/certificate"
    file, keys, page = (
        report.with_name(f"{report.stem}-{name}") for name in ("certificate.json", "keys.json", "certificate.html")
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(manager.fetch(path), indent=2))
    page.write_bytes(manager.fetch(f"{path}/page?language=en"))
    keys.write_bytes(http.get(_KEYS).raise_for_status().content)
    genuine, told = verify_certificate(file, keys=keys)
    return CertificateSeen(genuine=genuine, told=told, file=file.name, keys=keys.name, page=page.name)
