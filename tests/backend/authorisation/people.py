"""Who is there: staff, residents, guests and couriers, children."""

from datetime import date, timedelta
from uuid import UUID

from backend.kit.auth import StaffRole, Surface, VisitorPrincipal
from tests.backend.authorisation.making import Making, good
from tests.backend.authorisation.who import Who
from tests.backend.couriers.company import Company, Visitor, open_link
from tests.backend.guardians.children import agree, child_of, name_child
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.notifications.pushing import TestBrowser
from tests.backend.privacy.faces import give_face
from tests.backend.world import Actor

__all__ = ["children", "residents", "staff", "visitors"]

_DESK = {"paper_reference": "P-1", "texts": [{"purpose": "face_access", "version": 1}]}


async def staff(making: Making) -> None:
    world, office, here = making.world, making.town.office, making.town.community_id
    making.second = await build_town(world, office=office, name="Second Court")
    making.elsewhere = await build_town(world, office=await world.administrator("Another"), name="Elsewhere")
    roles: list[tuple[Who, Actor, StaffRole, UUID | None]] = [
        (Who.MANAGER, office, StaffRole.COMMUNITY_MANAGER, here),
        (Who.DESK, office, StaffRole.FRONT_DESK, here),
        (Who.AUDITOR, office, StaffRole.AUDITOR, here),
        (Who.LEGAL, office, StaffRole.LEGAL_OFFICER, None),
        (Who.MANAGER_ELSEWHERE, office, StaffRole.COMMUNITY_MANAGER, making.second.community_id),
        (Who.DESK_ELSEWHERE, office, StaffRole.FRONT_DESK, making.second.community_id),
        (Who.AUDITOR_ELSEWHERE, office, StaffRole.AUDITOR, making.second.community_id),
        (Who.OTHER_MANAGER, making.elsewhere.office, StaffRole.COMMUNITY_MANAGER, making.elsewhere.community_id),
        (Who.OTHER_LEGAL, making.elsewhere.office, StaffRole.LEGAL_OFFICER, None),
        (Who.REMOVED, office, StaffRole.COMMUNITY_MANAGER, here),
    ]
    actors = {}
    for who, boss, role, community_id in roles:
        actors[who] = await world.staff(boss, role, community_id=community_id)
    for who, full in ((Who.UNELEVATED, office), (Who.LEGAL_UNELEVATED, actors[Who.LEGAL])):
        actors[who] = await world.login(full.phone, surface="staff", second_factor=False)
    making.legal = actors[Who.LEGAL]
    actors |= {Who.ADMINISTRATOR: office, Who.OTHER_ADMINISTRATOR: making.elsewhere.office}
    making.tokens |= {who: actor.access_token for who, actor in actors.items()}
    removed = making.staff_id(actors[Who.REMOVED])
    good(await office.delete(f"/staff/v1/staff/{removed}"))
    making.know(staff_id=making.staff_id(actors[Who.DESK]))
    await making.second_session("/staff/v1", office)


async def residents(making: Making) -> Resident:
    town = making.town
    tenant = await town.tenant("1-101", member_limit=20)
    neighbour, former = await town.tenant("1-102"), await town.tenant("1-103")
    family = await town.family(tenant)
    stranger = await making.elsewhere.tenant()
    # One with a face, so that his leaving begins an erasure.
    await give_face(town, former)
    await making.office("POST", f"/tenancies/{former.tenancy_id}/end", {})
    (erasure,) = good(await former.actor.get("/resident/v1/erasures"))["erasures"]
    making.know(erasure_id=erasure["erasure_id"])
    everybody = (
        (Who.TENANT, tenant), (Who.FAMILY, family), (Who.NEIGHBOUR, neighbour), (Who.FORMER, former),
        (Who.STRANGER, stranger),
    )  # fmt: skip
    making.tokens |= {who: resident.actor.access_token for who, resident in everybody}
    # All agree, so that nobody is refused somebody else's things for that reason.
    for one in (family, neighbour, stranger):
        good(await one.actor.put("/resident/v1/consents/face_access", json={"version": 1}))
    proposed, invited = await _propose(making, tenant), await _propose(making, tenant)
    approved = await making.office("POST", f"/members/{invited}/approve", {"of_age": True})
    making.know(activation_code=approved["activation_code"])
    making.know(
        guardian_member_id=family.member_id,
        home_id=tenant.home_id,
        tenancy_id=tenant.tenancy_id,
        member_id=family.member_id,
        person_id=tenant.person_id,
    )
    making.under("/staff/v1/communities/{community_id}/members/{member_id}/approve", member_id=proposed)
    await making.second_session("/resident/v1", tenant.actor)
    await making.requests("/resident/v1", tenant.actor)
    await making.phone("/resident/v1", tenant.actor)
    await making.told("/resident/v1", tenant.actor, tenant.person_id)
    browser = good(
        await tenant.actor.put("/resident/v1/notifications/subscriptions", json=TestBrowser().subscription())
    )
    making.know(subscription_id=browser["subscription_id"])
    return tenant


