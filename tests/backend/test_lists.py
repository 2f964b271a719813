"""Every list that can grow comes in pages; those that cannot are named here, with what bounds them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tests.backend.couriers.company import admit
from tests.backend.hostile import Route, routes
from tests.backend.households.town import build_town
from tests.backend.world import Actor, World

_STAFF = "/staff/v1/communities/{community_id}"
_WARD = "/resident/v1/wards/{person_id}"
# Answers with a list and no cursor, and how long they can become.
_OWN = {
    "/communities": "200 communities",
    "/communities/{community_id}/phones": "five telephones",
    "/consents": "the newest 500 of a person's",
    "/consents/documents": "a text for each purpose and language",
    "/enrolments": "the newest 100 of a person's",
    "/enrolments/{enrolment_id}": "three pictures",
    "/erasures": "the newest 200 of a person's",
    "/requests": "the newest 200 of a person's",
    "/retention": "a line for each kind of data",
}
_OF_WARDS = ("/consents", "/enrolments", "/enrolments/{enrolment_id}", "/erasures", "/requests")
BOUNDED: Mapping[str, str] = {
    **{f"GET {surface}{path}": bound for surface in ("/resident/v1", "/visitor/v1") for path, bound in _OWN.items()},
    **{f"GET {_WARD}{path}": _OWN[path] for path in _OF_WARDS},
    "GET /resident/v1/homes": "a person's own homes; each needs a tenancy of his",
    "GET /resident/v1/homes/{community_id}/{home_id}/members": "the home's limit, at most 30",
    "GET /resident/v1/homes/{community_id}/{home_id}/passes/door-groups": "100 groups",
    "GET /resident/v1/homes/{community_id}/{home_id}/approvals": "50 that wait at a gate now",
    "GET /resident/v1/homes/{community_id}/{home_id}/deliveries": "deliveries that are still expected by a home",
    "GET /resident/v1/notifications/preferences": "a line for each kind of news",
    "GET /resident/v1/notifications/subscriptions": "ten browsers",
    "GET /resident/v1/wards": "the children whom one person acts for",
    "GET /visitor/v1/companies": "the companies that one courier works for",
    "GET /staff/v1/staff/{staff_id}": "200 roles",
    f"GET {_STAFF}/doors": "400 doors, 100 groups",
    f"GET {_STAFF}/emergencies": "the newest orders",
    f"GET {_STAFF}/schedules": "50 schedules of 64 spans",
    f"GET {_STAFF}/schedules/{{schedule_id}}": "64 spans",
    f"GET {_STAFF}/hours": "404 rules",
    f"GET {_STAFF}/calendar": "366 days a year",
    f"GET {_STAFF}/calendar/{{year}}": "366 days",
    f"GET {_STAFF}/homes/{{home_id}}": "the newest 200 tenancies of one home, 30 members each",
    f"GET {_STAFF}/reviews/{{review_id}}": "the pictures of one enrolment",
    f"GET {_STAFF}/reviews/{{review_id}}/alike": "the nearest faces of one search",
    f"GET {_STAFF}/members/{{member_id}}/desk-enrolments/{{enrolment_id}}": "three pictures",
    f"GET {_STAFF}/members/{{member_id}}/guardians": "100 guardians of one child",
    f"GET {_STAFF}/register-photos/imports": "the newest of a community's",
    f"GET {_STAFF}/erasures/{{erasure_id}}": "the steps and gates of one erasure",
    f"GET {_STAFF}/holds/{{hold_id}}": "the photographs of one person",
    f"GET {_STAFF}/retention": "a line for each kind of data",
    f"GET {_STAFF}/recognition": "the figures of one community",
    f"GET {_STAFF}/gate-health": "at most 1,000 gates of one community",
    "GET /staff/v1/partners/{partner_id}": "1,000 communities of one company, two secrets",
    "GET /partner/v1/webhooks": "ten of one company",
    "GET /staff/v1/partners/{partner_id}/keys": "the live keys of one company",
}


def answer_of(route: Route) -> dict[str, Any]:
    """The schema of the answer in JSON, without references."""
    responses = route.document["paths"][route.path]["get"]["responses"]
    schema = responses.get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
    found: dict[str, Any] = resolved(route, schema)
    return found


def resolved(route: Route, schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = route.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def lists() -> dict[str, tuple[Route, bool]]:
    """Routes that answer with a list of things (not of words or numbers), and whether it comes in pages."""
    found = {}
    for route in routes():
        if route.method != "GET":
            continue
        properties = answer_of(route).get("properties", {})
        things = [
            name
            for name, schema in properties.items()
            if resolved(route, schema).get("type") == "array" and "$ref" in schema.get("items", {})
        ]
        if things:
            asked = {name for name, _ in route.query_parameters}
            found[route.name] = route, {"cursor", "limit"} <= asked and "next_cursor" in properties
    return found


def test_every_list_comes_in_pages_or_is_bounded() -> None:
    found = lists()
    assert len(found) > 30
    assert not {name for name, (_, paged) in found.items() if not paged} - BOUNDED.keys()
    assert not BOUNDED.keys() - {name for name, (_, paged) in found.items() if not paged}


def test_a_route_that_takes_a_cursor_says_how_it_refuses_one() -> None:
    for route in routes():
        if any(name == "cursor" for name, _ in route.query_parameters):
            responses = route.document["paths"][route.path][route.method.lower()]["responses"]
            assert "cursor-invalid" in responses["400"]["description"] or route.path == "/gate/v1/sync", route.name


async def pages(actor: Actor, path: str, name: str, key: str, *, limit: int = 2) -> list[str]:
    """All of a list, page by page; the keys of what it shows."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        query = f"limit={limit}" + ("" if cursor is None else f"&cursor={cursor}")
        answer = await actor.get(f"{path}{'&' if '?' in path else '?'}{query}")
        assert answer.status_code == 200, answer.text
        shown = [str(one[key]) for one in answer.json()[name]]
        assert 0 < len(shown) <= limit
        found += shown
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


