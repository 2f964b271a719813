"""What is there: companies with their work, doors and gates, faces, files."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec

from backend.enrolment.register import repository as register
from backend.enrolment.register.repository import RegisterPhotoRow
from backend.enrolment.reviews import repository as reviews
from backend.enrolment.sealing import seal_photo
from backend.kit.db import Scope
from tests.backend.authorisation.making import Making, good
from tests.backend.authorisation.samples import ARCHIVE, FRAME, PICTURE, public_jwk
from tests.backend.authorisation.who import Who
from tests.backend.couriers.company import Company, admit
from tests.backend.couriers.roster import grants
from tests.backend.gates.devices import Device
from tests.backend.households.town import Resident
from tests.backend.privacy.faces import PACK, give_face

__all__ = ["companies", "doors_and_gates", "faces", "files"]


async def companies(making: Making, tenant: Resident) -> Company:
    company = await admit(making.town)
    other = await admit(making.elsewhere, name="Other Parcels")
    making.courier = await company.courier("W-1")
    good(await making.courier.accept())
    shift = good(await company.shift("W-1"))
    (subject_id,) = {one.subject_id for one in await grants(making.town, "courier")}
    other_courier = await company.courier("W-9")
    good(await other_courier.accept())
    good(await company.shift("W-9"))
    (unwelcome,) = {one.subject_id for one in await grants(making.town, "courier")} - {subject_id}
    made = await making.office("POST", f"/couriers/{unwelcome}/suspend", {"reason": "other"})
    making.know(suspension_id=made["suspension_id"])
    webhook = await company.actor.post("/partner/v1/webhooks", json={"url": "https://company.example/doorward"})
    making.know(endpoint_id=good(webhook)["endpoint_id"])
    making.under("/staff/v1/communities/{community_id}/couriers", subject_id=subject_id)
    good(await company.name("W-2", making.world.new_phone()))
    expected = good(await company.expected_by(tenant, "O-1"))
    for order_ref in ("O-2", "O-3"):
        good(await company.expected_by(tenant, order_ref))
    alone = good(await company.deliver("O-2"))
    secrets_path = f"/staff/v1/partners/{company.partner_id}"
    good(await making.town.office.post(f"{secrets_path}/secrets"))
    found = good(await making.town.office.get(secrets_path))
    key = good(await making.town.office.post(f"{secrets_path}/keys", json=public_jwk()))
    making.under("/staff/v1/partners/{partner_id}/keys", key_id=key["key_id"])
    making.know(
        partner_id=company.partner_id,
        shift_id=shift["shift_id"],
        delivery_id=expected["delivery_id"],
        worker_id="W-1",
        order_ref="O-3",
        secret_id=found["secrets"][0]["secret_id"],
    )
    making.under("/partner/v1/deliveries", delivery_id=alone["delivery_id"], order_ref="O-3")
    making.under("/resident/v1/homes", order_ref="O-9")
    making.under("/resident/v1/courier", refresh_token=making.courier.actor.refresh_token)
    making.tokens[Who.COMPANY] = company.actor.access_token
    making.tokens[Who.OTHER_COMPANY] = other.actor.access_token
    return company


async def doors_and_gates(making: Making) -> None:
    api, town = making.world.api, making.town
    group = (await making.office("POST", "/door-groups", {"name": "Garages"}))["id"]
    door = (await making.office("POST", "/doors", {"name": "North", "groups": []}))["id"]
    schedule = (await making.office("POST", "/schedules", {"name": "Days", "week": []}))["id"]
    blocked = {"phone": making.world.new_phone(), "reason": "threat", "days": 30}
    block = (await making.office("POST", "/guest-blocks", blocked))["block_id"]
    until = (making.world.clock() + timedelta(hours=1)).isoformat()
    emergency = await making.office("POST", "/emergencies", {"mode": "lockdown", "reason": "fire", "until": until})
    device = await Device.provisioned(api, town.office, town.community_id, making.world)
    other = await Device.provisioned(api, making.elsewhere.office, making.elsewhere.community_id, making.world)
    revoked = await Device.provisioned(api, town.office, town.community_id, making.world)
    await making.office("POST", f"/gates/{revoked.identity.gate_id}/revoke", {"reason": "Stolen"})
    making.tokens |= {Who.GATE: device.token, Who.OTHER_GATE: other.token, Who.REVOKED_GATE: revoked.token}
    policy = {"purpose": "wrong_refusals", "hours": 12, "days": 30}
    await making.office("PUT", "/denied-frames/policy", policy)
    good(
        await api.post(
            "/gate/v1/denied-frames",
            content=msgspec.msgpack.encode(FRAME),
            headers={**device.headers, "Content-Type": "application/vnd.msgpack"},
        )
    )
    (kept,) = (await making.office("GET", "/denied-frames"))["frames"]
    async with making.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        # As if the guest stood at the gate.
        asked = await conn.fetchval(
            """
            INSERT INTO approval (community_id, gate_id, approach_id, subject_id, home_id, source, source_id,
                asked_at, expires_at)
            SELECT community_id, $2, gen_random_uuid(), subject_id, home_id, 'pass', pass_id, $3, $5
            FROM guest_pass WHERE community_id = $1 AND pass_id = $4 RETURNING approval_id
            """,
            town.community_id, UUID(str(device.identity.gate_id)), making.world.clock(), UUID(making.ids["pass_id"]),
            making.world.clock() + timedelta(hours=1),
        )  # fmt: skip
        # A change of models to a pack that this server has not been given. Of one moment: where the clock goes on,
        # thirty days from a second look are too many.
        begun_at = making.world.clock()
        await conn.execute(
            """
            INSERT INTO model_change (community_id, to_pack, begun_by, begun_at, ends_at)
            VALUES ($1, 'elsewhere-1', gen_random_uuid(), $2, $3)
            """,
            town.community_id, begun_at, begun_at + timedelta(days=30),
        )  # fmt: skip
    making.know(approval_id=asked)
    making.know(
        group_id=group, door_id=door, schedule_id=schedule, block_id=block, emergency_id=emergency["emergency_id"],
        gate_id=device.identity.gate_id, frame_id=kept["frame_id"],
    )  # fmt: skip


async def faces(making: Making, tenant: Resident) -> None:
    subject_id = await give_face(making.town, tenant)
    resources, here, now = making.world.resources, making.town.community_id, making.world.clock()
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
    (review,) = (await making.office("GET", "/reviews"))["reviews"]
    until = (now + timedelta(days=30)).isoformat()
    order = {
        "basis": "criminal_investigation",
        "reference": "1",
        "ends_at": until,
        "member_id": str(tenant.member_id),
    }
    hold = good(await making.legal.post(f"{making.staff_path}/holds", json=order))
    making.know(review_id=review["review_id"], hold_id=hold["hold_id"])
    making.under("/staff/v1/communities/{community_id}/holds", photo_id=hold["kept"][0]["photo_id"])
    making.under("/staff/v1/communities/{community_id}/holds", member_id=tenant.member_id)
    begun = good(await tenant.actor.post("/resident/v1/enrolments", json={}))
    making.under("/resident/v1/enrolments", enrolment_id=begun["enrolment_id"])
    await _register_photo(making)


async def _register_photo(making: Making) -> None:
    resources, here, now = making.world.resources, making.town.community_id, making.world.clock()
    photo_id, member_id = uuid4(), UUID(making.ids["member_id"])
    key = await resources.keys.ensure_person_key(photo_id, owner_id=here)
    object_key = f"register/{here}/{int(now.timestamp())}-{photo_id}"
    await resources.objects.put(object_key, seal_photo(key, PICTURE, person_id=member_id, object_id=photo_id))
    row = RegisterPhotoRow(here, photo_id, member_id, object_key, PACK, b"sealed", 0.5, now)
    async with resources.db.transaction(Scope(community_id=here)) as conn:
        await register.insert_photo(conn, row=row, kept_by=uuid4())


async def files(making: Making) -> None:
    office = making.town.office
    begun = good(
        await office.post("/staff/v1/imports", json={"community_id": making.ids["community_id"], "dry_run": True})
    )
    making.under("/staff/v1/imports", import_id=begun["import_id"])
    sent = await office.post(
        f"{making.staff_path}/register-photos/imports",
        content=ARCHIVE,
        headers={"Content-Type": "application/zip"},
    )
    making.under("/staff/v1/communities/{community_id}/register-photos", import_id=good(sent)["import_id"])
