"""The making of a place: what there is to ask for so far, and by whom, and what several steps do."""

from base64 import b64decode, b64encode
from typing import Any
from uuid import UUID

import httpx

from backend.kit.auth import StaffPrincipal, Surface
from backend.kit.db import Scope
from backend.notifications import service as notifications
from backend.notifications.kinds import Kind
from gate_sdk.testing import Phone
from tests.backend.authorisation.who import Who
from tests.backend.codes.test_codes import register as register_phone
from tests.backend.couriers.company import Visitor
from tests.backend.households.town import Town
from tests.backend.world import Actor, World

__all__ = ["Making", "good"]


def good(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    found: dict[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    return found


class Making:
    """A place half made. Steps leave in it what later ones build upon."""

    #: Another community of the same authority, and one of another.
    second: Town
    elsewhere: Town
    legal: Actor
    courier: Visitor

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

    def under(self, prefix: str, **ids: object) -> None:
        self.by_path.setdefault(prefix, {}).update({name: str(value) for name, value in ids.items()})

    def know(self, **ids: object) -> None:
        self.ids.update({name: str(value) for name, value in ids.items()})

    async def office(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return good(await self.town.office.request(method, f"{self.staff_path}{path}", json=body))

    def staff_id(self, actor: Actor) -> UUID:
        tokens = self.world.resources.tokens
        principal = tokens.verify(actor.access_token, surface=Surface.STAFF, now=self.world.clock())
        assert isinstance(principal, StaffPrincipal)
        return principal.staff_id

    async def second_session(self, surface: str, actor: Actor) -> None:
        kind = surface.split("/")[1]
        await self.world.login(actor.phone, surface=kind, second_factor=False)
        sessions = good(await actor.get(f"{surface}/me/sessions"))["sessions"]
        (other, *_) = [one["session_id"] for one in sessions if not one["current"]]
        self.under(f"{surface}/me/sessions", session_id=other)

    async def requests(self, base: str, actor: Actor) -> None:
        copy = good(await actor.post(f"{base}/requests", json={"kind": "access"}))
        here = {"community_id": str(self.town.community_id), "text": "Why"}
        limit = good(await actor.post(f"{base}/requests", json={"kind": "restriction", **here}))
        self.under(f"{base}/requests", request_id=copy["request_id"])
        self.under(f"{base}/requests/{{request_id}}/lift", request_id=limit["request_id"])
        if base == "/resident/v1":
            asked = good(await actor.post(f"{base}/requests", json={"kind": "objection", **here}))
            self.under("/staff/v1", request_id=asked["request_id"])

    async def told(self, base: str, actor: Actor, person_id: UUID) -> None:
        now = self.world.clock()
        async with self.world.resources.db.transaction(Scope(person_id=person_id)) as conn:
            await notifications.tell(conn, person_id=person_id, kind=Kind.FACE_ACTIVE, occasion="told", now=now)
        (told, *_) = good(await actor.get(f"{base}/notifications"))["notifications"]
        self.under(f"{base}/notifications", notification_id=told["notification_id"])

    async def phone(self, base: str, actor: Actor) -> None:
        surface = base.split("/")[1]
        here = self.town.community_id
        made = good(await register_phone(actor, self.town, Phone(here), surface=surface))
        self.under(base, key_id=made["key_id"])
        path, phone = f"/{surface}/v1/communities/{here}/phones", Phone(here)
        challenge = b64decode(good(await actor.post(f"{path}/challenge"))["challenge"])
        self.under(
            f"/{surface}/v1/communities/{{community_id}}/phones",
            public_key=b64encode(phone.public_key).decode(),
            challenge=b64encode(challenge).decode(),
            proof=b64encode(phone.proof(challenge)).decode(),
        )
