"""Legal holds over what an office holds of people on its register: the same rules, whether or not they ever joined."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from backend.enrolment.register import repository as register_photos
from backend.enrolment.register.service import destroy_gone
from backend.kit.auth import StaffRole
from backend.kit.db import Database, Scope
from backend.kit.storage import ObjectStore
from backend.privacy.holds.errors import PhotographsChanged
from backend.privacy.holds.rules import Basis
from backend.privacy.holds.schemas import NewHold
from backend.privacy.holds.service import set_hold
from backend.privacy.retention.jobs import enforce_in_community
from backend.privacy.saga import Saga
from tests.backend.households.town import Town, build_town
from tests.backend.privacy.ending import end_tenancy, read
from tests.backend.privacy.faces import NOTHING, left_of, store_face
from tests.backend.privacy.held import (
    MONTH,
    certificate,
    has_key,
    hold,
    keep_on_register,
    later,
    objects_of,
    order,
    release,
    town_with_officer,
)
from tests.backend.world import Actor, World


async def invited(town: Town, label: str = "2-201") -> tuple[UUID, dict[str, Any], str]:
    """A tenant who is on the register and has not joined: member, tenancy and number."""
    phone = town.world.new_phone()
    made = await town.tenancy(await town.home(label), phone)
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id), read_only=True) as conn:
        member_id: UUID = await conn.fetchval(
            "SELECT member_id FROM member WHERE community_id = $1 AND tenancy_id = $2",
            town.community_id, UUID(made["tenancy_id"]),
        )  # fmt: skip
    return member_id, made, phone


async def held_of_member(town: Town, officer: Actor, member_id: UUID, **fields: object) -> dict[str, Any]:
    answer = await officer.post(
        f"{town.staff_path}/holds",
        json={
            "basis": "court_preservation",
            "reference": "2026-0816",
            "ends_at": (town.world.clock() + 3 * MONTH).isoformat(),
            "member_id": str(member_id),
            **fields,
        },
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def look(town: Town, officer: Actor, made: dict[str, Any], photo: dict[str, Any]) -> bytes | None:
    """The held photograph; None where there is none any more."""
    answer = await officer.get(f"{town.staff_path}/holds/{made['hold_id']}/photographs/{photo['photo_id']}")
    assert answer.status_code in {200, 404}, answer.text
    return answer.content if answer.status_code == 200 else None


async def test_the_photograph_of_somebody_who_never_joined_outlives_its_time_on_the_register_and_goes_with_the_hold(
    world: World, worker_db: Database
) -> None:
    town = await build_town(world)
    officer = await world.staff(town.office, StaffRole.LEGAL_OFFICER)
    member_id, _, _ = await invited(town)
    picture = await keep_on_register(town, member_id)
    made = await held_of_member(town, officer, member_id)
    assert (made["member_id"], made["subject_id"], made["photographs"]) == (str(member_id), None, 1)
    (photo,) = made["kept"]
    assert photo["source"] == "register"

    # Retention takes the register's own, key and object, as without the hold.
    town, officer = await later(town, officer, timedelta(days=61))
    await enforce_in_community(worker_db, community_id=town.community_id, now=world.clock())
    assert await destroy_gone(worker_db, world.resources.keys, world.resources.objects) == 1
    assert await objects_of(world, "register/") == []
    assert await look(town, officer, made, photo) == picture

    town, officer = await later(town, officer, timedelta(days=30))
    assert await release(world, worker_db) == 1
    assert await look(town, officer, made, photo) is None
    assert await objects_of(world) == []
    assert not await has_key(world, made["hold_id"])


@pytest.mark.parametrize("how", ["dropped", "replaced", "left"])
async def test_however_the_office_gives_the_photograph_up_the_hold_keeps_it(
    world: World, worker_db: Database, how: str
) -> None:
    town = await build_town(world)
    officer = await world.staff(town.office, StaffRole.LEGAL_OFFICER)
    member_id, tenancy, _ = await invited(town)
    picture = await keep_on_register(town, member_id)
    made = await held_of_member(town, officer, member_id)
    if how == "left":
        await end_tenancy(town, UUID(tenancy["tenancy_id"]))
    elif how == "dropped":
        path = f"{town.staff_path}/members/{member_id}/register-photo"
        assert (await town.office.delete(path)).status_code == 204
    else:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            await register_photos.retire(conn, community_id=town.community_id, member_id=member_id, now=world.clock())
        await keep_on_register(town, member_id)
    assert await destroy_gone(worker_db, world.resources.keys, world.resources.objects) == 1
    assert await look(town, officer, made, made["kept"][0]) == picture
    # What is kept now is what there was then: another hold finds what there is now, or nothing.
    again = await officer.post(f"{town.staff_path}/holds", json={
        "basis": "court_preservation", "reference": "2", "ends_at": (world.clock() + MONTH).isoformat(),
        "member_id": str(member_id),
    })  # fmt: skip
    assert again.status_code == (201 if how == "replaced" else 409), again.text


async def test_an_erasure_of_everything_waits_for_both_kinds_and_names_them(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    picture = await keep_on_register(town, tenant.member_id)
    made = await hold(town, officer, tenant)
    assert [one["source"] for one in made["kept"]].count("register") == 1
    assert made["photographs"] == 4

    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    assert not await saga.resume(UUID(begun["erasure_id"]))
    await destroy_gone(worker_db, world.resources.keys, world.resources.objects)
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert await objects_of(world, "register/") == []
    erasure = await read(town, begun["erasure_id"])
    assert (erasure["state"], [one["photographs"] for one in erasure["held"]]) == ("held", [4])
    (of_register,) = [one for one in made["kept"] if one["source"] == "register"]
    assert await look(town, officer, made, of_register) == picture

    assert (await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")).status_code == 200
    assert await release(world, worker_db) == 1
    assert await saga.resume(UUID(begun["erasure_id"]))
    (told,) = (await certificate(town, begun["erasure_id"]))["held"]
    assert (told["photographs"], told["released_at"] is None) == (4, False)


async def test_moving_out_of_one_of_two_homes_waits_for_what_that_office_held_and_for_nothing_else(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town, tenant, officer = await town_with_officer(world)
    other = await build_town(world, office=town.office, name="Another Court")
    elsewhere = await other.tenant(phone=tenant.actor.phone)
    assert elsewhere.person_id == tenant.person_id
    # Of his enrolments alone: what he keeps by his other home is not erased, and nothing waits.
    await hold(other, officer, elsewhere)
    await keep_on_register(town, tenant.member_id)
    made = await hold(town, officer, tenant)

    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    assert not await saga.resume(UUID(begun["erasure_id"]))
    erasure = await read(town, begun["erasure_id"])
    assert (erasure["extent"], [one["photographs"] for one in erasure["held"]]) == ("community", [1])
    (remains,) = [one for one in (await certificate(town, begun["erasure_id"]))["remains"]
                  if one["what"] == "held_photographs"]  # fmt: skip
    assert remains["until"] == made["ends_at"]
    assert (await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")).status_code == 200
    assert await release(world, worker_db) == 1
    assert await saga.resume(UUID(begun["erasure_id"]))


async def test_photographs_of_enrolments_that_go_do_not_wait_for_a_hold_of_the_registers(
    world: World, saga: Saga
) -> None:
    town = await build_town(world)
    tenant = await town.tenant()
    officer = await world.staff(town.office, StaffRole.LEGAL_OFFICER)
    for purpose in ("face_access", "photo_retention"):
        given = await tenant.actor.put(f"/resident/v1/consents/{purpose}", json={"version": 2})
        assert given.status_code == 200, given.text
    await keep_on_register(town, tenant.member_id)
    made = await hold(town, officer, tenant)
    assert made["photographs"] == 1
    await store_face(town, tenant)
    withdrawn = await tenant.actor.post("/resident/v1/consents/photo_retention/withdraw")
    assert await saga.resume(UUID(withdrawn.json()["erasures"][0]["erasure_id"]))


async def test_whoever_joins_after_the_hold_was_set_reads_of_it_when_he_leaves(
    world: World, worker_db: Database, saga: Saga
) -> None:
    town = await build_town(world)
    officer = await world.staff(town.office, StaffRole.LEGAL_OFFICER)
    member_id, tenancy, phone = await invited(town)
    await keep_on_register(town, member_id)
    made = await held_of_member(town, officer, member_id)
    joined = await town.joined(phone, tenancy)
    assert joined.member_id == member_id
    async with world.resources.db.transaction(Scope(person_id=joined.person_id), read_only=True) as conn:
        assert [str(row["hold_id"]) for row in await conn.fetch("SELECT hold_id FROM legal_hold")] == [made["hold_id"]]

    (begun,) = (await end_tenancy(town, joined.tenancy_id))["erasures"]
    assert not await saga.resume(UUID(begun["erasure_id"]))
    assert (await read(town, begun["erasure_id"]))["state"] == "held"
    await officer.post(f"{town.staff_path}/holds/{made['hold_id']}/end")
    assert await release(world, worker_db) == 1
    assert await saga.resume(UUID(begun["erasure_id"]))
    # The record outlives him, as proof that there was an order.
    (record,) = (await officer.get(f"{town.staff_path}/holds")).json()["holds"]
    assert (record["state"], record["member_id"]) == ("released", str(member_id))


class Meanwhile:
    """An object store before which something happens as soon as the first copy is stored."""

    def __init__(self, inner: ObjectStore, happens: Callable[[], Awaitable[object]]) -> None:
        self._inner = inner
        self._happens = happens

    async def put(self, key: str, data: bytes) -> None:
        await self._happens()
        await self._inner.put(key, data)

    async def get(self, key: str) -> bytes:
        return await self._inner.get(key)

    async def delete(self, key: str) -> None:
        await self._inner.delete(key)

    async def delete_under(self, prefixes: Sequence[str]) -> dict[str, int]:
        return await self._inner.delete_under(prefixes)

    async def exists(self, key: str) -> bool:
        return await self._inner.exists(key)

    def list(self, prefix: str) -> AsyncIterator[str]:
        return self._inner.list(prefix)


async def test_what_is_given_up_while_it_is_being_copied_is_not_held(world: World) -> None:
    """The office was told that it is gone; a copy that became a hold afterwards would make that untrue."""
    town, tenant, officer = await town_with_officer(world)
    await keep_on_register(town, tenant.member_id)

    async def drop() -> None:
        async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            await register_photos.retire(
                conn, community_id=town.community_id, member_id=tenant.member_id, now=world.clock()
            )

    resources = world.resources
    ends_at = world.clock() + MONTH
    new = NewHold(basis=Basis.COURT_PRESERVATION, reference="1", ends_at=ends_at, member_id=tenant.member_id)
    store: ObjectStore = Meanwhile(resources.objects, drop)
    with pytest.raises(PhotographsChanged):
        await set_hold(
            resources.db, resources.keys, store,
            community_id=town.community_id, staff_id=uuid4(), new=new, now=world.clock(),
        )  # fmt: skip
    assert (await officer.get(f"{town.staff_path}/holds")).json()["holds"] == []
    # Once more, of what there is now.
    assert (await hold(town, officer, tenant))["photographs"] == 3


async def test_nothing_is_held_of_whoever_has_no_photograph_anywhere(world: World) -> None:
    town, tenant, officer = await town_with_officer(world)
    member_id, _, _ = await invited(town)
    refused = await officer.post(f"{town.staff_path}/holds", json=order(world, tenant, member_id=str(member_id)))
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing-to-hold")
    # Another community's office, and its register, are none of this one's.
    other = await build_town(world, office=town.office, name="Another Court")
    theirs, _, _ = await invited(other)
    await keep_on_register(other, theirs)
    refused = await officer.post(f"{town.staff_path}/holds", json=order(world, tenant, member_id=str(theirs)))
    assert (refused.status_code, refused.json()["code"]) == (404, "held-person-not-found")
