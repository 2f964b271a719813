"""Requests to addresses that others have named: what may be connected to, and that nothing else is.

Somebody who may tell the server where to send something could have it ask the deployment's own machines. So the
address is ``https`` on port 443 of a host with a name, the name is resolved once, every address that it stands for
must be public, and the connection goes to the very address that was checked: a name that means another machine a
moment later gains nothing. The certificate is the named host's all the same.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import httpx
import msgspec

from backend.kit.tracing import part

__all__ = ["AddressRefused", "Answer", "Outgoing", "Target", "is_public", "read_target"]

_HTTPS = 443
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_WHOLE_S = 15.0
_LOOK_UPS = 64
_MOST_HEADER = 200
# All unicast addresses that are routed at present; what maps IPv4 into IPv6 (::ffff:0:0/96, 64:ff9b::/96) is outside.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# 6to4 and Teredo carry an IPv4 address that nobody has looked at.
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))


class AddressRefused(Exception):
    """Nothing is sent there: no address of a public host, or one that cannot be found at present."""


class Target(msgspec.Struct, frozen=True):
    """A host to send to, and the path and query beneath it."""

    host: str
    path: str


class Answer(msgspec.Struct, frozen=True):
    """What came back. The body is never read; ``retry_after`` is the header as it came."""

    status: int
    retry_after: str | None


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a public host: no private, local, shared, reserved, mapped or tunnelled one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if not parsed.is_global or parsed.is_multicast or parsed.is_reserved:
        return False
    if isinstance(parsed, ipaddress.IPv4Address):
        return True
    return parsed in _GLOBAL_UNICAST and not any(parsed in network for network in _TUNNELS)


def read_target(url: str) -> Target:
    """The host behind an address, if it may be one of ours to send to. Connects nothing.

    Args:
        url: hostile input.

    Raises:
        AddressRefused: not https, another port, a user's name in it, or a host without a name.
    """
    try:
        parts = urlsplit(url)
        host, given = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused from None
    plain = url.isascii() and url.isprintable() and not any(c in url for c in " \\")
    if not plain or parts.scheme != "https" or not host or parts.username is not None or parts.password is not None:
        raise AddressRefused
    if given not in (None, _HTTPS) or "." not in host.strip(".") or _is_literal(host):
        raise AddressRefused
    return Target(host=host, path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _is_literal(host: str) -> bool:
    # The last label of a name is never a number; so that no form of an address that only the resolver knows
    # ("127.1", "0x7f.1") passes for one.
    last = host.rstrip(".").rsplit(".", 1)[-1]
    return ":" in host or last.isdigit() or last.lower().startswith("0x")


class Outgoing:
    """Posts to such addresses. Close it at the end."""

    def __init__(
        self,
        *,
        is_allowed: Callable[[str], bool] = is_public,
        resolve: Callable[[str, int], Awaitable[Sequence[str]]] | None = None,
        connect_to: int = _HTTPS,
        trusted: ssl.SSLContext | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
        whole_s: float = _WHOLE_S,
    ) -> None:
        """Connect nothing yet.

        Args:
            is_allowed: which IP addresses may be connected to.
            resolve: the IP addresses of a host and port; raises OSError where it has none. The system's where None.
            connect_to: the port there; addresses name 443 in any case.
            trusted: whose certificates are believed; the system's where None.
            timeout: for each step.
            whole_s: seconds after which a request ends in any case.
        """
        self._is_allowed = is_allowed
        # Its own: names that nobody answers for would keep all of the loop's threads waiting.
        self._resolvers = ThreadPoolExecutor(_LOOK_UPS, thread_name_prefix="outgoing")
        self._look_up = resolve or self._ask_system
        self._whole_s = whole_s
        self._port = connect_to
        self._client = httpx.AsyncClient(
            verify=trusted or ssl.create_default_context(),
            timeout=timeout,
            follow_redirects=False,
            # A proxy of the environment would resolve the name again.
            trust_env=False,
            # A kept connection is found by its IP address, and may have been made for another host behind it.
            # As many as there are: one slow host must not hold up the others.
            limits=httpx.Limits(max_keepalive_connections=0, max_connections=None),
        )

    async def post(self, url: str, *, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Send it. Redirects are answers like any other.

        Raises:
            AddressRefused: see the module.
            httpx.HTTPError: the host cannot be reached, or is not who it says.
            TimeoutError: it took too long.
        """
        target = read_target(url)
        with part("outgoing"):
            return await self._post(target, content=content, headers=headers)

    async def _post(self, target: Target, *, content: bytes, headers: Mapping[str, str]) -> Answer:
        async with asyncio.timeout(self._whole_s):
            address = await self._resolve(target)
            literal = f"[{address}]" if ":" in address else address
            request = self._client.build_request(
                "POST",
                f"https://{literal}:{self._port}{target.path}",
                content=content,
                headers={**headers, "Host": target.host},
                extensions={"sni_hostname": target.host},
            )
            # Streamed and closed unread: how long the answer is, is the other side's choice.
            answer = await self._client.send(request, stream=True)
            try:
                return Answer(answer.status_code, (answer.headers.get("retry-after") or "")[:_MOST_HEADER] or None)
            finally:
                await answer.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def _resolve(self, target: Target) -> str:
        """The first of the name's addresses, all of which must be allowed."""
        try:
            addresses = await self._look_up(target.host, _HTTPS)
        except (OSError, UnicodeError):
            raise AddressRefused from None
        if not addresses or not all(self._is_allowed(address) for address in addresses):
            raise AddressRefused
        return addresses[0]

    async def _ask_system(self, host: str, port: int) -> Sequence[str]:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._resolvers, ask)
        return [str(info[4][0]) for info in found]
