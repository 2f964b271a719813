"""People who enrol, over HTTP."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from backend.access import repository as credentials
from backend.access import service as access
from backend.kit.auth import Surface, VisitorPrincipal
from backend.kit.db import Scope
from backend.people import repository as people
from gate_sdk.wire import GrantKind
from tests.backend.couriers.company import open_link
from tests.backend.enrolment.photographs import framings
from tests.backend.households.town import Resident, Town
from tests.backend.world import Actor, World
from tests.data import faces_dir


async def agree(actor: Actor, purpose: str = "face_access", *, surface: str = "resident") -> None:
    answer = await actor.put(f"/{surface}/v1/consents/{purpose}", json={"version": 1})
    assert answer.is_success, answer.text


async def begin(actor: Actor, *, surface: str = "resident", **body: object) -> str:
    answer = await actor.post(f"/{surface}/v1/enrolments", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["enrolment_id"])


async def put(
    actor: Actor, enrolment_id: str, slot: int, photo: bytes, *, kind: str = "image/jpeg", surface: str = "resident"
) -> httpx.Response:
    return await actor.put(
        f"/{surface}/v1/enrolments/{enrolment_id}/photos/{slot}", content=photo, headers={"Content-Type": kind}
    )


async def complete(actor: Actor, enrolment_id: str, *, surface: str = "resident") -> httpx.Response:
    return await actor.post(f"/{surface}/v1/enrolments/{enrolment_id}/complete")


async def enrol(actor: Actor, photos: tuple[bytes, ...] | None = None, *, surface: str = "resident") -> dict[str, Any]:
    """Agree, take three photographs, complete; the answer."""
    await agree(actor, surface=surface)
    enrolment_id = await begin(actor, surface=surface)
    for slot, photo in enumerate(photos or framings(), start=1):
        taken = await put(actor, enrolment_id, slot, photo, surface=surface)
        assert taken.status_code == 200, taken.text
    answer = await complete(actor, enrolment_id, surface=surface)
    assert answer.status_code == 200, answer.text
    return {**answer.json(), "enrolment_id": enrolment_id}


async def reviews(town: Town) -> list[dict[str, Any]]:
    answer = await town.office.get(f"{town.staff_path}/reviews")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["reviews"])


async def approve_all(town: Town) -> None:
    for review in await reviews(town):
        path = f"{town.staff_path}/reviews/{review['review_id']}/approve"
        answer = await town.office.post(path, json={"basis": "seen_in_person"})
        assert answer.status_code == 200, answer.text


async def enrol_and_approve(town: Town, actor: Actor, photos: tuple[bytes, ...] | None = None) -> UUID:
    answer = await enrol(actor, photos)
    await approve_all(town)
    return UUID(answer["enrolment_id"])


async def visitor(world: World, town: Town, host: Resident | None = None) -> tuple[Actor, UUID]:
    """A guest who has accepted a resident's invitation."""
    host = host or await town.tenant(f"9-{world.new_phone()[-3:]}")
    now = world.clock()
    answer = await host.actor.post(
        f"/resident/v1/homes/{town.community_id}/{host.home_id}/passes",
        json={
            "guest_name": "A Guest",
            "valid_from": now.isoformat(),
            "valid_until": (now + timedelta(hours=4)).isoformat(),
        },
    )
    assert answer.status_code == 201, answer.text
    guest = await open_link(world.api, answer.json()["link_token"])
    accepted = await guest.accept()
    assert accepted.status_code == 200, accepted.text
    principal = world.resources.tokens.verify(guest.actor.access_token, surface=Surface.VISITOR, now=now)
    assert isinstance(principal, VisitorPrincipal)
    return guest.actor, principal.person_id


async def grant(world: World, town: Town, person_id: UUID, kind: GrantKind) -> UUID:
    """Let the person pass for eight hours; his subject."""
    now = world.clock()
    async with world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        subject_id = await people.ensure_subject(conn, community_id=town.community_id, person_id=person_id)
        await access.grant(
            conn,
            community_id=town.community_id,
            subject_id=subject_id,
            kind=kind,
            source="pass",
            source_id=uuid4(),
            valid_from=now,
            valid_until=now + timedelta(hours=8),
            now=now,
        )
    return subject_id


async def subject_of(town: Town, person_id: UUID) -> UUID:
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        subject = await people.get_subject(conn, community_id=town.community_id, person_id=person_id)
    assert subject is not None
    return subject.subject_id


async def active(town: Town, person_id: UUID) -> UUID | None:
    """The template by which the community's gates know the person."""
    async with town.world.resources.db.transaction(Scope(community_id=town.community_id)) as conn:
        subject = await people.get_subject(conn, community_id=town.community_id, person_id=person_id)
        if subject is None:
            return None
        row = await credentials.get_credential(conn, community_id=town.community_id, subject_id=subject.subject_id)
        in_gallery = await conn.fetchval(
            "SELECT template_id FROM gallery WHERE community_id = $1 AND subject_id = $2",
            town.community_id,
            subject.subject_id,
        )
    found = None if row is None else row.template_id
    assert in_gallery == found
    return found


def photographs_of(name: str) -> tuple[bytes, ...]:
    """All photographs of somebody in the test data; skips the test where there are none."""
    return tuple(path.read_bytes() for path in sorted((faces_dir() / name).glob("*.jpg")))


def others_photographs() -> tuple[bytes, ...]:
    """Three good photographs of somebody else."""
    return photographs_of("Aaron_Peirsol")[:3]
