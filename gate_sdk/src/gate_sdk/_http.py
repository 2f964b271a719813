"""The HTTP client, and what is read from its answers."""

import ipaddress
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from gate_sdk._version import VERSION
from gate_sdk.errors import InsecureUrlError, UnreachableError, UnreadableAnswerError

__all__ = ["check_url", "open_client", "read_answer"]

_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
_T = TypeVar("_T")


def check_url(url: str, *, allow_http: bool = False) -> str:
    """Return the server's address without a trailing slash.

    Raises:
        InsecureUrlError: plain http to another machine, unless allowed.
        UnreachableError: no http address at all.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UnreachableError(f"{url!r} is no server address", remedy="Give an address such as https://gate.example.")
    if parts.scheme == "http" and not allow_http and not _loopback(parts.hostname):
        raise InsecureUrlError
    return url.rstrip("/")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_client(url: str, transport: httpx.BaseTransport | None) -> httpx.Client:
    """An HTTP client for the server; ``transport`` replaces the network, for tests."""
    # A proxy set for the internet must not be asked for the box's own address.
    trust_env = not _loopback(urlsplit(url).hostname or "")
    agent = f"doorward-gate/{VERSION}"
    return httpx.Client(transport=transport, timeout=_TIMEOUT, trust_env=trust_env, headers={"User-Agent": agent})


def read_answer(response: httpx.Response, kind: type[_T], *, json: bool = False) -> _T:
    """Decode an answer's body, MessagePack or JSON.

    Raises:
        UnreadableAnswerError: it is something else, such as a login page of the network.
    """
    decode: Callable[..., _T] = msgspec.json.decode if json else msgspec.msgpack.decode
    try:
        return decode(response.content, type=kind)
    except msgspec.DecodeError:
        raise UnreadableAnswerError(f"not a {kind.__name__}", status=response.status_code) from None
