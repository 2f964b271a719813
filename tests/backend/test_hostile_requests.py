"""Every route of every surface against requests that are wrong, and people who are where they do not belong.

Never a 500, never an error that is no problem document, never a word about another community, never a change in it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest
from litestar import Litestar

from backend.kit.auth import StaffRole, Surface
from tests.backend.couriers.company import admit, open_link
from tests.backend.gates.devices import Device
from tests.backend.hostile import (
    Route,
    bodies,
    fill,
    public_routes,
    queries,
    routes,
    sample,
    spoiled_paths,
)
from tests.backend.households.town import build_town
from tests.backend.world import World

# Stands in every text of the other community, so that one look at an answer tells.
CANARY = "Canary-7Q2M"
TOKEN_ENDPOINT = "/partner/v1/token"


class Place(msgspec.Struct, frozen=True):
    """A community full of everything: its ids by the names that the documents use, and a token for each surface."""

    ids: Mapping[str, str]
    tokens: Mapping[Surface, str]
    # Holds are the legal officer's alone, and he may nothing else.
    officer: str

    def of(self, route: Route) -> dict[str, str]:
        """The headers of somebody who may use the route."""
        if "/holds" in route.path:
            return {"Authorization": f"Bearer {self.officer}"}
        return self.headers(route.surface)

    def headers(self, surface: Surface) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[surface]}"}


async def furnish(world: World, mark: str) -> Place:
    """A community of an authority of its own, in which each noun has something, named after ``mark``."""
    town = await build_town(world, office=await world.administrator(f"{mark} Authority"), name=f"{mark} Court")
    tenant = await town.tenant(f"{mark}-1")
    member = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/members",
        json={"name": mark, "relation": "spouse"},
    )
    assert member.status_code == 201, member.text
    window = {
        "valid_from": world.clock().isoformat(),
        "valid_until": (world.clock() + timedelta(hours=4)).isoformat(),
    }
    invited = await tenant.actor.post(
        f"/resident/v1/homes/{town.community_id}/{tenant.home_id}/passes",
        json={"guest_name": mark, **window},
    )
    assert invited.status_code == 201, invited.text
    guest = await open_link(world.api, invited.json()["link_token"])
    assert (await guest.accept()).status_code == 200
    company = await admit(town, name=f"{mark} Parcels")
    # In small letters: another company may call its own worker the same, and then reads what it wrote itself.
    worker_id = f"{mark}-w".lower()
    await (await company.courier(worker_id)).accept()
    shift = await company.shift(worker_id)
    assert shift.status_code == 201, shift.text
    expected = await company.expected_by(tenant, f"{mark}-O")
    assert expected.status_code == 201, expected.text
    assert (await company.deliver(f"{mark}-O", worker_id)).status_code == 200
    partner = (await town.office.get(f"/staff/v1/partners/{company.partner_id}")).json()
    device = await Device.provisioned(world.api, town.office, town.community_id, world)
    colleague = await town.office.post(
        "/staff/v1/staff",
        json={
            "phone": world.new_phone(),
            "name": mark,
            "roles": [{"role": "front_desk", "community_id": str(town.community_id)}],
        },
    )
    assert colleague.status_code == 201, colleague.text
    officer = await world.staff(town.office, StaffRole.LEGAL_OFFICER)
    ids = {
        "community_id": town.community_id,
        "admitted_id": town.community_id,
        "building_id": town.building_id,
        "home_id": tenant.home_id,
        "tenancy_id": tenant.tenancy_id,
        "member_id": member.json()["member_id"],
        "person_id": tenant.person_id,
        "pass_id": invited.json()["pass_id"],
        "partner_id": company.partner_id,
        "secret_id": partner["secrets"][0]["secret_id"],
        "shift_id": shift.json()["shift_id"],
        "delivery_id": expected.json()["delivery_id"],
        "worker_id": worker_id,
        "order_ref": f"{mark}-O",
        "gate_id": device.identity.gate_id,
        "staff_id": colleague.json()["staff_id"],
    }
    return Place(
        ids={name: str(value) for name, value in ids.items()},
        tokens={
            Surface.RESIDENT: tenant.actor.access_token,
            Surface.VISITOR: guest.actor.access_token,
            Surface.PARTNER: company.actor.access_token,
            Surface.GATE: device.token,
            Surface.STAFF: town.office.access_token,
        },
        officer=officer.access_token,
    )


def faults(route: Route, wrong: str, answer: httpx.Response) -> list[str]:
    """What is wrong with an answer, whatever the request was."""
    found = []
    if answer.status_code >= 500:
        found.append(f"answered {answer.status_code}")
    if answer.is_error:
        kind = answer.headers.get("content-type", "").partition(";")[0]
        body: dict[str, Any] = answer.json() if "json" in kind else {}
        if route.path == TOKEN_ENDPOINT and kind == "application/json":
            problem = {"error", "error_description"} <= body.keys()
        else:
            problem = kind == "application/problem+json" and body.get("status") == answer.status_code
            problem = problem and all(body.get(part) for part in ("type", "title", "detail", "remedy", "code"))
        if not problem:
            found.append(f"{answer.status_code} is no problem document: {kind} {answer.text[:80]!r}")
    return [f"{route.name} with {wrong}: {fault}" for fault in found]


async def ask(
    world: World,
    route: Route,
    ids: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    path: str | None = None,
    params: Mapping[str, str] | None = None,
) -> httpx.Response:
    """A request that fits the route's description and names these ids, at ``path`` where that is given."""
    content = b""
    if route.body is not None and route.media_type == "application/json":
        content = msgspec.json.encode(sample(route.body, route.document, ids))
    own = {} if route.media_type is None else {"Content-Type": route.media_type}
    return await world.api.request(
        route.method, path or fill(route, ids), params=params, content=content, headers={**headers, **own}
    )


