"""An office imports its authority's register from a file."""

import csv
import io
from datetime import UTC, datetime
from uuid import UUID

from backend.kit.auth import StaffRole
from backend.kit.db import Scope
from tests.backend.households.sheets import SPOUSE, TENANT, Office, homes, household, sheet
from tests.backend.households.town import Town


async def test_homes_tenancies_and_members_come_out_of_a_file(office: Office) -> None:
    phone = office.town.world.new_phone()
    done = await office.imported(sheet(TENANT.format(phone=phone), SPOUSE))
    assert (done["state"], done["lines"], done["created"], done["refused"]) == ("done", 2, 2, 0)
    (tenancy,) = await household(office.town, ("1号楼", "1单元", "101"))
    # Days are the community's, and the last one belongs to the tenancy.
    assert datetime.fromisoformat(tenancy["starts_at"]) == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert datetime.fromisoformat(tenancy["ends_at"]) == datetime(2027, 12, 31, 16, tzinfo=UTC)
    assert sorted((m["name"], m["relation"], m["state"]) for m in tenancy["members"]) == [
        ("李某", "spouse", "invited"),
        ("王某", "tenant", "invited"),
    ]


async def test_the_same_file_twice_changes_nothing(office: Office) -> None:
    content = sheet(TENANT.format(phone=office.town.world.new_phone()), SPOUSE)
    await office.imported(content)
    before = await household(office.town, ("1号楼", "1单元", "101"))
    again = await office.imported(content)
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert await household(office.town, ("1号楼", "1单元", "101")) == before


async def test_gb18030_and_utf8_with_or_without_its_mark_are_the_same_file(office: Office) -> None:
    phone = office.town.world.new_phone()
    lines = (TENANT.format(phone=phone), SPOUSE)
    assert (await office.imported(sheet(*lines, encoding="gb18030")))["encoding"] == "gb18030"
    for content in (sheet(*lines, encoding="utf-8-sig"), sheet(*lines)):
        done = await office.imported(content)
        assert (done["encoding"], done["unchanged"]) == ("utf-8", 2)


async def test_a_changed_line_changes_what_it_says(office: Office) -> None:
    world = office.town.world
    await office.imported(sheet(TENANT.format(phone=world.new_phone()), SPOUSE))
    moved = TENANT.format(phone=world.new_phone()).replace("王某", "王一")
    done = await office.imported(sheet(moved, SPOUSE))
    assert (done["updated"], done["unchanged"]) == (1, 1)
    (tenancy,) = await household(office.town, ("1号楼", "1单元", "101"))
    assert {m["name"] for m in tenancy["members"]} == {"王一", "李某"}


async def test_a_changed_end_moves_the_right_of_who_has_joined(office: Office) -> None:
    town, world = office.town, office.town.world
    phone = world.new_phone()
    await office.imported(sheet(TENANT.format(phone=phone)))
    (tenancy,) = await household(town, ("1号楼", "1单元", "101"))
    member_id = tenancy["members"][0]["member_id"]
    code = (await town.office.post(f"{town.staff_path}/members/{member_id}/approve")).json()["activation_code"]
    actor = await world.resident(phone)
    assert (await actor.post("/resident/v1/join", json={"activation_code": code})).status_code == 201
    done = await office.imported(sheet(TENANT.format(phone=phone).replace("2027-12-31", "2026-12-31")))
    assert (done["updated"], done["unchanged"]) == (1, 0)
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        until = await conn.fetchval(
            "SELECT valid_until FROM access_grant WHERE community_id = $1 AND source_id = $2",
            town.community_id, UUID(member_id),
        )  # fmt: skip
        body = await conn.fetchval("SELECT body FROM roster WHERE community_id = $1", town.community_id)
    assert until == datetime(2026, 12, 31, 16, tzinfo=UTC)
    # What the gate holds says so itself: it refuses on time without hearing from anybody.
    assert str(int(until.timestamp() * 1_000_000)) in bytes(body).decode()


