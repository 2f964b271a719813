"""A key service on loopback that speaks AWS KMS' Encrypt and Decrypt, and really encrypts: for boto3's own client."""

import base64
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyService", "serving"]

#: KMS puts the key's id into the ciphertext; a hash of it is enough here.
_ID_BYTES = 16


class Refused(Exception):
    def __init__(self, code: str, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class KeyService:
    """Keys by id, and how it is to behave. ``calls`` counts by operation; ``contexts`` are what it was given."""

    def __init__(self) -> None:
        self._keys: dict[str, bytes] = {}
        self.url = ""
        self.calls: dict[str, int] = {"Encrypt": 0, "Decrypt": 0}
        self.contexts: list[Mapping[str, str]] = []
        # Answers to the next calls, in place of the right ones: (status, code); the last one goes on for ever if told.
        self.failures: list[tuple[int, str]] = []
        self.broken: tuple[int, str] | None = None
        # Set: calls are answered; cleared: they hang.
        self.answering = threading.Event()
        self.answering.set()

    def new_key(self) -> str:
        name = str(uuid4())
        self._keys[name] = AESGCM.generate_key(bit_length=256)
        return name

    def answer(self, operation: str, asked: dict[str, Any], *, signed: bool) -> dict[str, Any]:
        if not signed:
            raise Refused("MissingAuthenticationToken")
        self.calls[operation] += 1
        self.answering.wait(30)
        if self.failures:
            status, code = self.failures.pop(0)
            raise Refused(code, status)
        if self.broken is not None:
            raise Refused(self.broken[1], self.broken[0])
        name = asked["KeyId"]
        if name not in self._keys:
            raise Refused("NotFoundException")
        context = json.dumps(asked.get("EncryptionContext", {}), sort_keys=True).encode()
        self.contexts.append(asked.get("EncryptionContext", {}))
        mark, key = hashlib.sha256(name.encode()).digest()[:_ID_BYTES], AESGCM(self._keys[name])
        if operation == "Encrypt":
            nonce = os.urandom(12)
            sealed = mark + nonce + key.encrypt(nonce, base64.b64decode(asked["Plaintext"]), context)
            return {"CiphertextBlob": base64.b64encode(sealed).decode(), "KeyId": name}
        blob = base64.b64decode(asked["CiphertextBlob"])
        marks = {hashlib.sha256(other.encode()).digest()[:_ID_BYTES] for other in self._keys}
        if blob[:_ID_BYTES] != mark:
            raise Refused("IncorrectKeyException" if blob[:_ID_BYTES] in marks else "InvalidCiphertextException")
        try:
            plain = key.decrypt(blob[_ID_BYTES : _ID_BYTES + 12], blob[_ID_BYTES + 12 :], context)
        except (InvalidTag, ValueError):
            raise Refused("InvalidCiphertextException") from None
        return {"Plaintext": base64.b64encode(plain).decode(), "KeyId": name}


@contextmanager
def serving() -> Iterator[KeyService]:
    """A running service."""
    service = KeyService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            target = self.headers["X-Amz-Target"]
            try:
                signed = "AWS4-HMAC-SHA256" in self.headers.get("Authorization", "")
                status, body = 200, service.answer(target.removeprefix("TrentService."), asked, signed=signed)
            except Refused as refused:
                status, body = refused.status, {"__type": refused.code, "message": "refused"}
            data = json.dumps(body).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that went away is part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()
