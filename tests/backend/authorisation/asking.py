"""A well-formed request to any route, with the ids of a place; what documents do not tell stands in FORMS."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from gate_sdk.wire import AskRequest, EventBatch, GateHealth, UseClaim
from tests.backend.authorisation.place import Place
from tests.backend.authorisation.samples import ARCHIVE, FRAME, PICTURE, public_jwk
from tests.backend.authorisation.who import Who
from tests.backend.hostile import Route, sample
from tests.backend.hostile import routes as documented
from tests.backend.households.sheets import sheet
from tests.backend.notifications.pushing import TestBrowser
from tests.backend.world import World

__all__ = ["Asker", "Endpoint", "endpoints", "takes_body"]


class Endpoint(msgspec.Struct, frozen=True):
    """One method of one path; ``document`` is None for what no surface's document describes."""

    method: str
    path: str
    public: bool
    document: Route | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def endpoints(app: Litestar) -> list[Endpoint]:
    """Every route that the application serves."""
    described = {route.name: route for route in documented()}
    found = []
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            for method in handler.http_methods:
                if method not in ("HEAD", "OPTIONS"):
                    name = f"{method} {route.path_format}"
                    public = bool(handler.opt.get("public"))
                    found.append(Endpoint(str(method), route.path_format, public, described.get(name)))
    return sorted(found, key=lambda one: (one.path, one.method))


def takes_body(endpoint: Endpoint) -> bool:
    """Whether there is something to spoil."""
    return any(endpoint.name.endswith(end) for end in FILES) or (
        endpoint.document is not None and endpoint.document.body is not None
    )


# What a route's own rules want of a body and its description does not say: fields over the sampled ones (an Ellipsis
# leaves the sampled one out), by the end of the route's name.
FORMS: Mapping[str, Mapping[str, Any]] = {
    "/me/number/verify": {"current_code": "000000", "new_code": "000000", "code": "000000"},
    "/requests": {"kind": "correction", "name": "Name"},
    "POST /partner/v1/deliveries": {"home": ...},
    "/webhooks": {"url": "https://company.example/doorward"},
    "/webhooks/{endpoint_id}": {"url": "https://company.example/doorward"},
    "/desk-enrolments": {"guardianship_id": ...},
    "/notifications/subscriptions": TestBrowser().subscription(),
    "POST /staff/v1/communities": {"time_zone": "Asia/Shanghai"},
    "PATCH /staff/v1/communities/{community_id}": {
        "time_zone": ..., "fpir": ..., "standing_lease_s": ..., "visiting_lease_s": ..., "handler": ...,
    },
    "/calendar/{year}": {"days": []},
    "/doors": {"groups": []},
    "/doors/{door_id}": {"groups": []},
    "/holds": {"subject_id": ..., "ends_at": "2026-12-01T00:00:00Z"},
    "/approve": {"birth_date": "1999-05-01", "of_age": False},
    "/reviews/{review_id}/approve": {"birth_date": ..., "of_age": ...},
    "/birth-date": {"birth_date": "2019-05-02"},
    "/card": {"pin": "482915"},
    "/tenancies/{tenancy_id}/members": {"birth_date": "1999-05-01", "of_age": False, "without_phone": False},
    "/retention/{key}": {"days": 30},
    "/schedules": {"week": []},
    "/guest-policy": {"open_passes": 50, "home_days": 300, "guest_days": 300, "phone_required": False},
    "/passes": {"phone": ..., "door_groups": ..., "recurrence": ..., "uses": ...},
    "/passes/{pass_id}": {"door_groups": ..., "recurrence": ...},
    "/visitor/v1/session": {"known": ...},
    "/schedules/{schedule_id}": {"week": []},
    "/staff": {"roles": [{"role": "front_desk"}]},
    "/staff/{staff_id}": {"roles": [{"role": "front_desk"}]},
    "/homes/{community_id}/{home_id}/members": {"without_phone": False},
}  # fmt: skip
_JWK = msgspec.json.encode(public_jwk())
_MSGPACK = "application/vnd.msgpack"
# Whole bodies, and their media types.
FILES: Mapping[str, tuple[str, bytes]] = {
    "/photos/{slot}": ("image/jpeg", PICTURE),
    "PUT /staff/v1/communities/{community_id}/members/{member_id}/register-photo": ("image/jpeg", PICTURE),
    "POST /staff/v1/communities/{community_id}/register-photos/imports": ("application/zip", ARCHIVE),
    "POST /staff/v1/partners/{partner_id}/keys": ("application/json", _JWK),
    "POST /partner/v1/couriers/bulk": ("application/x-ndjson", b""),
    "POST /partner/v1/shifts/bulk": ("application/x-ndjson", b""),
    "/imports/{import_id}/file": ("text/csv", sheet()),
    "/gate/v1/events": (_MSGPACK, msgspec.msgpack.encode(EventBatch(events=()))),
    "/gate/v1/asks": (_MSGPACK, msgspec.msgpack.encode(AskRequest(UUID(int=1), UUID(int=2), for_s=1))),
    "/gate/v1/uses": (_MSGPACK, msgspec.msgpack.encode(UseClaim(bytes(8), UUID(int=1)))),
    "/gate/v1/health": (_MSGPACK, msgspec.msgpack.encode(GateHealth(at_us=1))),
    "/gate/v1/denied-frames": (_MSGPACK, msgspec.msgpack.encode(FRAME)),
}
# Neither JSON nor MessagePack, a picture, an archive or text.
BROKEN = b"{\xff"


class Asker:
    """Asks as anybody."""

    def __init__(self, world: World, place: Place) -> None:
        self._world = world
        self._place = place

    async def ask(self, endpoint: Endpoint, who: Who, *, broken: bool = False) -> httpx.Response:
        """The same request whoever asks, but for the token; ``broken`` with a body that nobody can read."""
        ids = self._place.ids_for(endpoint.path)
        # Whatever it is now: an edit of what somebody may not see is to be refused for that.
        headers = {"If-Match": "*", **self._place.headers(who)}
        content, media_type = self._body(endpoint, ids)
        if broken:
            content = BROKEN
        if media_type is not None:
            headers["Content-Type"] = media_type
        params = {}
        route = endpoint.document
        if route is not None:
            params = {name: ids[name] for name, _ in route.query_parameters if name in ("community_id", "home_id")}
        return await self._world.api.request(
            endpoint.method, self._path(endpoint, ids), params=params, content=content, headers=headers
        )

    def _path(self, endpoint: Endpoint, ids: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            return quote(str(ids.get(name, _PLAIN.get(name, "x"))), safe="")

        return re.sub(r"\{(\w+)\}", value, endpoint.path)

    def _body(self, endpoint: Endpoint, ids: Mapping[str, str]) -> tuple[bytes, str | None]:
        file = next((found for end, found in FILES.items() if endpoint.name.endswith(end)), None)
        if file is not None:
            return file[1], file[0]
        route = endpoint.document
        if route is None or route.body is None or route.media_type != "application/json":
            return b"", None if route is None else route.media_type
        fields = sample(route.body, route.document, ids)
        # The longest end that fits: "/approve" of a review is not that of a member.
        ends = [end for end in FORMS if endpoint.name.endswith(end)]
        form = FORMS[max(ends, key=len)] if ends else {}
        known = {name: value for name, value in form.items() if name in fields}
        fields = {name: value for name, value in {**fields, **known}.items() if value is not ...}
        return msgspec.json.encode(fields), route.media_type


_PLAIN = {"purpose": "face_access", "slot": "1", "year": "2026", "key": "entries", "kind": "guest_arrived"}
