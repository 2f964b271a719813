"""The register leaves as a file and comes back as one; codes leave as a list, once."""

import csv
import io
from datetime import timedelta

import httpx
import pytest

from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from tests.backend.households.sheets import Office, sheet


def rows(answer: httpx.Response, encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    assert answer.status_code in (200, 201), answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode(encoding), newline="")))


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
async def test_what_was_exported_is_imported_again_without_a_change(office: Office, encoding: str) -> None:
    town, phone = office.town, office.town.world.new_phone()
    await office.imported(
        sheet(
            f"1号楼,1单元,101,T-1,P-1,王某,{phone},承租人,2026-01-01,2027-12-31",
            "1号楼,1单元,101,T-1,P-2,李某,,配偶,2026-01-01,2027-12-31",
        )
    )
    answer = await town.office.get(f"{town.staff_path}/register", params={"encoding": encoding})
    (first, second) = sorted(
        rows(answer, "utf-8-sig" if encoding == "utf-8" else encoding), key=lambda row: row["人员编号"]
    )
    assert (first["姓名"], first["租期开始"], first["租期结束"]) == ("王某", "2026-01-01", "2027-12-31")
    assert (first["关系"], second["关系"]) == ("承租人", "配偶")
    again = await office.imported(answer.content)
    assert (again["unchanged"], again["refused"]) == (2, 0)
    whole = await town.office.get("/staff/v1/register", params={"columns": ["number", "community"]})
    assert [list(row) for row in rows(whole)] == [["人员编号", "小区"]] * 2
    trail = (await town.office.get(f"{town.staff_path}/audit")).text
    assert trail.count("register.export") == 2


async def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(office: Office) -> None:
    town = office.town
    evil = '=HYPERLINK("http://example.com","x")'.replace('"', '""')
    phone = town.world.new_phone()
    content = sheet(f'1号楼,,101,T-1,P-1,"{evil}",{phone},承租人,2026-01-01,')
    assert (await office.imported(content))["created"] == 1
    answer = await town.office.get(f"{town.staff_path}/register")
    (row,) = rows(answer)
    assert row["姓名"].startswith("'=")
    assert row["手机号"] == f"'{phone}"
    assert (await office.imported(answer.content))["unchanged"] == 1


async def test_who_may_not_write_the_register_does_not_take_it_away(office: Office) -> None:
    town, world = office.town, office.town.world
    desk = await world.staff(town.office, StaffRole.FRONT_DESK, community_id=town.community_id)
    assert (await desk.get(f"{town.staff_path}/register")).status_code == 403
    assert (await desk.get("/staff/v1/register")).status_code == 403
    stranger = await world.administrator("Another Authority")
    assert (await stranger.get(f"{town.staff_path}/register")).status_code == 404
    assert rows(await stranger.get("/staff/v1/register")) == []


async def test_codes_come_as_a_list_once_and_open_the_door(office: Office) -> None:
    town, world = office.town, office.town.world
    phones = [world.new_phone() for _ in range(3)]
    await office.imported(
        sheet(*(f"{n}号楼,,101,T-{n},P-{n},某某,{phone},承租人,2026-01-01," for n, phone in enumerate(phones)))
    )
    path = f"{town.staff_path}/activation-codes"
    part = (await town.office.post(path, json={"limit": 2})).json()
    assert (len(part["codes"]), part["after"] is not None) == (2, True)
    rest = rows(await town.office.post(f"{path}/csv", json={"after": part["after"]}))
    assert len(rest) == 1
    printed = {one["building"]: one["activation_code"] for one in part["codes"]}
    printed[rest[0]["楼栋"]] = rest[0]["激活码"]
    # Whoever asks again gets nobody's code, unless he says that the list was lost: then the old ones are void.
    assert (await town.office.post(path, json={})).json()["codes"] == []
    renewed = (await town.office.post(path, json={"renew": True})).json()["codes"]
    assert len(renewed) == 3
    actor = await world.resident(phones[1])
    lost = await actor.post("/resident/v1/join", json={"activation_code": printed["1号楼"]})
    assert lost.status_code == 404
    code = next(one["activation_code"] for one in renewed if one["building"] == "1号楼")
    assert (await actor.post("/resident/v1/join", json={"activation_code": code})).status_code == 201
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        kept = await conn.fetch("SELECT * FROM activation")
    assert not any(one["activation_code"] in str(dict(row)) for row in kept for one in renewed)
    world.clock.advance(timedelta(days=15))
    clerk = await world.login(town.office.phone, surface="staff")
    assert len((await clerk.post(path, json={})).json()["codes"]) == 2