async def test_malformed_requests_are_refused_by_name(app: Litestar, world: World) -> None:
    """Spoiled addresses, queries and bodies, from somebody who may do all that he asks for."""
    public = public_routes(app)
    place = await furnish(world, "Garden")
    found: list[str] = []
    for route in routes():
        headers = place.of(route)
        for wrong, path in spoiled_paths(route, place.ids):
            found += faults(route, wrong, await ask(world, route, place.ids, headers, path=path))
        for wrong, query in queries(route):
            found += faults(route, wrong, await ask(world, route, place.ids, headers, params=query))
        for call in bodies(route, place.ids):
            answer = await world.api.request(
                route.method,
                fill(route, place.ids),
                content=call.content,
                headers={**headers, "Content-Type": call.media_type},
            )
            found += faults(route, call.wrong, answer)
        # And one that fits the description: it shows that the others were refused for what was wrong with them.
        answer = await ask(world, route, place.ids, headers)
        found += faults(route, "nothing wrong", answer)
        # Deleting an account wants a log-in of the last minutes, which this one is not: that was reached all the same.
        stale = answer.is_error and answer.json().get("code") == "fresh-log-in-needed"
        if answer.status_code in (401, 403, 410) and route.name not in public and not stale:
            found.append(f"{route.name} was not reached: {answer.status_code}")
    assert not found, "\n".join(found)


async def test_nothing_opens_without_the_surfaces_own_token(app: Litestar, world: World) -> None:
    """No token, a broken one, and every other surface's."""
    place = await furnish(world, "Garden")
    public = public_routes(app)
    assert len(public) > 10
    found: list[str] = []
    for route in routes():
        attempts: dict[str, dict[str, str]] = {
            "no token": {},
            "a broken token": {"Authorization": "Bearer e30.e30.e30"},
            "no scheme": {"Authorization": place.tokens[route.surface]},
            "another scheme": {"Authorization": f"Basic {place.tokens[route.surface]}"},
            **{f"a {s} token": place.headers(s) for s in Surface if s is not route.surface},
        }
        for wrong, headers in attempts.items():
            answer = await ask(world, route, place.ids, headers)
            found += faults(route, wrong, answer)
            if route.name not in public and answer.status_code != 401:
                found.append(f"{route.name} with {wrong}: opened with {answer.status_code}")
    assert not found, "\n".join(found)