async def test_a_check_says_everything_and_changes_nothing(office: Office) -> None:
    content = sheet(TENANT.format(phone=office.town.world.new_phone()), SPOUSE, "broken")
    checked = await office.imported(content, dry_run=True)
    assert (checked["state"], checked["created"], checked["refused"]) == ("checked", 2, 1)
    assert await homes(office.town) == {}
    applied = await office.town.office.post(f"/staff/v1/imports/{checked['import_id']}/apply", json={})
    assert applied.status_code == 202, applied.text
    done = await office.run(checked["import_id"])
    assert (done["state"], done["created"], done["refused"]) == ("done", 2, 1)
    assert len(await homes(office.town)) == 1


async def test_one_bad_line_never_loses_the_others(office: Office) -> None:
    world = office.town.world
    good = TENANT.format(phone=world.new_phone())
    lines = [
        "1号楼,1单元,102,T-2,P-3,赵某,12,承租人,2026-01-01,",
        "1号楼,1单元,102,T-2,,赵某,,配偶,2026-01-01,",
        "1号楼,1单元,102,T-2,P-5,赵某,,邻居,2026-01-01,",
        "1号楼,1单元,102,T-2,P-6,赵某,,配偶,2026-02-30,",
        "1号楼,1单元,102,T-2,P-7,赵某,,配偶,2026-02-03,2026-01-01",
        "1号楼,1单元,102,T-2,P-8,赵\x00某,,配偶,2026-02-03,",
        "1号楼,1单元,102,T-2,P-9," + "长" * 30_000 + ",,配偶,2026-02-03,",
        '1号楼,1单元,102,T-2,P-10,"赵某,,配偶,2026-02-03,',
        good,
        SPOUSE.replace("P-2", "P-1"),
        SPOUSE,
    ]
    done = await office.imported(sheet(*lines))
    assert (done["created"], done["refused"], done["lines"]) == (2, 9, 11)
    assert await office.problems(done["import_id"]) == [
        (2, "phone-invalid", "phone"),
        (3, "missing", "number"),
        (4, "relation-unknown", "relation"),
        (5, "date-invalid", "starts"),
        (6, "period-invalid", "ends"),
        (7, "control-character", None),
        (8, "line-too-long", None),
        (9, "quote-unclosed", None),
        (11, "repeated", "number"),
    ]
    report = await office.town.office.get(
        f"/staff/v1/imports/{done['import_id']}/report", params={"report_format": "csv", "lines": "problems"}
    )
    rows = list(csv.DictReader(io.StringIO(report.content.decode("utf-8-sig"))))
    assert [int(row["line"]) for row in rows] == [2, 3, 4, 5, 6, 7, 8, 9, 11]
    assert all(row["detail"] and row["remedy"] and row["处理办法"] for row in rows)
    assert "赵" not in report.text


async def test_lines_of_another_encoding_are_refused_alone(office: Office) -> None:
    good = sheet(TENANT.format(phone=office.town.world.new_phone()), SPOUSE)
    done = await office.imported(good + "1号楼,1单元,103,T-3,P-9,孙某,,配偶,2026-01-01,".encode("gb18030"))
    assert (done["created"], done["refused"]) == (2, 1)
    assert await office.problems(done["import_id"]) == [(4, "encoding-mixed", None)]


async def test_an_office_names_its_own_headings(office: Office) -> None:
    header = "A;B;C;D;E;F"
    line = f"1号楼;101;P-1;王某;{office.town.world.new_phone()};2026/1/2"
    mapping = {"building": "A", "home": "B", "number": "C", "name": "D", "phone": "E", "starts": "F"}
    assert (await office.imported(sheet(line, header=header), mapping=mapping))["created"] == 1
    unknown = await office.imported(sheet(line, header=header))
    assert (unknown["state"], unknown["failure"]) == ("failed", "columns-missing: building, home, number, name, starts")


async def test_what_the_office_decided_a_file_does_not_undo(office: Office) -> None:
    town, world = office.town, office.town.world
    content = sheet(TENANT.format(phone=world.new_phone()), SPOUSE)
    await office.imported(content)
    (tenancy,) = await household(town, ("1号楼", "1单元", "101"))
    spouse = next(m for m in tenancy["members"] if m["relation"] == "spouse")
    await town.office.post(f"{town.staff_path}/members/{spouse['member_id']}/end")
    again = await office.imported(content)
    assert await office.problems(again["import_id"]) == [(3, "member-ended", None)]
    await town.office.post(f"{town.staff_path}/tenancies/{tenancy['tenancy_id']}/end", json={})
    again = await office.imported(content)
    assert await office.problems(again["import_id"]) == [(2, "tenancy-ended", None), (3, "tenancy-ended", None)]


