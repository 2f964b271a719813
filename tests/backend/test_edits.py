"""Every edit says which state it begins with, and overwrites nobody else's; what needs no such word is named here."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.backend.couriers.company import admit
from tests.backend.gates.devices import Device
from tests.backend.hostile import Route, routes
from tests.backend.households.town import build_town
from tests.backend.world import Actor, World

# Edits without If-Match, and why nothing of somebody else's is lost by them.
WITHOUT: Mapping[str, str] = {
    "PUT /partner/v1/couriers/{worker_id}": "names a worker of the company's own; repeating is what companies do",
    "PUT /resident/v1/consents/{purpose}": "names the version that was shown",
    "PUT /visitor/v1/consents/{purpose}": "names the version that was shown",
    "PUT /resident/v1/wards/{person_id}/consents/{purpose}": "names the version that was shown",
    "PUT /resident/v1/enrolments/{enrolment_id}/photos/{slot}": "a photo, of a session with one caller",
    "PUT /visitor/v1/enrolments/{enrolment_id}/photos/{slot}": "a photo, of a session with one caller",
    "PUT /resident/v1/wards/{person_id}/enrolments/{enrolment_id}/photos/{slot}": "a photo, with one caller",
    "PUT /staff/v1/communities/{community_id}/members/{member_id}/desk-enrolments/{enrolment_id}/photos/{slot}": (
        "a photo, of a session with one caller"
    ),
    "PUT /staff/v1/communities/{community_id}/members/{member_id}/register-photo": "a picture, replaced as a whole",
    "PUT /staff/v1/communities/{community_id}/members/{member_id}/birth-date": "one value, read in a document",
    "PUT /staff/v1/communities/{community_id}/denied-frames/policy": "one decision with its term, renewed as a whole",
    "PUT /staff/v1/communities/{community_id}/retention/{key}": "one value",
    "PUT /staff/v1/communities/{community_id}/members/{member_id}/register-number": "one value, of another register",
    "PUT /staff/v1/communities/{community_id}/tenancies/{tenancy_id}/register-number": "one value, of another register",
    "PUT /staff/v1/communities/{community_id}/recognition": "one value; what is shown beside it changes by itself",
    "PUT /resident/v1/homes/{community_id}/{home_id}/deliveries/{delivery_id}/handover": "one value",
    "PUT /staff/v1/courier-faces": "one value",
    "PUT /staff/v1/imports/{import_id}/file": "taken once",
    "PUT /resident/v1/notifications/read": "only ever says that something was read",
    "PUT /visitor/v1/notifications/read": "only ever says that something was read",
    "PUT /resident/v1/notifications/{notification_id}/read": "only ever says that something was read",
    "PUT /visitor/v1/notifications/{notification_id}/read": "only ever says that something was read",
    "PUT /resident/v1/notifications/preferences/{kind}": "one person's own word on one kind",
    "PUT /resident/v1/notifications/subscriptions": "a browser's own, replaced as a whole",
    "PUT /staff/v1/partners/{partner_id}/communities/{admitted_id}": "says that, not how",
}
# Edits that replace a whole list, or many values at once: without If-Match they are refused.
MANDATORY = {
    "PUT /staff/v1/communities/{community_id}/doors/{door_id}",
    "PUT /staff/v1/communities/{community_id}/schedules/{schedule_id}",
    "PUT /staff/v1/communities/{community_id}/hours",
    "PUT /staff/v1/communities/{community_id}/calendar/{year}",
    "PUT /staff/v1/communities/{community_id}/guest-policy",
    "PATCH /staff/v1/staff/{staff_id}",
}


def edits() -> list[Route]:
    return [route for route in routes() if route.method in ("PUT", "PATCH")]


def test_every_edit_knows_if_match_or_is_named() -> None:
    found = []
    for route in edits():
        operation = route.document["paths"][route.path][route.method.lower()]
        knows = any(p.get("in") == "header" and p.get("name") == "If-Match" for p in operation.get("parameters", []))
        if knows == (route.name in WITHOUT):
            found.append(f"{route.name}: {'knows If-Match' if knows else 'does not know If-Match'}")
        if knows and "412" not in operation["responses"]:
            found.append(f"{route.name}: does not declare 412")
        if ("428" in operation["responses"]) != (route.name in MANDATORY):
            found.append(f"{route.name}: 428")
        if knows and "get" not in route.document["paths"][route.path]:
            found.append(f"{route.name}: nothing to read the ETag of")
    assert not found, "\n".join(found)
    assert not WITHOUT.keys() - {route.name for route in edits()}


@pytest.fixture
async def editable(world: World) -> dict[str, tuple[Actor, str, dict[str, Any], dict[str, Any]]]:
    """Of each edit that knows If-Match: who edits, the address, and two bodies that differ."""
    town = await build_town(world)
    tenant = await town.tenant()
    base = town.staff_path
    office = town.office

    async def made(what: str, **fields: Any) -> str:
        answer = await office.post(f"{base}/{what}", json=fields)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    group = await made("door-groups", name="Gardens")
    door, other = await made("doors", name="South door"), await made("doors", name="North door")
    schedule = await made("schedules", name="Office", week=[])
    device = await Device.provisioned(world.api, office, town.community_id, world)
    colleague = await office.post(
        "/staff/v1/staff", json={"phone": world.new_phone(), "name": "One", "roles": [{"role": "auditor"}]}
    )
    begin = world.clock()
    window = {"valid_from": begin.isoformat(), "valid_until": (begin + timedelta(hours=4)).isoformat()}
    passes = f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes"
    invited = await tenant.actor.post(passes, json={"guest_name": "Guest", **window})
    assert invited.status_code == 201, invited.text
    at = "/staff/v1/communities/{community_id}"
    rule = {"kind": "guest", "schedule_id": schedule}
    place = f"{base}/gates/{device.identity.gate_id}/door"
    until = [{"valid_until": (begin + timedelta(hours=hours)).isoformat()} for hours in (5, 6)]
    planned = [{"ends_at": (begin + timedelta(days=days)).isoformat()} for days in (30, 60)]
    day = {"day": "2026-10-01", "name": "National Day"}
    company = await admit(town)
    address = {"url": "https://company.example/doorward"}
    webhook = await company.actor.post("/partner/v1/webhooks", json=address)
    assert webhook.status_code == 201, webhook.text
    return {
        "PUT /partner/v1/webhooks/{endpoint_id}": (
            company.actor, f"/partner/v1/webhooks/{webhook.json()['endpoint_id']}",
            {**address, "types": ["courier.entry"]}, {**address, "enabled": False},
        ),
        "PATCH /resident/v1/me": (tenant.actor, "/resident/v1/me", {"name": "A"}, {"name": "B"}),
        "PATCH /resident/v1/homes/{community_id}/{home_id}/passes/{pass_id}": (
            tenant.actor, f"{passes}/{invited.json()['pass_id']}", until[0], until[1],
        ),
        f"PATCH {at}": (office, base, {"name": "A Court"}, {"name": "B Court"}),
        f"PUT {at}/doors/{{door_id}}": (
            office, f"{base}/doors/{door}", {"name": "A", "groups": [group]}, {"name": "B"},
        ),
        f"PUT {at}/door-groups/{{group_id}}": (office, f"{base}/door-groups/{group}", {"name": "A"}, {"name": "B"}),
        f"PUT {at}/schedules/{{schedule_id}}": (
            office, f"{base}/schedules/{schedule}", {"name": "A", "week": []}, {"name": "B", "week": []},
        ),
        f"PUT {at}/hours": (office, f"{base}/hours", {"hours": [rule]}, {"hours": []}),
        f"PUT {at}/calendar/{{year}}": (office, f"{base}/calendar/2026", {"days": [day]}, {"days": []}),
        f"PUT {at}/guest-policy": (
            office, f"{base}/guest-policy",
            {"open_passes": 5, "home_days": 30, "guest_days": 9}, {"open_passes": 6, "home_days": 30, "guest_days": 9},
        ),
        f"PUT {at}/gates/{{gate_id}}/door": (office, place, {"door_id": door}, {"door_id": other}),
        f"PUT {at}/tenancies/{{tenancy_id}}/planned-end": (
            office, f"{base}/tenancies/{tenant.tenancy_id}/planned-end", planned[0], planned[1],
        ),
        "PATCH /staff/v1/staff/{staff_id}": (
            office, f"/staff/v1/staff/{colleague.json()['staff_id']}",
            {"roles": [{"role": "front_desk"}]}, {"roles": [{"role": "community_manager"}]},
        ),
    }  # fmt: skip


async def test_an_edit_of_what_was_changed_meanwhile_is_refused_everywhere(
    editable: dict[str, tuple[Actor, str, dict[str, Any], dict[str, Any]]],
) -> None:
    assert editable.keys() == {route.name for route in edits()} - WITHOUT.keys()
    for name, (actor, path, one, two) in editable.items():
        method = name.partition(" ")[0]
        first = await actor.get(path)
        assert first.status_code == 200, (name, first.text)
        read = {"If-Match": first.headers["etag"]}
        changed = await actor.request(method, path, json=one, headers=read)
        assert changed.is_success, (name, changed.text)
        after = await actor.get(path)
        assert after.headers["etag"] != first.headers["etag"], name
        late = await actor.request(method, path, json=two, headers=read)
        assert (late.status_code, late.json()["code"]) == (412, "precondition-failed"), (name, late.text)
        assert (await actor.get(path)).json() == after.json(), name
        blind = await actor.request(method, path, json=two)
        if name in MANDATORY:
            assert (blind.status_code, blind.json()["code"]) == (428, "precondition-required"), (name, blind.text)
            blind = await actor.request(method, path, json=two, headers={"If-Match": "*"})
        assert blind.is_success, (name, blind.text)
