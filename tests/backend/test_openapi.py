"""What the OpenAPI documents say to who has nothing else."""

import json

from backend.app import openapi_document
from backend.enrolment.uploads import PHOTO_FAILURES, PICTURE_FAILURES
from backend.kit.auth import Surface
from backend.partners.events.kinds import EventKind


def test_the_openapi_documents_say_which_routes_need_no_token() -> None:
    opened: dict[str, bool] = {}
    for surface in Surface:
        for path, methods in openapi_document(surface)["paths"].items():
            opened |= {f"{name} {path}": each.get("security") == [{}] for name, each in methods.items()}
    assert {route for route, public in opened.items() if public} == {
        "get /resident/v1/consents/documents",
        "get /resident/v1/retention",
        "get /visitor/v1/consents/documents",
        "get /visitor/v1/retention",
        "post /gate/v1/provision",
        "post /gate/v1/token",
        "post /partner/v1/token",
        "post /resident/v1/login",
        "post /resident/v1/login/verify",
        "post /resident/v1/token",
        "post /staff/v1/login",
        "post /staff/v1/login/verify",
        "post /staff/v1/token",
        "post /visitor/v1/session",
        "post /visitor/v1/token",
    }


def test_no_value_of_the_openapi_documents_may_be_of_two_kinds_at_once() -> None:
    # What the framework makes of a tuple with a bound: "exactly one of this, and anything".
    for surface in Surface:
        assert ", {}]" not in json.dumps(openapi_document(surface))


def test_limits_are_said_of_what_may_be_null_and_of_the_values_of_a_dictionary() -> None:
    passes = openapi_document(Surface.RESIDENT)["components"]["schemas"]["NewPass"]["properties"]
    (uses,) = (one for one in passes["uses"]["oneOf"] if one["type"] == "integer")
    assert uses["minimum"] == 0
    imports = openapi_document(Surface.STAFF)["components"]["schemas"]["NewImport"]["properties"]
    assert imports["mapping"]["additionalProperties"]["minLength"] == 1


def test_the_companies_document_describes_every_webhook_by_a_schema_that_it_has() -> None:
    document = openapi_document(Surface.PARTNER)
    assert document["openapi"].startswith("3.1")
    assert document["webhooks"].keys() == {kind.value for kind in EventKind}
    for item in document["webhooks"].values():
        schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        named = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert {"id", "type", "timestamp", "data"} <= named["properties"].keys()
        assert {one["name"] for one in item["post"]["parameters"]} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }
    assert all("webhooks" not in openapi_document(surface) for surface in Surface if surface is not Surface.PARTNER)


def test_whoever_takes_a_picture_is_refused_it_for_the_same_reasons() -> None:
    taking = set()
    for surface in Surface:
        for path, methods in openapi_document(surface)["paths"].items():
            for each in methods.values():
                if "image/jpeg" in each.get("requestBody", {}).get("content", {}):
                    answers = each["responses"].values()
                    problems = [one.get("content", {}).get("application/problem+json", {}) for one in answers]
                    codes = {code for one in problems for code in one.get("examples", {})}
                    assert {one.code for one in PICTURE_FAILURES} <= codes, path
                    if path.endswith("/photos/{slot}"):
                        assert {one.code for one in PHOTO_FAILURES} <= codes, path
                    taking.add(path)
    assert len(taking) >= 5
