"""HTTP to the server: one method per route of the gate surface, problems turned into errors."""

import contextlib
import email.utils
import ipaddress
import logging
import secrets
import socket
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import jwt
import msgspec

from gate_sdk._clock import Clock
from gate_sdk._identity import Identity
from gate_sdk._version import VERSION
from gate_sdk.errors import (
    GateRevokedError,
    InsecureUrlError,
    NotAuthorizedError,
    RequestRefusedError,
    RosterDivergedError,
    UnavailableError,
    UnreachableError,
    UnreadableAnswerError,
)
from gate_sdk.wire import (
    ASSERTION_TTL_S,
    Acknowledged,
    EventBatch,
    EventReceipt,
    ProvisionRequest,
    ProvisionResponse,
    SyncPage,
    TokenRequest,
    TokenResponse,
)

__all__ = ["MAX_WAIT_S", "Problem", "Transport", "check_url", "open_client"]

_log = logging.getLogger("gate_sdk")
_MSGPACK = "application/vnd.msgpack"
# The longest poll the protocol allows; short enough for the idle limits of home routers and proxies.
MAX_WAIT_S = 25
_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
# A token is renewed this long before its end, so that no request is sent with one that ends on the way.
_RENEW_BEFORE_S = 30.0
# A device clock further off than this makes assertions that the server refuses.
_SKEW_S = 20.0

_T = TypeVar("_T")
_UNAUTHORIZED, _FORBIDDEN, _CONFLICT, _TOO_MANY = 401, 403, 409, 429


class Problem(msgspec.Struct, frozen=True):
    """What an error answer says (RFC 9457)."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    remedy: str = ""
    code: str = ""

    def named(self, name: str) -> bool:
        """Whether the problem's type or code is ``name``."""
        return self.code == name or self.type.rsplit("/", 1)[-1] == name


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


def raise_problem(response: httpx.Response) -> None:
    """Raise what an answer outside of 2xx means; return otherwise."""
    if response.is_success:
        return
    try:
        problem = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        problem = Problem(title=response.reason_phrase)
    status = response.status_code
    said = f"{status} {problem.title or problem.type}"
    if problem.named("gate-revoked"):
        raise GateRevokedError
    if problem.named("roster-diverged"):
        raise RosterDivergedError(said, status=status, problem=problem.type)
    if status == _UNAUTHORIZED:
        raise NotAuthorizedError(said, status=status, problem=problem.type)
    if status == _TOO_MANY or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        after = _seconds(response.headers.get("Retry-After"))
        raise UnavailableError(said, status=status, problem=problem.type, retry_after=after)
    raise RequestRefusedError(said, status=status, problem=problem.type, remedy=problem.remedy or None)


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        date = email.utils.parsedate_to_datetime(value) if value[:1].isalpha() else None
        return None if date is None else max(0.0, date.timestamp() - time.time())


