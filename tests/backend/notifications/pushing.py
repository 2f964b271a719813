"""A push service and browsers for tests: what is sent is taken by real HTTPS and decrypted as a browser would."""

import base64
import ipaddress
import json
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from backend.kit.outgoing import Outgoing

__all__ = ["HOST", "Received", "TestBrowser", "TestPushService", "push_service"]

HOST = "push.doorward.test"


class TestBrowser:
    """A browser's half of RFC 8291: its keys, and the reading of what was encrypted for it."""

    __test__ = False

    def __init__(self, name: str = "one") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = name.encode().ljust(16, b"-")[:16]
        self.point = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.endpoint = f"https://{HOST}/send/{name}"

    def subscription(self, **changed: object) -> dict[str, object]:
        """What PushSubscription.toJSON() gives."""
        keys = {"p256dh": _base64(self.point), "auth": _base64(self.secret)}
        return {"endpoint": self.endpoint, "expirationTime": None, "keys": keys, **changed}

    def open(self, body: bytes) -> dict[str, Any]:
        """Decrypt (RFC 8188, aes128gcm, one record)."""
        salt, (record, size) = body[:16], struct.unpack("!LB", body[16:21])
        sender, sealed = body[21 : 21 + size], body[21 + size :]
        assert len(sealed) <= record
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        prk = _derived(self.secret, shared, b"WebPush: info\0" + self.point + sender, 32)
        key = _derived(salt, prk, b"Content-Encoding: aes128gcm\0", 16)
        nonce = _derived(salt, prk, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, sealed, None)
        assert plain.endswith(b"\x02")
        opened: dict[str, Any] = json.loads(plain[:-1])
        return opened


class Received:
    """One request to the push service."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.body = body

    def claims(self) -> dict[str, Any]:
        """What the sender says of himself, after its signature was checked with the key that he names (RFC 8292)."""
        scheme, _, rest = self.headers["authorization"].partition(" ")
        assert scheme == "vapid"
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        point = base64.urlsafe_b64decode(parts["k"] + "=" * (-len(parts["k"]) % 4))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        claims: dict[str, Any] = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=f"https://{HOST}")
        return {**claims, "k": parts["k"]}


class TestPushService:
    """Takes messages at 127.0.0.1, with a certificate for its name, and answers as the test says."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.received: list[Received] = []
        # By path; 201 where there is none.
        self.answers: dict[str, tuple[int, dict[str, str]]] = {}
        # Set with the first request.
        self.arrived = threading.Event()
        # By path: answers that wait, and answers that never end.
        self.held: dict[str, threading.Event] = {}
        self.endless: set[str] = set()
        self.certificate = folder / "push.pem"
        self.certificate.write_bytes(_certificate())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]

    def outgoing(self, *, addresses: Sequence[str] = ("127.0.0.1",), whole_s: float = 15) -> Outgoing:
        """What connects to it, and to 127.0.0.1 only, by the name that it has nowhere else."""

        async def resolve(host: str, port: int) -> Sequence[str]:
            assert (host, port) == (HOST, 443)
            return addresses

        return Outgoing(
            is_allowed=lambda address: address == "127.0.0.1",
            resolve=resolve,
            connect_to=self.port,
            whole_s=whole_s,
            trusted=ssl.create_default_context(cafile=str(self.certificate)),
        )

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(service) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler's own self stands inside
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                service.received.append(Received(self.path, headers, body))
                service.arrived.set()
                if self.path in service.held:
                    service.held[self.path].wait(30)
                status, extra = service.answers.get(self.path, (201, {}))
                self.send_response(status)
                endless = self.path in service.endless
                for name, value in {**extra, "Content-Length": "1000000000" if endless else "0"}.items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(OSError):
                    while endless:
                        self.wfile.write(b"x" * 65536)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def push_service(folder: Path) -> Iterator[TestPushService]:
    """A running one."""
    service = TestPushService(folder)
    service.start()
    try:
        yield service
    finally:
        service.stop()


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _derived(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
