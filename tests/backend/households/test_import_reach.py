"""Whose register a file may change, and who sees what it says."""

from uuid import uuid4

from backend.households.imports import staging
from backend.kit.auth import StaffRole
from tests.backend.households.sheets import HEADER, SPOUSE, TENANT, Office, homes, sheet
from tests.backend.households.town import Town, build_town


async def test_one_file_over_many_communities(office: Office) -> None:
    town, world = office.town, office.town.world
    far = await build_town(world, office=town.office, name="Far Court")
    header = "小区," + HEADER
    lines = [
        "Garden Court," + TENANT.format(phone=world.new_phone()),
        "Far Court," + TENANT.format(phone=world.new_phone()),
        "Nowhere," + TENANT.format(phone=world.new_phone()),
    ]
    done = await office.imported(sheet(*lines, header=header), community_id=None)
    assert done["created"] == 2
    assert await office.problems(done["import_id"]) == [(4, "community-unknown", "community")]
    assert len(await homes(far)) == 1


async def test_a_manager_sees_of_the_administrators_import_what_it_says_of_his_community_alone(office: Office) -> None:
    town, world = office.town, office.town.world
    await build_town(world, office=town.office, name="Far Court")
    manager = await world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)
    mine = Office(Town(world, manager, town.community_id, town.building_id), office.worker_db)
    header = "小区," + HEADER
    lines = [
        "Far Court," + TENANT.format(phone=world.new_phone()),
        "Garden Court," + TENANT.format(phone=world.new_phone()),
        "Nowhere," + TENANT.format(phone=world.new_phone()),
    ]
    whole = await office.imported(sheet(*lines, header=header), community_id=None)
    path = f"/staff/v1/imports/{whole['import_id']}"
    part = await mine.read(whole["import_id"])
    assert (whole["lines"], whole["created"], whole["refused"]) == (3, 2, 1)
    assert (part["lines"], part["created"], part["refused"]) == (1, 1, 0)
    report = await mine.report(whole["import_id"])
    assert [line["line"] for line in report] == [3]
    assert [one["lines"] for one in (await manager.get("/staff/v1/imports")).json()["imports"]] == [1]
    # To look is not to steer.
    steered = [
        await manager.post(f"{path}/cancel"),
        await manager.post(f"{path}/apply", json={"ends": 0}),
        await manager.put(f"{path}/file", content=sheet(), headers={"Content-Type": "text/csv"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in steered] == [(404, "import-not-found")] * 3
    # And of one that says nothing of his community he does not even know.
    elsewhere = await office.imported(sheet(lines[0], header=header), community_id=None)
    assert (await manager.get(f"/staff/v1/imports/{elsewhere['import_id']}")).status_code == 404
    assert (await manager.get(f"/staff/v1/imports/{elsewhere['import_id']}/report")).status_code == 404


async def test_a_manager_writes_his_own_communities_only_and_sees_his_own_imports(office: Office) -> None:
    town, world = office.town, office.town.world
    await build_town(world, office=town.office, name="Far Court")
    manager = await world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)
    theirs = await office.begin(sheet(SPOUSE))
    mine = Office(Town(world, manager, town.community_id, town.building_id), office.worker_db)
    lines = [f"{name}," + TENANT.format(phone=world.new_phone()) for name in ("Garden Court", "Far Court")]
    done = await mine.imported(sheet(*lines, header="小区," + HEADER), community_id=None)
    assert (done["created"], await mine.problems(done["import_id"])) == (1, [(3, "community-unknown", "community")])
    assert (await manager.get(f"/staff/v1/imports/{theirs}")).status_code == 404
    assert [one["import_id"] for one in (await manager.get("/staff/v1/imports")).json()["imports"]] == [
        done["import_id"]
    ]
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.post("/staff/v1/imports", json={})).status_code == 403
    stranger = await world.administrator("Another Authority")
    assert (await stranger.get(f"/staff/v1/imports/{theirs}")).status_code == 404


async def test_an_authority_has_few_imports_open_at_a_time(office: Office) -> None:
    answers = [(await office.town.office.post("/staff/v1/imports", json={})) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [409]
    assert answers[-1].json()["code"] == "imports-full"


async def test_an_import_that_is_not_there_is_not_found(office: Office) -> None:
    for method, path in (("GET", ""), ("POST", "/cancel"), ("GET", "/report")):
        answer = await office.town.office.request(method, f"/staff/v1/imports/{uuid4()}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "import-not-found")
    assert staging.MAX_BYTES == 268_435_456