class Transport:
    """The gate surface, as this gate. Safe for several threads."""

    def __init__(self, identity: Identity, clock: Clock, transport: httpx.BaseTransport | None = None) -> None:
        self._identity = identity
        self._clock = clock
        self._client = open_client(identity.url, transport)
        self._own = transport
        self._lock = threading.Lock()
        self._token = ""
        self._token_until = 0.0
        self._skew_s = 0.0
        self._aborted = False
        self._streams: weakref.WeakSet[Any] = weakref.WeakSet()

    def sync(self, at: Acknowledged | None, cursor: str | None, wait: int) -> SyncPage:
        """Fetch a page; a poll with ``at`` also acknowledges that state.

        Raises:
            RosterDivergedError: start again from nothing.
            GateRevokedError: this gate is out of service.
            ServerError: nothing came, for now.
        """
        query: dict[str, str] = {"wait": str(wait)}
        if at is not None:
            query |= {"epoch": str(at.epoch), "version": str(at.version), "digest": at.digest.hex()}
        if cursor is not None:
            query["cursor"] = cursor
        response = self._send("GET", "/gate/v1/sync", params=query, read_s=wait + 15.0)
        return _decode(response, SyncPage)

    def deliver(self, batch: EventBatch) -> EventReceipt:
        """Hand events over; what the receipt names is committed there."""
        response = self._send("POST", "/gate/v1/events", content=msgspec.msgpack.encode(batch))
        return _decode(response, EventReceipt)

    def abort(self) -> None:
        """Wake any thread that waits for an answer; no request succeeds afterwards."""
        self._aborted = True
        self._shut_down()
        if self._own is not None:
            self._own.close()

    def _shut_down(self) -> None:
        for stream in list(self._streams):
            # The socket may be closed, or amid TLS, in any state: whatever it says, the thread is on its way out.
            with contextlib.suppress(Exception):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections; only once no thread uses them."""
        self._client.close()

    def _send(self, method: str, path: str, *, read_s: float = 15.0, **options: Any) -> httpx.Response:
        response = self._once(method, path, self._bearer(), read_s, options)
        if response.status_code == _UNAUTHORIZED:
            # The token may have been cancelled, or signed by a key that was rotated away: once, ask for another.
            response = self._once(method, path, self._bearer(renew=True), read_s, options)
        raise_problem(response)
        return response

    def _once(self, method: str, path: str, token: str, read_s: float, options: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": f"{_MSGPACK}, application/problem+json"}
        if "content" in options:
            headers["Content-Type"] = _MSGPACK
        timeout = httpx.Timeout(read_s, connect=5.0)
        request = self._client.build_request(
            method, self._identity.url + path, headers=headers, timeout=timeout, **options
        )
        return self._exchange(request)

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        if self._aborted:
            raise UnreachableError("the gate is closing")
        request.extensions["trace"] = self._trace
        try:
            return self._client.send(request)
        except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError) as error:
            # RuntimeError: the client was closed meanwhile. The address is left out: it may carry a cursor.
            raise UnreachableError(f"no answer: {type(error).__name__}") from None

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        # httpx offers no way to end a request from another thread; `abort` shuts the socket down instead.
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._streams.add(info["return_value"])
            if self._aborted:
                self._shut_down()

    def _bearer(self, *, renew: bool = False) -> str:
        with self._lock:
            if renew or self._clock.monotonic() >= self._token_until:
                answer = self._fetch_token()
                self._token = answer.access_token
                self._token_until = self._clock.monotonic() + max(1.0, answer.expires_in - _RENEW_BEFORE_S)
            return self._token

    def _fetch_token(self) -> TokenResponse:
        response = self._post_assertion()
        if not response.is_success and self._learn_skew(response):
            response = self._post_assertion()
        raise_problem(response)
        return _decode(response, TokenResponse, json=True)

    def _post_assertion(self) -> httpx.Response:
        address = f"{self._identity.url}/gate/v1/token"
        now = int(self._clock.now_us() / 1e6 + self._skew_s)
        gate = str(self._identity.gate_id)
        claims = {
            "iss": gate,
            "sub": gate,
            "aud": address,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + ASSERTION_TTL_S,
        }
        assertion = jwt.encode(claims, self._identity.private_key, algorithm="EdDSA")
        request = self._client.build_request(
            "POST",
            address,
            content=msgspec.json.encode(TokenRequest(client_assertion=assertion)),
            headers={"Content-Type": "application/json"},
        )
        return self._exchange(request)

    def _learn_skew(self, response: httpx.Response) -> bool:
        """Take the server's time from a refusal; devices without a battery-backed clock wake up in the past.

        Only the assertion is dated by it: leases go by signed heads, never by an unsigned header.
        """
        try:
            server = email.utils.parsedate_to_datetime(response.headers["Date"]).timestamp()
        except (KeyError, ValueError):
            return False
        skew = server - self._clock.now_us() / 1e6
        if abs(skew - self._skew_s) < _SKEW_S:
            return False
        _log.warning("the device's clock differs from the server's by %.0f s", skew)
        self._skew_s = skew
        return True


def _decode(response: httpx.Response, kind: type[_T], *, json: bool = False) -> _T:
    decode: Callable[..., _T] = msgspec.json.decode if json else msgspec.msgpack.decode
    try:
        return decode(response.content, type=kind)
    except msgspec.DecodeError:
        raise UnreadableAnswerError(f"not a {kind.__name__}", status=response.status_code) from None


def provision(url: str, request: ProvisionRequest, transport: httpx.BaseTransport | None) -> ProvisionResponse:
    """Exchange a claim code for an identity.

    Raises:
        RequestRefusedError: the code is unknown, used or expired.
        ServerError: no answer, or not a Doorward server's.
    """
    client = open_client(url, transport)
    try:
        response = client.post(
            f"{url}/gate/v1/provision",
            content=msgspec.json.encode(request),
            headers={"Content-Type": "application/json"},
        )
        raise_problem(response)
        return _decode(response, ProvisionResponse, json=True)
    except httpx.HTTPError as error:
        raise UnreachableError(f"no answer: {type(error).__name__}") from None
    finally:
        # A transport that was handed in belongs to the caller, who goes on to use it.
        if transport is None:
            client.close()
