"""A community in which every noun has something, and everybody who might ask for it, each with a good token."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from backend.enrolment.register import repository as register
from backend.enrolment.register.repository import RegisterPhotoRow
from backend.enrolment.reviews import repository as reviews
from backend.enrolment.sealing import seal_photo
from backend.kit.auth import StaffPrincipal, StaffRole, Surface, VisitorPrincipal
from backend.kit.db import Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from gate_sdk.testing import Phone
from tests.backend.authorisation.samples import ARCHIVE, FRAME, PICTURE, public_jwk
from tests.backend.authorisation.who import Who
from tests.backend.codes.test_codes import register as register_phone
from tests.backend.couriers.company import Company, Visitor, admit, open_link
from tests.backend.couriers.roster import grants
from tests.backend.gates.devices import Device
from tests.backend.guardians.children import agree, child_of, name_child
from tests.backend.households.town import Resident, Town, build_town
from tests.backend.notifications.pushing import TestBrowser
from tests.backend.privacy.faces import PACK, give_face
from tests.backend.world import Actor, World

__all__ = ["Place", "furnish"]


class Place(msgspec.Struct, frozen=True):
    """Ids by the names that routes use, those of one surface or of paths with a beginning over the common ones."""

    tokens: Mapping[Who, str]
    ids: Mapping[str, str]
    by_path: Mapping[str, Mapping[str, str]]

    def ids_for(self, path: str) -> dict[str, str]:
        """The ids that a request to this route names: those of the longest beginning win."""
        found = dict(self.ids)
        for prefix in sorted(self.by_path, key=len):
            if path.startswith(prefix):
                found.update(self.by_path[prefix])
        return found

    def headers(self, who: Who) -> dict[str, str]:
        return {} if who is Who.NOBODY else {"Authorization": f"Bearer {self.tokens[who]}"}


def _good(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    found: dict[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    return found


async def furnish(world: World) -> Place:
    """Build it. Takes a few seconds, so once for all."""
    town = await build_town(world)
    builder = _Builder(world, town)
    return await builder.build()


_DESK = {"paper_reference": "P-1", "texts": [{"purpose": "face_access", "version": 1}]}


class _Builder:
    def __init__(self, world: World, town: Town) -> None:
        self.world = world
        self.town = town
        self.staff_path = town.staff_path
        self.tokens: dict[Who, str] = {}
        self.ids: dict[str, str] = {
            "community_id": str(town.community_id),
            "admitted_id": str(town.community_id),
            "building_id": str(town.building_id),
        }
        self.by_path: dict[str, dict[str, str]] = {}

    async def build(self) -> Place:
        await self._staff()
        tenant = await self._residents()
        company = await self._companies(tenant)
        await self._visitors(tenant, company)
        await self._doors_and_gates()
        await self._children(tenant)
        await self._faces(tenant)
        await self._files()
        return Place(self.tokens, self.ids, self.by_path)

    def _under(self, prefix: str, **ids: object) -> None:
        self.by_path.setdefault(prefix, {}).update({name: str(value) for name, value in ids.items()})

    def _know(self, **ids: object) -> None:
        self.ids.update({name: str(value) for name, value in ids.items()})

    async def _office(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return _good(await self.town.office.request(method, f"{self.staff_path}{path}", json=body))

    async def _staff(self) -> None:
        world, office, here = self.world, self.town.office, self.town.community_id
        self.second = await build_town(world, office=office, name="Second Court")
        self.elsewhere = await build_town(world, office=await world.administrator("Another"), name="Elsewhere")
        roles: list[tuple[Who, Actor, StaffRole, UUID | None]] = [
            (Who.MANAGER, office, StaffRole.COMMUNITY_MANAGER, here),
            (Who.DESK, office, StaffRole.FRONT_DESK, here),
            (Who.AUDITOR, office, StaffRole.AUDITOR, here),
            (Who.LEGAL, office, StaffRole.LEGAL_OFFICER, None),
            (Who.MANAGER_ELSEWHERE, office, StaffRole.COMMUNITY_MANAGER, self.second.community_id),
            (Who.DESK_ELSEWHERE, office, StaffRole.FRONT_DESK, self.second.community_id),
            (Who.AUDITOR_ELSEWHERE, office, StaffRole.AUDITOR, self.second.community_id),
            (Who.OTHER_MANAGER, self.elsewhere.office, StaffRole.COMMUNITY_MANAGER, self.elsewhere.community_id),
            (Who.OTHER_LEGAL, self.elsewhere.office, StaffRole.LEGAL_OFFICER, None),
            (Who.REMOVED, office, StaffRole.COMMUNITY_MANAGER, here),
        ]
        actors = {}
        for who, boss, role, community_id in roles:
            actors[who] = await world.staff(boss, role, community_id=community_id)
        for who, full in ((Who.UNELEVATED, office), (Who.LEGAL_UNELEVATED, actors[Who.LEGAL])):
            actors[who] = await world.login(full.phone, surface="staff", second_factor=False)
        self.legal = actors[Who.LEGAL]
        actors |= {Who.ADMINISTRATOR: office, Who.OTHER_ADMINISTRATOR: self.elsewhere.office}
        self.tokens |= {who: actor.access_token for who, actor in actors.items()}
        removed = self._staff_id(actors[Who.REMOVED])
        _good(await office.delete(f"/staff/v1/staff/{removed}"))
        self._know(staff_id=self._staff_id(actors[Who.DESK]))
        await self._second_session("/staff/v1", office)

    def _staff_id(self, actor: Actor) -> UUID:
        tokens = self.world.resources.tokens
        principal = tokens.verify(actor.access_token, surface=Surface.STAFF, now=self.world.clock())
        assert isinstance(principal, StaffPrincipal)
        return principal.staff_id

    async def _second_session(self, surface: str, actor: Actor) -> None:
        kind = surface.split("/")[1]
        await self.world.login(actor.phone, surface=kind, second_factor=False)
        sessions = _good(await actor.get(f"{surface}/me/sessions"))["sessions"]
        (other, *_) = [one["session_id"] for one in sessions if not one["current"]]
        self._under(f"{surface}/me/sessions", session_id=other)

    async def _residents(self) -> Resident:
        town = self.town
        tenant = await town.tenant("1-101", member_limit=20)
        neighbour, former = await town.tenant("1-102"), await town.tenant("1-103")
        family = await town.family(tenant)
        stranger = await self.elsewhere.tenant()
        # One with a face, so that his leaving begins an erasure.
        await give_face(town, former)
        await self._office("POST", f"/tenancies/{former.tenancy_id}/end", {})
        (erasure,) = _good(await former.actor.get("/resident/v1/erasures"))["erasures"]
        self._know(erasure_id=erasure["erasure_id"])
        everybody = (
            (Who.TENANT, tenant), (Who.FAMILY, family), (Who.NEIGHBOUR, neighbour), (Who.FORMER, former),
            (Who.STRANGER, stranger),
        )  # fmt: skip
        self.tokens |= {who: resident.actor.access_token for who, resident in everybody}
        # All agree, so that nobody is refused somebody else's things for that reason.
        for one in (family, neighbour, stranger):
            _good(await one.actor.put("/resident/v1/consents/face_access", json={"version": 1}))
        proposed, invited = await self._propose(tenant), await self._propose(tenant)
        approved = await self._office("POST", f"/members/{invited}/approve", {"of_age": True})
        self._know(activation_code=approved["activation_code"])
        self._know(
            guardian_member_id=family.member_id,
            home_id=tenant.home_id,
            tenancy_id=tenant.tenancy_id,
            member_id=family.member_id,
            person_id=tenant.person_id,
        )
        self._under("/staff/v1/communities/{community_id}/members/{member_id}/approve", member_id=proposed)
        await self._second_session("/resident/v1", tenant.actor)
        await self._requests("/resident/v1", tenant.actor)
        await self._phone("/resident/v1", tenant.actor)
        await self._told("/resident/v1", tenant.actor, tenant.person_id)
        browser = _good(
            await tenant.actor.put("/resident/v1/notifications/subscriptions", json=TestBrowser().subscription())
        )
        self._know(subscription_id=browser["subscription_id"])
        return tenant

    async def _propose(self, tenant: Resident) -> str:
        path = f"/resident/v1/homes/{self.town.community_id}/{tenant.home_id}/members"
        made = _good(await tenant.actor.post(path, json={"name": "Relative", "relation": "parent"}))
        return str(made["member_id"])

    async def _requests(self, base: str, actor: Actor) -> None:
        copy = _good(await actor.post(f"{base}/requests", json={"kind": "access"}))
        here = {"community_id": str(self.town.community_id), "text": "Why"}
        limit = _good(await actor.post(f"{base}/requests", json={"kind": "restriction", **here}))
        self._under(f"{base}/requests", request_id=copy["request_id"])
        self._under(f"{base}/requests/{{request_id}}/lift", request_id=limit["request_id"])
        if base == "/resident/v1":
            asked = _good(await actor.post(f"{base}/requests", json={"kind": "objection", **here}))
            self._under("/staff/v1", request_id=asked["request_id"])

    async def _told(self, base: str, actor: Actor, person_id: UUID) -> None:
        now = self.world.clock()
        async with self.world.resources.db.transaction(Scope(person_id=person_id)) as conn:
            await notifications.tell(conn, person_id=person_id, kind=Kind.FACE_ACTIVE, occasion="told", now=now)
        (told, *_) = _good(await actor.get(f"{base}/notifications"))["notifications"]
        self._under(f"{base}/notifications", notification_id=told["notification_id"])

    async def _phone(self, base: str, actor: Actor) -> None:
        surface = base.split("/")[1]
        here = self.town.community_id
        made = _good(await register_phone(actor, self.town, Phone(here), surface=surface))
        self._under(base, key_id=made["key_id"])
        path, phone = f"/{surface}/v1/communities/{here}/phones", Phone(here)
        challenge = b64decode(_good(await actor.post(f"{path}/challenge"))["challenge"])
        self._under(
            f"/{surface}/v1/communities/{{community_id}}/phones",
            public_key=b64encode(phone.public_key).decode(),
            challenge=b64encode(challenge).decode(),
            proof=b64encode(phone.proof(challenge)).decode(),
        )

    async def _companies(self, tenant: Resident) -> Company:
        company = await admit(self.town)
        other = await admit(self.elsewhere, name="Other Parcels")
        self.courier = await company.courier("W-1")
        _good(await self.courier.accept())
        shift = _good(await company.shift("W-1"))
        (subject_id,) = {one.subject_id for one in await grants(self.town, "courier")}
        other_courier = await company.courier("W-9")
        _good(await other_courier.accept())
        _good(await company.shift("W-9"))
        (unwelcome,) = {one.subject_id for one in await grants(self.town, "courier")} - {subject_id}
        made = await self._office("POST", f"/couriers/{unwelcome}/suspend", {"reason": "other"})
        self._know(suspension_id=made["suspension_id"])
        webhook = await company.actor.post("/partner/v1/webhooks", json={"url": "https://company.example/doorward"})
        self._know(endpoint_id=_good(webhook)["endpoint_id"])
        self._under("/staff/v1/communities/{community_id}/couriers", subject_id=subject_id)
        _good(await company.name("W-2", self.world.new_phone()))
        expected = _good(await company.expected_by(tenant, "O-1"))
        for order_ref in ("O-2", "O-3"):
            _good(await company.expected_by(tenant, order_ref))
        alone = _good(await company.deliver("O-2"))
        secrets_path = f"/staff/v1/partners/{company.partner_id}"
        _good(await self.town.office.post(f"{secrets_path}/secrets"))
        found = _good(await self.town.office.get(secrets_path))
        key = _good(await self.town.office.post(f"{secrets_path}/keys", json=public_jwk()))
        self._under("/staff/v1/partners/{partner_id}/keys", key_id=key["key_id"])
        self._know(
            partner_id=company.partner_id,
            shift_id=shift["shift_id"],
            delivery_id=expected["delivery_id"],
            worker_id="W-1",
            order_ref="O-3",
            secret_id=found["secrets"][0]["secret_id"],
        )
        self._under("/partner/v1/deliveries", delivery_id=alone["delivery_id"], order_ref="O-3")
        self._under("/resident/v1/homes", order_ref="O-9")
        self._under("/resident/v1/courier", refresh_token=self.courier.actor.refresh_token)
        self.tokens[Who.COMPANY] = company.actor.access_token
        self.tokens[Who.OTHER_COMPANY] = other.actor.access_token
        return company

    async def _visitors(self, tenant: Resident, company: Company) -> None:
        let_go = await company.courier("W-8")
        _good(await let_go.accept())
        _good(await company.shift("W-8"))
        _good(await company.actor.delete("/partner/v1/couriers/W-8"))
        guest, pass_id = await self._guest(self.town, tenant)
        neighbour = await self.town.tenant("1-104")
        other, _ = await self._guest(self.town, neighbour)
        uninvited, cancelled = await self._guest(self.town, tenant)
        path = f"/resident/v1/homes/{self.town.community_id}/{tenant.home_id}/passes"
        _good(await tenant.actor.delete(f"{path}/{cancelled}"))
        withdrawn, _ = await self._guest(self.town, tenant)
        _good(await withdrawn.withdraw())
        self._know(pass_id=pass_id)
        everybody = (
            (Who.GUEST, guest), (Who.OTHER_GUEST, other), (Who.UNINVITED, uninvited), (Who.WITHDRAWN, withdrawn),
            (Who.COURIER, self.courier), (Who.LET_GO, let_go),
        )  # fmt: skip
        self.tokens |= {who: visitor.actor.access_token for who, visitor in everybody}
        await self._requests("/visitor/v1", guest.actor)
        await self._phone("/visitor/v1", guest.actor)
        principal = self.world.resources.tokens.verify(
            guest.actor.access_token, surface=Surface.VISITOR, now=self.world.clock()
        )
        assert isinstance(principal, VisitorPrincipal)
        await self._told("/visitor/v1", guest.actor, principal.person_id)
        for one in (guest, other, self.courier):
            _good(await one.actor.put("/visitor/v1/consents/face_access", json={"version": 1}))
        _good(await guest.actor.put("/visitor/v1/consents/photo_retention", json={"version": 1}))
        _good(await guest.actor.post("/visitor/v1/consents/photo_retention/withdraw"))
        (erasure,) = _good(await guest.actor.get("/visitor/v1/erasures"))["erasures"]
        self._under("/visitor/v1", erasure_id=erasure["erasure_id"])
        enrolment = _good(await guest.actor.post("/visitor/v1/enrolments", json={}))["enrolment_id"]
        self._under("/visitor/v1/enrolments", enrolment_id=enrolment)

    async def _guest(self, town: Town, host: Resident) -> tuple[Visitor, str]:
        now = self.world.clock()
        made = _good(
            await host.actor.post(
                f"/resident/v1/homes/{town.community_id}/{host.home_id}/passes",
                json={
                    "guest_name": "Guest",
                    "valid_from": now.isoformat(),
                    "valid_until": (now + timedelta(hours=4)).isoformat(),
                },
            )
        )
        guest = await open_link(self.world.api, made["link_token"])
        _good(await guest.accept())
        return guest, made["pass_id"]

    async def _doors_and_gates(self) -> None:
        api, town = self.world.api, self.town
        group = (await self._office("POST", "/door-groups", {"name": "Garages"}))["id"]
        door = (await self._office("POST", "/doors", {"name": "North", "groups": []}))["id"]
        schedule = (await self._office("POST", "/schedules", {"name": "Days", "week": []}))["id"]
        blocked = {"phone": self.world.new_phone(), "reason": "threat", "days": 30}
        block = (await self._office("POST", "/guest-blocks", blocked))["block_id"]
        until = (self.world.clock() + timedelta(hours=1)).isoformat()
        emergency = await self._office("POST", "/emergencies", {"mode": "lockdown", "reason": "fire", "until": until})
        device = await Device.provisioned(api, town.office, town.community_id, self.world)
        other = await Device.provisioned(api, self.elsewhere.office, self.elsewhere.community_id, self.world)
        revoked = await Device.provisioned(api, town.office, town.community_id, self.world)
        await self._office("POST", f"/gates/{revoked.identity.gate_id}/revoke", {"reason": "Stolen"})
        self.tokens |= {Who.GATE: device.token, Who.OTHER_GATE: other.token, Who.REVOKED_GATE: revoked.token}
        policy = {"purpose": "wrong_refusals", "hours": 12, "days": 30}
        await self._office("PUT", "/denied-frames/policy", policy)
        _good(
            await api.post(
                "/gate/v1/denied-frames",
                content=msgspec.msgpack.encode(FRAME),
                headers={**device.headers, "Content-Type": "application/vnd.msgpack"},
            )
        )
        (kept,) = (await self._office("GET", "/denied-frames"))["frames"]
        async with self.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
            # As if the guest stood at the gate.
            asked = await conn.fetchval(
                """
                INSERT INTO approval (community_id, gate_id, approach_id, subject_id, home_id, source, source_id,
                    asked_at, expires_at)
                SELECT community_id, $2, gen_random_uuid(), subject_id, home_id, 'pass', pass_id, $3, $5
                FROM guest_pass WHERE community_id = $1 AND pass_id = $4 RETURNING approval_id
                """,
                town.community_id, UUID(str(device.identity.gate_id)), self.world.clock(), UUID(self.ids["pass_id"]),
                self.world.clock() + timedelta(hours=1),
            )  # fmt: skip
            # A change of models to a pack that this server has not been given. Of one moment: where the clock goes on,
            # thirty days from a second look are too many.
            begun_at = self.world.clock()
            await conn.execute(
                """
                INSERT INTO model_change (community_id, to_pack, begun_by, begun_at, ends_at)
                VALUES ($1, 'elsewhere-1', gen_random_uuid(), $2, $3)
                """,
                town.community_id, begun_at, begun_at + timedelta(days=30),
            )  # fmt: skip
        self._know(approval_id=asked)
        self._know(
            group_id=group, door_id=door, schedule_id=schedule, block_id=block, emergency_id=emergency["emergency_id"],
            gate_id=device.identity.gate_id, frame_id=kept["frame_id"],
        )  # fmt: skip

    async def _children(self, tenant: Resident) -> None:
        child = await child_of(self.town, tenant, date(2019, 5, 1))
        young = await child_of(self.town, tenant, date(2011, 5, 1))
        _good(await agree(child))
        await self._requests(child.path, tenant.actor)
        requests = self.by_path[f"{child.path}/requests"]["request_id"]
        lift = self.by_path[f"{child.path}/requests/{{request_id}}/lift"]["request_id"]
        enrolment = _good(await tenant.actor.post(f"{child.path}/enrolments", json={}))["enrolment_id"]
        wards = "/resident/v1/wards/{person_id}"
        self._under(wards, person_id=child.person_id, enrolment_id=enrolment, request_id=requests)
        self._under(f"{wards}/requests/{{request_id}}/lift", request_id=lift)
        members = "/staff/v1/communities/{community_id}/members/{member_id}"
        for path in ("/birth-date", "/guardians"):
            self._under(members + path, member_id=child.member_id)
        self._under(f"{members}/young-link", member_id=young.member_id)
        (guardian,) = (await self._office("GET", f"/members/{child.member_id}/guardians"))["guardians"]
        self._know(guardianship_id=guardian["guardianship_id"])
        # A card is for somebody without a phone.
        await self._office("POST", f"/members/{child.member_id}/card", {})
        self._under(f"{members}/card", member_id=child.member_id)
        grown = await name_child(self.town, tenant)
        await self._office("POST", f"/members/{grown}/approve", {"birth_date": "1999-05-01"})
        begun = await self._office("POST", f"/members/{grown}/desk-enrolments", _DESK)
        self._under(f"{members}/desk-enrolments", member_id=grown, enrolment_id=begun["enrolment_id"])

    async def _faces(self, tenant: Resident) -> None:
        subject_id = await give_face(self.town, tenant)
        resources, here, now = self.world.resources, self.town.community_id, self.world.clock()
        async with resources.db.transaction(Scope(person_id=tenant.person_id)) as conn:
            row = await conn.fetchrow("SELECT enrolment_id, template_id FROM template")
        assert row is not None
        async with resources.db.transaction(Scope(community_id=here)) as conn:
            await reviews.insert_review(
                conn,
                community_id=here,
                subject_id=subject_id,
                person_id=tenant.person_id,
                enrolment_id=row["enrolment_id"],
                template_id=row["template_id"],
                findings=[],
                now=now,
            )
        (review,) = (await self._office("GET", "/reviews"))["reviews"]
        until = (now + timedelta(days=30)).isoformat()
        order = {
            "basis": "criminal_investigation",
            "reference": "1",
            "ends_at": until,
            "member_id": str(tenant.member_id),
        }
        hold = _good(await self.legal.post(f"{self.staff_path}/holds", json=order))
        self._know(review_id=review["review_id"], hold_id=hold["hold_id"])
        self._under("/staff/v1/communities/{community_id}/holds", photo_id=hold["kept"][0]["photo_id"])
        self._under("/staff/v1/communities/{community_id}/holds", member_id=tenant.member_id)
        begun = _good(await tenant.actor.post("/resident/v1/enrolments", json={}))
        self._under("/resident/v1/enrolments", enrolment_id=begun["enrolment_id"])
        await self._register_photo()

    async def _register_photo(self) -> None:
        resources, here, now = self.world.resources, self.town.community_id, self.world.clock()
        photo_id, member_id = uuid4(), UUID(self.ids["member_id"])
        key = await resources.keys.ensure_person_key(photo_id, owner_id=here)
        object_key = f"register/{here}/{int(now.timestamp())}-{photo_id}"
        await resources.objects.put(object_key, seal_photo(key, PICTURE, person_id=member_id, object_id=photo_id))
        row = RegisterPhotoRow(here, photo_id, member_id, object_key, PACK, b"sealed", 0.5, now)
        async with resources.db.transaction(Scope(community_id=here)) as conn:
            await register.insert_photo(conn, row=row, kept_by=uuid4())

    async def _files(self) -> None:
        office = self.town.office
        begun = _good(
            await office.post("/staff/v1/imports", json={"community_id": self.ids["community_id"], "dry_run": True})
        )
        self._under("/staff/v1/imports", import_id=begun["import_id"])
        sent = await office.post(
            f"{self.staff_path}/register-photos/imports",
            content=ARCHIVE,
            headers={"Content-Type": "application/zip"},
        )
        self._under("/staff/v1/communities/{community_id}/register-photos", import_id=_good(sent)["import_id"])