async def test_another_communitys_ids_show_and_change_nothing(world: World) -> None:
    """Everybody of one community tries every route with the other's ids, alone and mixed with his own."""
    place, other = await furnish(world, "Garden"), await furnish(world, CANARY)
    before = await everything(world, other)
    assert sum(len(rows) for rows in before.values()) > 20
    found: list[str] = []
    for route in routes():
        headers = place.of(route)
        named = {name for name, _ in route.path_parameters} & other.ids.keys()
        mixtures: dict[str, Mapping[str, str]] = {
            "the other's ids": other.ids,
            "the other's ids in its own community": {
                **other.ids, "community_id": place.ids["community_id"], "home_id": place.ids["home_id"],
            },
            "its own ids in the other's community": {**place.ids, "community_id": other.ids["community_id"]},
            **{f"the other's {name}": {**place.ids, name: other.ids[name]} for name in sorted(named)},
        }  # fmt: skip
        for wrong, ids in mixtures.items():
            params = {name: ids[name] for name, _ in route.query_parameters if name in ids}
            answer = await ask(world, route, ids, headers, params=params)
            found += faults(route, wrong, answer)
            # Telling him what he wrote himself is no leak; the canary of what he did not write is.
            sent = f"{answer.request.url}{answer.request.content!r}"
            if CANARY in answer.text and CANARY not in sent:
                found.append(f"{route.name} with {wrong}: shows {answer.text[:200]!r}")
            if answer.is_success and route.method != "GET" and other.ids["community_id"] in answer.text:
                found.append(f"{route.name} with {wrong}: did something in the other community: {answer.text[:200]!r}")
    assert not found, "\n".join(found)
    after = await everything(world, other)
    changed = [table for table, rows in before.items() if after[table] != rows]
    assert not changed, {table: after[table] ^ before[table] for table in changed}


async def test_ids_that_nobody_has_are_not_found(world: World) -> None:
    place = await furnish(world, "Garden")
    found: list[str] = []
    for route in routes():
        if not route.path_parameters:
            continue
        headers = place.of(route)
        for name, schema in route.path_parameters:
            if schema.get("format") != "uuid":
                continue
            ids = {**place.ids, name: str(uuid4())}
            answer = await ask(world, route, ids, headers)
            found += faults(route, f"an unknown {name}", answer)
            if answer.is_success:
                found.append(f"{route.name} with an unknown {name}: {answer.status_code}")
    assert not found, "\n".join(found)


async def everything(world: World, place: Place) -> dict[str, frozenset[str]]:
    """All rows that belong to a community, to its people or to its companies, by table, past every policy."""
    connection = await asyncpg.connect(world.urls.superuser)
    try:
        columns = await connection.fetch(
            """
            SELECT table_name, column_name FROM information_schema.columns
            JOIN information_schema.tables USING (table_schema, table_name)
            WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND column_name = ANY ($1)
            """,
            ["community_id", "inviting_community_id", "person_id", "partner_id"],
        )
        found: dict[str, frozenset[str]] = {}
        for table, column in columns:
            wanted = place.ids[column.removeprefix("inviting_")]
            rows = await connection.fetch(
                f'SELECT to_jsonb(t)::text FROM "{table}" t WHERE "{column}" = $1::uuid',
                wanted,
            )
            found[table] = found.get(table, frozenset()) | frozenset(row[0] for row in rows)
        return found
    finally:
        await connection.close()


def test_the_documents_describe_every_surface() -> None:
    assert {route.surface for route in routes()} == set(Surface)
    assert len(routes()) > 100


@pytest.mark.parametrize("surface", list(Surface))
def test_every_route_declares_its_refusals(surface: Surface) -> None:
    """A client that reads the document knows that a malformed request is answered with a problem."""
    for route in routes():
        if route.surface is surface:
            responses = route.document["paths"][route.path][route.method.lower()]["responses"]
            assert "400" in responses, route.name
