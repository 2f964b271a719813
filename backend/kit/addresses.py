"""Addresses of databases: what they leave unsaid about TLS is decided here, for every program that reads them."""

from urllib.parse import parse_qs, urlsplit, urlunsplit

__all__ = ["with_tls"]

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")


def with_tls(url: str) -> str:
    """The address with ``sslmode`` said: as it says itself, else none on this machine and TLS to any other.

    asyncpg would go on in the clear with whoever answers that he speaks no TLS, and dbmate would insist on it on this
    machine. ``require`` hides what is said from who listens and takes any server's certificate; ``verify-full`` with
    ``sslrootcert`` takes the right one's alone.
    """
    parts = urlsplit(url)
    # One without a host is a socket in this machine's file system.
    if "sslmode" in parse_qs(parts.query) or parts.hostname is None:
        return url
    mode = "disable" if parts.hostname in _THIS_MACHINE else "require"
    return urlunsplit(parts._replace(query=f"{parts.query}&sslmode={mode}".lstrip("&")))