async def test_pages_show_everything_once_in_the_order_of_the_whole(world: World) -> None:
    town = await build_town(world)
    office = town.office
    for n in range(4):
        await world.community(office, name=f"{'苑' * 190}{n % 2}")
        body = {"phone": world.new_phone(), "name": "同名", "roles": [{"role": "auditor"}]}
        assert (await office.post("/staff/v1/staff", json=body)).status_code == 201
        assert (await office.post(f"{town.staff_path}/buildings", json={"name": f"{n}号楼"})).status_code == 201
        gate = await office.post(f"{town.staff_path}/gates", json={"name": f"Gate {n % 2}"})
        assert gate.status_code == 201
        if n == 1:
            revoked = await office.post(
                f"{town.staff_path}/gates/{gate.json()['gate_id']}/revoke", json={"reason": "x"}
            )
            assert revoked.status_code == 200, revoked.text
        company = await admit(town, name=f"Parcels {n % 2}")
        world.clock.now += timedelta(seconds=1)
    tenant = await town.tenant()
    for n in range(3):
        member = await tenant.actor.post(
            f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
            json={"name": f"{n}", "relation": "other"},
        )
        assert member.status_code == 201, member.text
    for actor, path, name, key in (
        (office, "/staff/v1/staff", "staff", "staff_id"),
        (office, "/staff/v1/communities", "communities", "community_id"),
        (office, "/staff/v1/partners", "partners", "partner_id"),
        (office, f"{town.staff_path}/partners", "partners", "partner_id"),
        (office, f"{town.staff_path}/buildings", "buildings", "building_id"),
        (office, f"{town.staff_path}/gates", "gates", "gate_id"),
        (office, f"{town.staff_path}/members", "members", "member_id"),
        (tenant.actor, f"/resident/v1/partners?community_id={town.community_id}", "partners", "partner_id"),
        (company.actor, "/partner/v1/communities", "communities", "community_id"),
    ):
        whole = [str(one[key]) for one in (await actor.get(path)).json()[name]]
        assert await pages(actor, path, name, key) == whole, path
        assert len(whole) == len(set(whole)) >= (1 if actor is company.actor else 3), path
        refused = await actor.get(f"{path}{'&' if '?' in path else '?'}cursor=bm9uc2Vuc2U")
        assert (refused.status_code, refused.json()["code"]) == (400, "cursor-invalid"), path
