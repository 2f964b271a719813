"""HTTP to the server, as this gate: one method per route."""

import contextlib
import email.utils
import logging
import secrets
import socket
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import msgspec

from gate_sdk._clock import Clock
from gate_sdk._http import exchange, open_client, read_answer
from gate_sdk._identity import Identity
from gate_sdk._problems import UNAUTHORIZED, raise_problem
from gate_sdk._tracing import span
from gate_sdk.errors import GateClosedError, UnreadableAnswerError
from gate_sdk.wire import (
    ASSERTION_TTL_S,
    Acknowledged,
    AskAnswer,
    AskRequest,
    DeniedFrame,
    EventBatch,
    EventReceipt,
    FramePolicy,
    FrameReceipt,
    GateHealth,
    SyncPage,
    TokenRequest,
    TokenResponse,
    UseAnswer,
    UseClaim,
    policy_held,
)

__all__ = ["Transport"]

_log = logging.getLogger("gate_sdk")
_MSGPACK = "application/vnd.msgpack"
# A token is renewed this long before its end, so that no request is sent with one that ends on the way.
_RENEW_BEFORE_S = 30.0
# A device clock further off than this makes assertions that the server refuses.
_SKEW_S = 20.0


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

    def sync(
        self,
        at: Acknowledged | None,
        cursor: str | None,
        wait: int,
        plan: bytes | None,
        frames: FramePolicy | None,
    ) -> SyncPage:
        """Fetch a page; a poll with ``at`` also acknowledges that state, and ``plan`` the plan of that SHA-256.

        ``frames`` is what the gate goes by about pictures of denied approaches.

        Raises:
            RosterDivergedError: start again from nothing.
            GateRevokedError: this gate is out of service.
            ServerError: nothing came, for now.
        """
        query: dict[str, str] = {
            "wait": str(wait),
            "plan": "none" if plan is None else plan.hex(),
            "frames": policy_held(frames),
        }
        if at is not None:
            query |= {"epoch": str(at.epoch), "version": str(at.version), "digest": at.digest.hex()}
        if cursor is not None:
            query["cursor"] = cursor
        response = self._send("GET", "/gate/v1/sync", params=query, read_s=wait + 15.0)
        return read_answer(response, SyncPage)

    def deliver(self, batch: EventBatch) -> EventReceipt:
        """Hand events over; what the receipt names is committed there."""
        response = self._send("POST", "/gate/v1/events", content=msgspec.msgpack.encode(batch))
        return read_answer(response, EventReceipt)

    def count_use(self, claim: UseClaim, timeout: float) -> UseAnswer:
        """Count one use of a visitor's token across gates; ``timeout`` bounds each wait for the network."""
        response = self._send("POST", "/gate/v1/uses", content=msgspec.msgpack.encode(claim), read_s=timeout)
        return read_answer(response, UseAnswer)

    def ask(self, request: AskRequest) -> AskAnswer:
        """Ask a home, waiting up to ``request.wait`` seconds for its answer."""
        body = msgspec.msgpack.encode(request)
        return read_answer(self._send("POST", "/gate/v1/asks", content=body, read_s=request.wait + 4.0), AskAnswer)

    def hand_over(self, frame: DeniedFrame) -> bool:
        """Hand a picture of a denied approach over; whether the server keeps it."""
        response = self._send("POST", "/gate/v1/denied-frames", content=msgspec.msgpack.encode(frame))
        return read_answer(response, FrameReceipt).kept

    def tell_health(self, health: GateHealth) -> None:
        """Tell the server how the gate is doing."""
        self._send("POST", "/gate/v1/health", content=msgspec.msgpack.encode(health))

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
        with span(f"{method} {path}", request=True) as trace:
            response = self._once(method, path, self._bearer(), read_s, trace, options)
            if response.status_code == UNAUTHORIZED:
                # The token may have been cancelled, or signed by a key that was rotated away: once, ask for another.
                response = self._once(method, path, self._bearer(renew=True), read_s, trace, options)
            raise_problem(response)
            return response

    def _once(
        self, method: str, path: str, token: str, read_s: float, trace: Mapping[str, str], options: dict[str, Any]
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept": f"{_MSGPACK}, application/problem+json", **trace}
        if "content" in options:
            headers["Content-Type"] = _MSGPACK
        timeout = httpx.Timeout(read_s, connect=min(5.0, read_s))
        request = self._client.build_request(
            method, self._identity.url + path, headers=headers, timeout=timeout, **options
        )
        return self._exchange(request)

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        if self._aborted:
            raise GateClosedError
        request.extensions["trace"] = self._trace
        return exchange(self._client, request)

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
        answer = read_answer(response, TokenResponse, json=True)
        if not (answer.access_token.isascii() and answer.access_token.isprintable()):
            raise UnreadableAnswerError("a token that no header takes", status=response.status_code)
        return answer

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
