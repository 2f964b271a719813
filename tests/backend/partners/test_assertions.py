"""A company's machine that signs instead of sending a secret, and what does not pass for it."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import jwt
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc.jwk import ECKey

from backend.partners.clients.assertions import ASSERTION_TYPE, KeyInvalid, read_jwk
from tests.backend.couriers.company import Company, admit
from tests.backend.households.town import build_town
from tests.backend.world import MovableClock, World
from tests.databases import DatabaseUrls

AUDIENCE = "http://127.0.0.1:8480/partner/v1/token"
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk_of(key: PrivateKey, **members: object) -> dict[str, object]:
    if isinstance(key, Ed25519PrivateKey):
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw), **members}
    numbers = key.public_key().public_numbers()
    x, y = (encoded(part.to_bytes(32)) for part in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, **members}


def pem_of(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Signer:
    """A company's machine with a key that its authority knows."""

    def __init__(self, company: Company, key: PrivateKey, clock: Callable[[], datetime]) -> None:
        self.company, self.key, self.clock = company, key, clock
        self.alg = "EdDSA" if isinstance(key, Ed25519PrivateKey) else "ES256"

    def claims(self, **changed: object) -> dict[str, Any]:
        now = self.clock().timestamp()
        client = self.company.client_id
        claims = {"iss": client, "sub": client, "aud": AUDIENCE, "jti": str(uuid4()), "exp": now + 60, "iat": now}
        return {name: value for name, value in {**claims, **changed}.items() if value is not None}

    def sign(self, **changed: object) -> str:
        return jwt.encode(self.claims(**changed), self.key, algorithm=self.alg, headers={"kid": "machine-1"})

    async def send(self, assertion: str, **form: str) -> httpx.Response:
        return await self.company.actor.api.post(
            "/partner/v1/token",
            data={
                "grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion, **form,
            },
        )  # fmt: skip


async def register(company: Company, jwk: dict[str, object]) -> httpx.Response:
    return await company.town.office.post(f"/staff/v1/partners/{company.partner_id}/keys", json=jwk)


@pytest.fixture
async def company(world: World) -> Company:
    return await admit(await build_town(world))


@pytest.fixture(params=["EdDSA", "ES256"])
async def signer(request: pytest.FixtureRequest, company: Company, clock: MovableClock) -> Signer:
    key: PrivateKey = Ed25519PrivateKey.generate() if request.param == "EdDSA" else generate_private_key(SECP256R1())
    answer = await register(company, jwk_of(key, kid="machine-1"))
    assert (answer.status_code, answer.json()["alg"]) == (201, request.param)
    return Signer(company, key, clock)


async def test_a_signed_assertion_gets_a_token_that_works(signer: Signer) -> None:
    answer = await signer.send(signer.sign(), scope="shifts:write")
    assert (answer.status_code, answer.json()["scope"]) == (200, "shifts:write")
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    communities = await signer.company.actor.api.get("/partner/v1/communities", headers=headers)
    assert communities.status_code == 200


