"""Every act leaves an entry: no route that changes something, or shows a face, without one that is named."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import Litestar
from litestar.routes import HTTPRoute

from backend.kit.auth import Surface
from backend.kit.db import Database, Scope
from tests.backend.audit.acts import ACTS, UNRECORDED
from tests.backend.gates.devices import Device, Rosters
from tests.backend.households.town import build_town
from tests.backend.privacy.faces import give_face
from tests.backend.world import World

BACKEND = Path(__file__).parents[3] / "backend"
CHANGES = {"POST", "PUT", "PATCH", "DELETE"}
# Whatever shows a picture, or packs whatever there is of somebody.
SHOWS = ("image/", "application/zip", "application/octet-stream", "application/x-ndjson", "application/vnd.msgpack")


def declared(table: Any) -> dict[str, str]:
    """Method and whole path to what stands there."""
    found = {}
    for surface, routes in table.items():
        head, _, rest = surface.partition("/")
        prefix = f"/{head}/v1{'/' if rest else ''}{rest}" if head else ""
        for route, said in routes.items():
            method, path = route.split(" ")
            found[f"{method} {prefix}{path}"] = said
    return found


def routes_of(app: Litestar) -> dict[str, bool]:
    """Method and path of every route that changes something or shows a face; whether it is one of the former."""
    found = {}
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            shows = str(handler.media_type).startswith(SHOWS)
            for method in handler.http_methods:
                if method in CHANGES or (method == "GET" and shows):
                    found[f"{method} {route.path_format}"] = method in CHANGES
    return found


def test_every_route_that_acts_names_its_act(app: Litestar) -> None:
    known = declared(ACTS) | declared(UNRECORDED)
    unknown = sorted(route for route in routes_of(app) if route not in known)
    assert not unknown, (
        "these change something or show a face: record it (audit.service.record) and name the act in "
        f"tests/backend/audit/acts.py, or say there why it leaves none: {unknown}"
    )
    assert {surface.value for surface in Surface} <= {path.split("/")[1] for path in routes_of(app)}


def test_nothing_is_both_recorded_and_not() -> None:
    assert not set(declared(ACTS)) & set(declared(UNRECORDED))


def test_every_act_that_is_named_is_one_that_something_records(app: Litestar) -> None:
    source = "".join(path.read_text("utf-8") for path in BACKEND.rglob("*.py"))
    recorded = set(re.findall(r'f?"([a-z_-]+\.[a-z_.{}-]+)"', source))
    present = routes_of(app)
    assert not {act for route, act in declared(ACTS).items() if route in present and act not in recorded}


async def acts_of(db: Database, chain: UUID | None, actor: str) -> list[tuple[str, str]]:
    scope = Scope(platform=True) if chain is None else Scope(community_id=chain)
    async with db.transaction(scope, read_only=True) as conn:
        rows = await conn.fetch(
            "SELECT action, target FROM audit_entry WHERE community_id = $1 AND actor = $2 ORDER BY seq",
            chain or UUID(int=0), actor,
        )  # fmt: skip
    return [(row["action"], row["target"]) for row in rows]


async def test_a_consent_that_is_given_or_taken_back_is_in_the_trail_once(world: World) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    for _ in range(2):
        given = await tenant.actor.put("/resident/v1/consents/face_access", json={"version": 1})
        assert given.status_code == 200
    for _ in range(2):
        answer = await tenant.actor.post("/resident/v1/consents/face_access/withdraw")
        assert answer.status_code == 201, answer.text
    erasure_id = (await tenant.actor.get("/resident/v1/erasures")).json()["erasures"][0]["erasure_id"]
    done = await acts_of(world.resources.db, None, f"resident:{tenant.person_id}")
    assert [act for act in done if act[0].startswith(("consent.", "erasure."))] == [
        ("consent.give", "consent:face_access/1"),
        ("consent.withdraw", "consent:face_access"),
        ("erasure.begin", f"erasure:{erasure_id}"),
    ]


async def test_a_page_with_templates_is_an_act_of_its_gate_and_one_without_is_none(world: World) -> None:
    town = await build_town(world)
    tenant, other = await town.tenant(), await town.tenant("1-102")
    device = await Device.provisioned(world.api, town.office, town.community_id, world)
    rosters = Rosters(world.resources.db, town.community_id, world.clock)

    async def sent() -> list[str]:
        done = await acts_of(world.resources.db, town.community_id, f"gate:{device.identity.gate_id}")
        return [target for act, target in done if act == "templates.send"]

    await device.sync()
    assert await sent() == []
    first = await give_face(town, tenant)
    await give_face(town, other)
    await device.sync()
    version = await rosters.version()
    assert await sent() == [f"roster:{version.epoch}/{version.version}"]
    await rosters.remove(first)
    await device.sync()
    assert len(await sent()) == 1
