"""CertificateRefused (not HTTP's); CertificateNotFound 404, CertificateAwaited 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["CertificateAwaited", "CertificateNotFound", "CertificateRefused"]


class CertificateRefused(Exception):
    """The file is no genuine certificate; the message says why."""


class CertificateNotFound(NotFound):
    """There is no such certificate, or the link to it is not complete."""

    code = "certificate-not-found"
    remedy = "Open the link exactly as it was given, or take the erasure's id from the list of erasures."


class CertificateAwaited(Conflict):
    """The erasure is still at work on the servers; its certificate is made as soon as only gates are waited for."""

    code = "certificate-awaited"
    remedy = "Try again in a minute."