async def test_an_assertion_is_taken_once_even_by_two_processes_at_once(signer: Signer) -> None:
    assertion = signer.sign()
    answers = await asyncio.gather(*(signer.send(assertion) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    (refused, *_) = [answer for answer in answers if answer.status_code == 401]
    assert "used before" in refused.json()["error_description"]


async def test_what_proves_nothing_is_refused_by_what_is_wrong_with_it(signer: Signer) -> None:
    now = signer.clock().timestamp()
    stranger = Ed25519PrivateKey.generate() if signer.alg == "EdDSA" else generate_private_key(SECP256R1())
    public = signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    body = f"{encoded(b'{}')}."
    attempts = {
        signer.sign(exp=now - 31): "expired",
        signer.sign(exp=now + 3700): "more than an hour ahead",
        signer.sign(exp=float("inf")): "more than an hour ahead",
        signer.sign(iat=now + 60): "in the future",
        signer.sign(nbf=now + 60): "in the future",
        signer.sign(aud="https://elsewhere.example"): "aud is",
        signer.sign(aud=[AUDIENCE, "https://elsewhere.example"]): "aud is",
        signer.sign(sub="somebody-else"): "iss and sub",
        signer.sign(iss="somebody-else"): "no live key",
        signer.sign(jti="x" * 201): "jti has",
        signer.sign(jti=None): "is not a JWT",
        signer.sign(exp=None): "is not a JWT",
        jwt.encode(signer.claims(), stranger, algorithm=signer.alg, headers={"kid": "machine-1"}): "not signed by",
        jwt.encode(signer.claims(), signer.key, algorithm=signer.alg, headers={"kid": "other"}): "no live key",
        jwt.encode(signer.claims(), "", algorithm="none", headers={"kid": "machine-1"}): "no live key",
        # The public key as a shared secret: what a verifier falls for that lets the token choose its algorithm.
        _with_shared_secret(signer.claims(), public): "no live key",
        signer.sign()[:-8] + "AAAAAAAA": "not signed by",
        body + body + "x": "is not a JWT",
        "[" * 5000: "is not a JWT",
    }
    for assertion, why in attempts.items():
        answer = await signer.send(assertion)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), why
        assert why in answer.json()["error_description"]
        assert answer.headers["cache-control"] == "no-store"


def _with_shared_secret(claims: dict[str, Any], secret: bytes) -> str:
    # By hand: PyJWT refuses to make such a token.
    head = encoded(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "machine-1"}).encode())
    signed = f"{head}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


async def test_another_companys_key_signs_for_nobody_else(world: World, signer: Signer) -> None:
    other = await admit(signer.company.town, name="Another")
    forged = jwt.encode(
        {**signer.claims(), "iss": other.client_id, "sub": other.client_id},
        signer.key, algorithm=signer.alg, headers={"kid": "machine-1"},
    )  # fmt: skip
    assert (await signer.send(forged)).status_code == 401


async def test_assertion_and_secret_together_are_refused(signer: Signer) -> None:
    answer = await signer.send(signer.sign(), client_secret=signer.company.client_secret)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    wrong = await signer.send(signer.sign(), client_id="somebody-else")
    assert wrong.status_code == 401
    typed = await signer.send(signer.sign(), client_assertion_type="urn:ietf:params:oauth:client-assertion-type:saml2")
    assert (typed.status_code, typed.json()["error"]) == (400, "invalid_request")


async def test_a_clock_that_is_a_little_off_still_logs_in(signer: Signer) -> None:
    now = signer.clock().timestamp()
    assert (await signer.send(signer.sign(iat=now + 25, exp=now + 85))).status_code == 200
    assert (await signer.send(signer.sign(iat=now - 85, exp=now - 25))).status_code == 200


async def test_a_revoked_key_ends_what_it_opened_at_once(signer: Signer) -> None:
    answer = await signer.send(signer.sign())
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    office, path = signer.company.town.office, f"/staff/v1/partners/{signer.company.partner_id}/keys"
    (key,) = (await office.get(path)).json()["keys"]
    assert (await office.delete(f"{path}/{key['key_id']}")).status_code == 204
    api = signer.company.actor.api
    assert (await api.get("/partner/v1/communities", headers=headers)).status_code == 401
    assert (await signer.send(signer.sign())).status_code == 401
    assert (await office.delete(f"{path}/{key['key_id']}")).json()["code"] == "key-not-found"


async def test_a_revoked_secret_ends_what_it_opened_at_once(company: Company, clock: MovableClock) -> None:
    clock.advance(minutes=1)
    office, path = company.town.office, f"/staff/v1/partners/{company.partner_id}"
    assert (await company.actor.get("/partner/v1/communities")).status_code == 200
    await office.post(f"{path}/secrets")
    first = (await office.get(path)).json()["secrets"][0]["secret_id"]
    await office.delete(f"{path}/secrets/{first}")
    assert (await company.actor.get("/partner/v1/communities")).status_code == 401


