"""How a company's machine logs in: RFC 6749, also where it does it wrong."""

import base64
from urllib.parse import quote_plus

import pytest

from tests.backend.couriers.company import Company, admit, token
from tests.backend.households.town import build_town
from tests.backend.world import MovableClock, World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def company(world: World) -> Company:
    return await admit(await build_town(world))


def basic(client_id: str, secret: str) -> dict[str, str]:
    joined = f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()
    return {"Authorization": f"Basic {base64.b64encode(joined).decode()}"}


async def test_client_secret_post(company: Company) -> None:
    answer = await token(company.actor.api, client_id=company.client_id, client_secret=company.client_secret)
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == (
        "Bearer",
        600,
        "couriers:write shifts:write deliveries:write events:read webhooks:write",
    )
    assert answer.headers["cache-control"] == "no-store"


async def test_client_secret_basic(company: Company) -> None:
    answer = await company.actor.api.post(
        "/partner/v1/token",
        data={"grant_type": "client_credentials", "scope": "shifts:write"},
        headers=basic(company.client_id, company.client_secret),
    )
    assert (answer.status_code, answer.json()["scope"]) == (200, "shifts:write")


REFUSED: list[tuple[dict[str, object], int, str]] = [
    ({}, 400, "invalid_request"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ({"grant_type": "client_credentials", "scope": "everything"}, 400, "invalid_scope"),
    ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
    ({"grant_type": "client_credentials", "client_id": "nobody"}, 401, "invalid_client"),
    ({"grant_type": "client_credentials", "client_secret": ""}, 401, "invalid_client"),
    ({"grant_type": ["client_credentials", "client_credentials"]}, 400, "invalid_request"),
    ({"grant_type": "client_credentials", "scope": "x" * 2000}, 400, "invalid_request"),
    ({"grant_type": "client_credentials", "client_id": "a\0b"}, 400, "invalid_request"),
]


async def test_refusals_speak_oauth(company: Company) -> None:
    for form, status, error in REFUSED:
        full = {"client_id": company.client_id, "client_secret": company.client_secret, **form}
        answer = await company.actor.api.post("/partner/v1/token", data=full)
        assert (answer.status_code, answer.json().get("error")) == (status, error), form
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers["cache-control"] == "no-store"
        assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_an_unreadable_header_is_an_unknown_client(company: Company) -> None:
    for value in (
        "Basic %%%",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"a%00b:c").decode(),
        "Bearer abc",
        "Basic",
    ):
        answer = await company.actor.api.post(
            "/partner/v1/token", data={"grant_type": "client_credentials"}, headers={"Authorization": value}
        )
        assert (answer.status_code, answer.json().get("error")) == (401, "invalid_client"), value


async def test_two_ways_of_logging_in_at_once_are_refused(company: Company) -> None:
    answer = await company.actor.api.post(
        "/partner/v1/token",
        data={"grant_type": "client_credentials", "client_secret": company.client_secret},
        headers=basic(company.client_id, company.client_secret),
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_what_is_no_form_is_refused(company: Company) -> None:
    for content in (b'{"grant_type": "client_credentials"}', b"\xff\xfe", b""):
        answer = await company.actor.api.post("/partner/v1/token", content=content, headers=FORM)
        assert answer.status_code in (400, 401)
        assert answer.json()["error"] in ("invalid_request", "invalid_client")


async def test_json_is_no_form(company: Company) -> None:
    answer = await company.actor.api.post("/partner/v1/token", json={"grant_type": "client_credentials"})
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_request", "invalid_client")


async def test_a_secret_is_rotated_without_an_hour_in_which_none_works(company: Company, clock: MovableClock) -> None:
    clock.advance(minutes=1)
    office, path = company.town.office, f"/staff/v1/partners/{company.partner_id}"
    second = (await office.post(f"{path}/secrets")).json()
    for secret in (company.client_secret, second["client_secret"]):
        assert (await token(office.api, client_id=company.client_id, client_secret=secret)).status_code == 200
    third = await office.post(f"{path}/secrets")
    assert (third.status_code, third.json()["code"]) == (409, "two-secrets-live")
    first = (await office.get(path)).json()["secrets"][0]["secret_id"]
    assert (await office.delete(f"{path}/secrets/{first}")).status_code == 204
    old = await token(office.api, client_id=company.client_id, client_secret=company.client_secret)
    assert (old.status_code, old.json()["error"]) == (401, "invalid_client")
    again = await office.delete(f"{path}/secrets/{first}")
    assert (again.status_code, again.json()["code"]) == (404, "secret-not-found")
    last = await office.delete(f"{path}/secrets/{second['secret_id']}")
    assert (last.status_code, last.json()["code"]) == (409, "last-secret")


async def test_a_token_opens_only_what_it_was_issued_for(company: Company) -> None:
    issued = await token(
        company.actor.api, client_id=company.client_id, client_secret=company.client_secret, scope="shifts:write"
    )
    headers = {"Authorization": f"Bearer {issued.json()['access_token']}"}
    answer = await company.actor.api.put("/partner/v1/couriers/W-1", json={"phone": "+12025550100"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient-scope")