async def _propose(making: Making, tenant: Resident) -> str:
    path = f"/resident/v1/homes/{making.town.community_id}/{tenant.home_id}/members"
    made = good(await tenant.actor.post(path, json={"name": "Relative", "relation": "parent"}))
    return str(made["member_id"])


async def visitors(making: Making, tenant: Resident, company: Company) -> None:
    let_go = await company.courier("W-8")
    good(await let_go.accept())
    good(await company.shift("W-8"))
    good(await company.actor.delete("/partner/v1/couriers/W-8"))
    guest, pass_id = await _guest(making, making.town, tenant)
    neighbour = await making.town.tenant("1-104")
    other, _ = await _guest(making, making.town, neighbour)
    uninvited, cancelled = await _guest(making, making.town, tenant)
    path = f"/resident/v1/homes/{making.town.community_id}/{tenant.home_id}/passes"
    good(await tenant.actor.delete(f"{path}/{cancelled}"))
    withdrawn, _ = await _guest(making, making.town, tenant)
    good(await withdrawn.withdraw())
    making.know(pass_id=pass_id)
    everybody = (
        (Who.GUEST, guest), (Who.OTHER_GUEST, other), (Who.UNINVITED, uninvited), (Who.WITHDRAWN, withdrawn),
        (Who.COURIER, making.courier), (Who.LET_GO, let_go),
    )  # fmt: skip
    making.tokens |= {who: visitor.actor.access_token for who, visitor in everybody}
    await making.requests("/visitor/v1", guest.actor)
    await making.phone("/visitor/v1", guest.actor)
    principal = making.world.resources.tokens.verify(
        guest.actor.access_token, surface=Surface.VISITOR, now=making.world.clock()
    )
    assert isinstance(principal, VisitorPrincipal)
    await making.told("/visitor/v1", guest.actor, principal.person_id)
    for one in (guest, other, making.courier):
        good(await one.actor.put("/visitor/v1/consents/face_access", json={"version": 1}))
    good(await guest.actor.put("/visitor/v1/consents/photo_retention", json={"version": 1}))
    good(await guest.actor.post("/visitor/v1/consents/photo_retention/withdraw"))
    (erasure,) = good(await guest.actor.get("/visitor/v1/erasures"))["erasures"]
    making.under("/visitor/v1", erasure_id=erasure["erasure_id"])
    enrolment = good(await guest.actor.post("/visitor/v1/enrolments", json={}))["enrolment_id"]
    making.under("/visitor/v1/enrolments", enrolment_id=enrolment)


async def _guest(making: Making, town: Town, host: Resident) -> tuple[Visitor, str]:
    now = making.world.clock()
    made = good(
        await host.actor.post(
            f"/resident/v1/homes/{town.community_id}/{host.home_id}/passes",
            json={
                "guest_name": "Guest",
                "valid_from": now.isoformat(),
                "valid_until": (now + timedelta(hours=4)).isoformat(),
            },
        )
    )
    guest = await open_link(making.world.api, made["link_token"])
    good(await guest.accept())
    return guest, made["pass_id"]


async def children(making: Making, tenant: Resident) -> None:
    child = await child_of(making.town, tenant, date(2019, 5, 1))
    young = await child_of(making.town, tenant, date(2011, 5, 1))
    good(await agree(child))
    await making.requests(child.path, tenant.actor)
    requests = making.by_path[f"{child.path}/requests"]["request_id"]
    lift = making.by_path[f"{child.path}/requests/{{request_id}}/lift"]["request_id"]
    enrolment = good(await tenant.actor.post(f"{child.path}/enrolments", json={}))["enrolment_id"]
    wards = "/resident/v1/wards/{person_id}"
    making.under(wards, person_id=child.person_id, enrolment_id=enrolment, request_id=requests)
    making.under(f"{wards}/requests/{{request_id}}/lift", request_id=lift)
    members = "/staff/v1/communities/{community_id}/members/{member_id}"
    for path in ("/birth-date", "/guardians"):
        making.under(members + path, member_id=child.member_id)
    making.under(f"{members}/young-link", member_id=young.member_id)
    (guardian,) = (await making.office("GET", f"/members/{child.member_id}/guardians"))["guardians"]
    making.know(guardianship_id=guardian["guardianship_id"])
    # A card is for somebody without a phone.
    await making.office("POST", f"/members/{child.member_id}/card", {})
    making.under(f"{members}/card", member_id=child.member_id)
    grown = await name_child(making.town, tenant)
    await making.office("POST", f"/members/{grown}/approve", {"birth_date": "1999-05-01"})
    begun = await making.office("POST", f"/members/{grown}/desk-enrolments", _DESK)
    making.under(f"{members}/desk-enrolments", member_id=grown, enrolment_id=begun["enrolment_id"])
