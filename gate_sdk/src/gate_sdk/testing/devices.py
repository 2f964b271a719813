"""The fake server's devices: claim codes, assertions, tokens."""

from __future__ import annotations

import secrets
from uuid import UUID, uuid4

import jwt
import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gate_sdk.testing.http import Refusal, Request, Response
from gate_sdk.testing.roster import FakeRoster
from gate_sdk.wire import (
    ASSERTION_TYPE,
    ProvisionRequest,
    ProvisionResponse,
    TokenRequest,
    TokenResponse,
    provision_statement,
)

__all__ = ["FakeDevices"]

_TOKEN_S = 600


class FakeDevices:
    """Not safe for several threads; the backend's lock guards it."""

    def __init__(self, roster: FakeRoster) -> None:
        self._roster = roster
        self._claims: dict[str, bytes | None] = {}
        self._gates: dict[UUID, bytes] = {}
        self._tokens: dict[str, UUID] = {}
        self.revoked: set[UUID] = set()

    def claim(self) -> str:
        """A fresh claim code."""
        # Like a real one never with a hyphen in front, which a command line would take for an option.
        code = "-".join(secrets.token_hex(2).upper() for _ in range(3))
        self._claims[code] = None
        return code

    def revoke_all(self) -> None:
        """Take every gate out of service."""
        self.revoked = set(self._gates)

    def drop_tokens(self) -> None:
        """Make every access token invalid."""
        self._tokens.clear()

    def provision(self, request: Request, pack: str) -> Response:
        """Answer a claim code with an identity."""
        asked = msgspec.json.decode(request.body, type=ProvisionRequest)
        if asked.claim_code not in self._claims:
            raise Refusal(404, "claim-code-unknown")
        used_by = self._claims[asked.claim_code]
        if used_by not in {None, asked.public_key}:
            raise Refusal(409, "claim-code-used")
        try:
            Ed25519PublicKey.from_public_bytes(asked.public_key).verify(
                asked.proof, provision_statement(asked.claim_code, asked.public_key)
            )
        except InvalidSignature:
            raise Refusal(400, "bad-proof") from None
        self._claims[asked.claim_code] = asked.public_key
        known = [gate for gate, key in self._gates.items() if key == asked.public_key]
        gate = known[0] if known else uuid4()
        self._gates[gate] = asked.public_key
        answer = ProvisionResponse(
            gate_id=gate,
            community_id=self._roster.community,
            name="Front gate",
            pack=pack,
            server_keys=self._roster.server_keys,
        )
        return Response(201, msgspec.json.encode(answer), {"Content-Type": "application/json"})

    def token(self, request: Request) -> Response:
        """Answer an assertion with an access token."""
        asked = msgspec.json.decode(request.body, type=TokenRequest)
        if asked.client_assertion_type != ASSERTION_TYPE:
            raise Refusal(400, "bad-assertion-type")
        try:
            gate = UUID(jwt.decode(asked.client_assertion, options={"verify_signature": False})["iss"])
            key = Ed25519PublicKey.from_public_bytes(self._gates[gate])
            claims = jwt.decode(
                asked.client_assertion,
                key,
                algorithms=["EdDSA"],
                audience=f"{request.base}/gate/v1/token",
                options={
                    "require": ["iss", "sub", "aud", "jti", "iat", "exp"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, KeyError, ValueError):
            raise Refusal(401, "bad-assertion") from None
        now = self._roster.now_us() / 1e6
        if claims["sub"] != str(gate) or not claims["iat"] - 60 <= now <= claims["exp"]:
            raise Refusal(401, "bad-assertion")
        if gate in self.revoked:
            raise Refusal(403, "gate-revoked")
        token = secrets.token_urlsafe(16)
        self._tokens[token] = gate
        answer = TokenResponse(access_token=token, expires_in=_TOKEN_S)
        return Response(200, msgspec.json.encode(answer), {"Content-Type": "application/json"})

    def gate(self, request: Request) -> UUID:
        """Whose bearer token a request carries."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        gate = self._tokens.get(token)
        if gate is None:
            raise Refusal(401, "token-invalid")
        if gate in self.revoked:
            raise Refusal(403, "gate-revoked")
        return gate
