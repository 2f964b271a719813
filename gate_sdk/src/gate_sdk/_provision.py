"""Makes a device a gate: its own key, a claim code, and the server's answer kept for good."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk import _identity
from gate_sdk._files import DirectoryLock, make_private
from gate_sdk._http import check_url, exchange, open_client, read_answer
from gate_sdk._identity import Identity
from gate_sdk._problems import raise_problem
from gate_sdk._version import VERSION
from gate_sdk.errors import AlreadyProvisionedError, ProvisionRefusedError, RequestRefusedError
from gate_sdk.keys import KeyProvider
from gate_sdk.wire import ProvisionRequest, ProvisionResponse, provision_statement

__all__ = ["provision_device"]


def provision_device(
    url: str,
    claim_code: str,
    *,
    directory: Path,
    keys: KeyProvider,
    transport: httpx.BaseTransport | None,
    allow_http: bool,
    packs: Sequence[str],
) -> None:
    """Do what :meth:`gate_sdk.GateClient.provision` says, up to opening the gate."""
    url = check_url(url, allow_http=allow_http)
    make_private(directory)
    lock = DirectoryLock(directory)
    lock.acquire()
    try:
        if (directory / "identity.sealed").exists() or _identity.is_revoked(directory):
            raise AlreadyProvisionedError(f"{directory} holds a gate already")
        raw = _identity.load_pending(directory, keys)
        key = Ed25519PrivateKey.generate() if raw is None else Ed25519PrivateKey.from_private_bytes(raw)
        _identity.save_pending(directory, keys, key.private_bytes_raw())
        public = key.public_key().public_bytes_raw()
        request = ProvisionRequest(
            claim_code=claim_code,
            public_key=public,
            proof=key.sign(provision_statement(claim_code, public)),
            sdk=VERSION,
            packs=tuple(packs),
        )
        answer = _exchange(url, request, transport)
        identity = Identity(
            url=url,
            gate_id=answer.gate_id,
            community_id=answer.community_id,
            name=answer.name,
            pack=answer.pack,
            server_keys=answer.server_keys,
            device_key=key.private_bytes_raw(),
        )
        _identity.save(directory, keys, identity)
    finally:
        lock.release()


def _exchange(url: str, request: ProvisionRequest, transport: httpx.BaseTransport | None) -> ProvisionResponse:
    client = open_client(url, transport)
    try:
        response = exchange(
            client,
            client.build_request(
                "POST",
                f"{url}/gate/v1/provision",
                content=msgspec.json.encode(request),
                headers={"Content-Type": "application/json"},
            ),
        )
        raise_problem(response)
        return read_answer(response, ProvisionResponse, json=True)
    except RequestRefusedError as error:
        raise ProvisionRefusedError(str(error), remedy=error.remedy) from error
    finally:
        # A transport that was handed in belongs to the caller, who goes on to use it.
        if transport is None:
            client.close()