async def test_a_home_takes_no_second_household_and_nobody_beyond_its_limit(office: Office) -> None:
    world = office.town.world
    family = [SPOUSE.replace("P-2", f"P-{n}").replace("配偶", "子女") for n in range(2, 9)]
    other = TENANT.format(phone=world.new_phone()).replace("T-1", "T-9").replace("P-1", "P-9")
    done = await office.imported(sheet(TENANT.format(phone=world.new_phone()), *family, other))
    assert await office.problems(done["import_id"]) == [
        (8, "home-full", None), (9, "home-full", None), (10, "home-occupied", None),
    ]  # fmt: skip


async def test_who_is_missing_is_ended_only_when_confirmed(office: Office) -> None:
    town, world = office.town, office.town.world
    lines = [f"1号楼,,{n},T-{n},P-{n},某某,{world.new_phone()},承租人,2026-01-01," for n in range(1, 9)]
    await office.imported(sheet(*lines))
    kept = sheet(*lines[1:])
    checked = await office.imported(kept, dry_run=False, ends_missing=True)
    assert (checked["state"], checked["ended"], checked["unchanged"]) == ("checked", 1, 7)
    path = f"/staff/v1/imports/{checked['import_id']}/apply"
    wrong = await town.office.post(path, json={"ends": 2})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "ends-differ")
    assert (await town.office.post(path, json={"ends": 1})).status_code == 202
    done = await office.run(checked["import_id"])
    assert (done["state"], done["ended"]) == ("done", 1)
    (tenancy,) = await household(town, ("1号楼", "", "1"))
    assert tenancy["ended_at"] is not None
    assert [m["state"] for m in tenancy["members"]] == ["ended"]


async def test_a_manager_without_a_fresh_second_factor_is_told_that_it_is_what_he_lacks(office: Office) -> None:
    town, world = office.town, office.town.world
    lines = [f"1号楼,,{n},T-{n},P-{n},某某,{world.new_phone()},承租人,2026-01-01," for n in range(1, 9)]
    await office.imported(sheet(*lines))
    manager = await world.staff(town.office, StaffRole.COMMUNITY_MANAGER, community_id=town.community_id)
    mine = Office(Town(world, manager, town.community_id, town.building_id), office.worker_db)
    checked = await mine.imported(sheet(*lines[1:]), ends_missing=True)
    path = f"/staff/v1/imports/{checked['import_id']}/apply"
    plain = await world.login(manager.phone, surface="staff", second_factor=False)
    refused = await plain.post(path, json={"ends": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "second-factor-required")
    await world.give_second_factor(plain)
    assert (await plain.post(path, json={"ends": 1})).status_code == 202


async def test_a_file_that_was_cut_off_ends_nobody(office: Office) -> None:
    world = office.town.world
    lines = [f"1号楼,,{n},T-{n},P-{n},某某,{world.new_phone()},承租人,2026-01-01," for n in range(1, 13)]
    await office.imported(sheet(*lines))
    checked = await office.imported(sheet(*lines[:5]), ends_missing=True)
    assert checked["ended"] == 7
    await office.town.office.post(f"/staff/v1/imports/{checked['import_id']}/apply", json={"ends": 7})
    done = await office.run(checked["import_id"])
    assert (done["ended"], done["unchanged"]) == (0, 5 + 7)
    assert {line["code"] for line in await office.report(done["import_id"]) if line["line"] == 0} == {
        "many-not-in-file"
    }
    # Nor does one whose lines could not all be read.
    unread = await office.imported(sheet(*lines[1:], "broken"), ends_missing=True)
    assert (unread["ended"], unread["refused"]) == (0, 1)
    short = await office.imported(sheet(*lines[:5]), lines=12)
    assert (short["state"], short["failure"]) == ("failed", "line-count-differs")