async def test_with_a_key_no_secret_is_needed_any_more(signer: Signer) -> None:
    office, path = signer.company.town.office, f"/staff/v1/partners/{signer.company.partner_id}"
    (secret,) = (await office.get(path)).json()["secrets"]
    assert (await office.delete(f"{path}/secrets/{secret['secret_id']}")).status_code == 204
    assert (await signer.send(signer.sign())).status_code == 200


async def test_keys_that_are_none_are_refused_by_name(company: Company) -> None:
    good = jwk_of(Ed25519PrivateKey.generate())
    point = jwk_of(generate_private_key(SECP256R1()))
    refused: list[dict[str, object]] = [
        {**good, "d": "AAAA"},
        {**good, "crv": "P-256"},
        {**good, "x": "A" * 44},
        {**good, "alg": "ES256"},
        {key: value for key, value in point.items() if key != "y"},
        {**point, "y": point["x"]},
    ]
    for jwk in refused:
        answer = await register(company, jwk)
        assert (answer.status_code, answer.json()["code"]) == (422, "key-refused"), jwk
    assert (await register(company, good)).status_code == 201
    again = await register(company, good)
    assert (again.status_code, again.json()["code"]) == (409, "key-exists")
    for _ in range(3):
        assert (await register(company, jwk_of(Ed25519PrivateKey.generate()))).status_code == 201
    fifth = await register(company, jwk_of(Ed25519PrivateKey.generate()))
    assert (fifth.status_code, fifth.json()["code"]) == (409, "too-many-keys")


def test_a_key_without_a_name_is_called_by_its_thumbprint() -> None:
    # RFC 8037, appendix A.3.
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert read_jwk(jwk).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    with pytest.raises(KeyInvalid):
        read_jwk({**jwk, "kid": 7})


async def test_a_widespread_client_library_logs_in_by_what_the_server_says_of_itself(
    world: World, company: Company, clock: MovableClock
) -> None:
    """authlib, told no more than the server's address, the client's id and the key."""
    # authlib reads the system's clock.
    key = generate_private_key(SECP256R1())
    assert (await register(company, jwk_of(key, kid="lib"))).status_code == 201
    clock.now = datetime.now(UTC)
    metadata = (await world.api.get("/.well-known/oauth-authorization-server")).json()
    assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"]
    signing = PrivateKeyJWT(metadata["token_endpoint"], alg="ES256")
    client = AsyncOAuth2Client(
        company.client_id,
        ECKey.import_key(pem_of(key)),
        token_endpoint_auth_method=signing,
        transport=world.api._transport,
    )
    async with client:
        issued = await client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
        assert issued["token_type"] == "Bearer"
        answer = await client.get("http://127.0.0.1:8480/partner/v1/communities")
        assert answer.status_code == 200


async def test_the_same_library_with_a_secret(world: World, company: Company) -> None:
    for method in ("client_secret_basic", "client_secret_post"):
        client = AsyncOAuth2Client(
            company.client_id, company.client_secret, token_endpoint_auth_method=method, transport=world.api._transport
        )
        async with client:
            issued = await client.fetch_token(AUDIENCE, grant_type="client_credentials", scope="shifts:write")
        assert issued["scope"] == "shifts:write"


async def test_assertions_that_can_be_taken_no_more_are_forgotten(
    signer: Signer, clock: MovableClock, database_urls: DatabaseUrls
) -> None:
    await signer.send(signer.sign())
    clock.advance(minutes=2)
    await signer.send(signer.sign())
    conn = await asyncpg.connect(database_urls.superuser)
    try:
        assert await conn.fetchval("SELECT count(*) FROM partner_assertion") == 1
    finally:
        await conn.close()
