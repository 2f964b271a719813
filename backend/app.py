"""The API, wired. Nothing connects, reads the environment or logs before the application starts."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, Request, Router, get
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Guard

from backend.accounts.routes import resident_router as accounts_resident
from backend.accounts.routes import staff_router as accounts_staff
from backend.accounts.staff.guards import staff_member
from backend.approvals.routes import gate_router as approvals_gate
from backend.approvals.routes import resident_router as approvals_resident
from backend.approvals.service import Asking
from backend.audit.routes import public_router as audit_public
from backend.audit.routes import staff_router as audit_staff
from backend.codes.routes import resident_router as codes_resident
from backend.codes.routes import visitor_router as codes_visitor
from backend.communities.frames.routes import staff_router as frame_policy_staff
from backend.communities.routes import staff_router as communities_staff
from backend.consent.routes import resident_router as consent_resident
from backend.consent.routes import visitor_router as consent_visitor
from backend.couriers.routes import partner_router as couriers_partner
from backend.couriers.routes import resident_router as couriers_resident
from backend.couriers.routes import staff_router as couriers_staff
from backend.doors.emergencies.routes import staff_router as emergencies_staff
from backend.doors.routes import staff_router as doors_staff
from backend.doors.schedules.routes import staff_router as schedules_staff
from backend.embedded.children import tie_to_parent
from backend.enrolment.calibration.routes import staff_router as calibration_staff
from backend.enrolment.desk.routes import staff_router as desk_staff
from backend.enrolment.faces import FaceService
from backend.enrolment.register.imports.routes import staff_router as photo_imports_staff
from backend.enrolment.register.routes import staff_router as register_photos_staff
from backend.enrolment.reviews.routes import staff_router as reviews_staff
from backend.enrolment.routes import resident_router as enrolment_resident
from backend.enrolment.routes import visitor_router as enrolment_visitor
from backend.entries.routes import resident_router as entries_resident
from backend.entries.routes import staff_router as entries_staff
from backend.gates.frames.routes import gate_router as frames_gate
from backend.gates.frames.routes import staff_router as frames_staff
from backend.gates.routes import gate_router as gates_gate
from backend.gates.routes import staff_router as gates_staff
from backend.gates.sync import GateSync
from backend.guardians.rules import Recapture
from backend.households.activations.routes import staff_router as activations_staff
from backend.households.attaching.routes import staff_router as attaching_staff
from backend.households.cards.routes import list_router as cards_list
from backend.households.cards.routes import staff_router as cards_staff
from backend.households.exports.routes import staff_router as exports_staff
from backend.households.homes.routes import staff_router as homes_staff
from backend.households.imports.routes import staff_router as imports_staff
from backend.households.lost_numbers.routes import staff_router as lost_numbers_staff
from backend.households.numbers.routes import staff_router as numbers_staff
from backend.households.routes import resident_router as households_resident
from backend.households.routes import staff_router as households_staff
from backend.keys.service import Keys
from backend.kit import logging
from backend.kit.allow import tell_methods
from backend.kit.apart import run_apart
from backend.kit.auth import AuthMiddleware, Surface, Tokens
from backend.kit.callers import known, looked_up
from backend.kit.clock import Clock, utc_now
from backend.kit.db import Database, DatabaseUnavailable, Scope
from backend.kit.deprecation import DeprecationMiddleware
from backend.kit.etag import EntityTagMiddleware
from backend.kit.idempotency.middleware import IdempotencyMiddleware
from backend.kit.messages import Sender, Tell
from backend.kit.problems import Problem, exception_handlers, problems
from backend.kit.providing import provide_in_turn
from backend.kit.rates.limiter import RateExceeded, RateLimiter
from backend.kit.rates.middleware import RateLimitMiddleware
from backend.kit.storage import ObjectStore
from backend.kit.strict import decode_strictly
from backend.kit.surroundings import describe
from backend.kit.tracing import RequestIdMiddleware
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkUnproven
from backend.links.guards import visitor_session
from backend.links.routes import visitor_router as links_visitor
from backend.notifications.routes import resident_router as notifications_resident
from backend.notifications.routes import visitor_router as notifications_visitor
from backend.notifications.service import tell_of_account
from backend.pages.routes import public_router as pages_public
from backend.partners.clients.guards import partner_client
from backend.partners.clients.routes import partner_router as clients_partner
from backend.partners.clients.routes import public_router as clients_public
from backend.partners.clients.routes import staff_router as clients_staff
from backend.partners.events.routes import partner_router as events_partner
from backend.partners.routes import partner_router as partners_partner
from backend.partners.routes import resident_router as partners_resident
from backend.partners.routes import staff_router as partners_staff
from backend.partners.webhooks.documented import webhooks_section
from backend.partners.webhooks.routes import partner_router as webhooks_partner
from backend.privacy.certificates.routes import public_router as certificates_public
from backend.privacy.desk.routes import staff_router as desk_privacy_staff
from backend.privacy.holds.routes import staff_router as holds_staff
from backend.privacy.joining.routes import resident_router as joining_resident
from backend.privacy.leaving.routes import visitor_router as leaving_visitor
from backend.privacy.moving.routes import staff_router as moving_staff
from backend.privacy.requests.routes import resident_router as requests_resident
from backend.privacy.requests.routes import staff_router as requests_staff
from backend.privacy.requests.routes import visitor_router as requests_visitor
from backend.privacy.retention.routes import resident_router as retention_resident
from backend.privacy.retention.routes import staff_router as retention_staff
from backend.privacy.retention.routes import visitor_router as retention_visitor
from backend.privacy.routes import resident_router as privacy_resident
from backend.privacy.routes import staff_router as privacy_staff
from backend.privacy.routes import visitor_router as privacy_visitor
from backend.privacy.wards.routes import resident_router as wards_resident
from backend.privacy.wards.staff import staff_router as wards_staff
from backend.resources import Resources, open_resources
from backend.settings import Settings, SettingsRefused, load_settings
from backend.visitors.blocks.routes import staff_router as guest_blocks_staff
from backend.visitors.codes.routes import resident_router as pass_codes_resident
from backend.visitors.codes.routes import visitor_router as pass_codes_visitor
from backend.visitors.invitations.routes import visitor_router as visitors_visitor
from backend.visitors.policy.routes import staff_router as guest_policy_staff
from backend.visitors.routes import resident_router as visitors_resident

__all__ = ["create_app", "create_app_from_environment", "openapi_document"]

# Every noun's routers, by the surface that shows them.
SURFACES: Mapping[Surface, Sequence[Router]] = {
    Surface.RESIDENT: (
        accounts_resident,
        approvals_resident,
        codes_resident,
        consent_resident,
        enrolment_resident,
        entries_resident,
        households_resident,
        notifications_resident,
        partners_resident,
        couriers_resident,
        visitors_resident,
        pass_codes_resident,
        privacy_resident,
        requests_resident,
        retention_resident,
        wards_resident,
        joining_resident,
    ),
    Surface.VISITOR: (
        links_visitor,
        codes_visitor,
        consent_visitor,
        enrolment_visitor,
        notifications_visitor,
        visitors_visitor,
        pass_codes_visitor,
        leaving_visitor,
        privacy_visitor,
        requests_visitor,
        retention_visitor,
    ),
    Surface.GATE: (gates_gate, approvals_gate, frames_gate),
    Surface.PARTNER: (clients_partner, partners_partner, couriers_partner, events_partner, webhooks_partner),
    Surface.STAFF: (
        accounts_staff,
        audit_staff,
        cards_staff,
        cards_list,
        numbers_staff,
        lost_numbers_staff,
        communities_staff,
        frame_policy_staff,
        doors_staff,
        emergencies_staff,
        schedules_staff,
        entries_staff,
        gates_staff,
        frames_staff,
        homes_staff,
        households_staff,
        imports_staff,
        moving_staff,
        activations_staff,
        attaching_staff,
        exports_staff,
        reviews_staff,
        desk_staff,
        calibration_staff,
        register_photos_staff,
        photo_imports_staff,
        partners_staff,
        clients_staff,
        couriers_staff,
        guest_blocks_staff,
        guest_policy_staff,
        privacy_staff,
        desk_privacy_staff,
        wards_staff,
        holds_staff,
        requests_staff,
        retention_staff,
    ),
}

_TITLES = {
    Surface.RESIDENT: "Doorward for residents",
    Surface.VISITOR: "Doorward for guests and couriers",
    Surface.PARTNER: "Doorward for courier companies",
    Surface.GATE: "Doorward for gates",
    Surface.STAFF: "Doorward for communities' staff",
}


def create_app(settings: Settings, *, clock: Clock = utc_now) -> Litestar:
    """The application: five surfaces, each under its own path, and the public keys.

    Args:
        settings: what the deployment decides.
        clock: the time; tests move it.
    """

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_resources(settings, process="api") as resources:
            app.state.resources = resources
            app.state.tokens = resources.tokens
            app.state.clock = clock
            app.state.rates = RateLimiter(resources.db)
            app.state.proxies = settings.proxies
            app.state.public_url = settings.public_url
            app.state.recapture = Recapture(settings.recapture_months_child, settings.recapture_months_young)
            app.state.gates = GateSync(resources.db, resources.keys, clock)
            app.state.asking = Asking(resources.db, clock)
            async with app.state.gates.feed.running(), app.state.asking.feed.running():
                yield

    app = Litestar(
        route_handlers=[
            jwks,
            live,
            ready,
            audit_public,
            certificates_public,
            clients_public,
            pages_public(),
            *(_surface(surface) for surface in Surface),
        ],
        lifespan=[lifespan],
        dependencies=_dependencies(),
        exception_handlers=exception_handlers,  # type: ignore[arg-type]  # Litestar's map is invariant in the exception
        middleware=[
            RequestIdMiddleware(),
            DeprecationMiddleware(),
            DefineMiddleware(AuthMiddleware, exclude_from_auth_key="public"),
            RateLimitMiddleware(),
            EntityTagMiddleware(),
            IdempotencyMiddleware(),
        ],
        openapi_config=None,
        # Litestar's own would let every library log at INFO, addresses included.
        logging_config=None,
        on_startup=[lambda: logging.configure(settings.log_level)],
    )
    provide_in_turn(app)
    tell_methods(app)
    decode_strictly(app)
    return app


def create_app_from_environment() -> Litestar:
    """What the server is pointed at: the application, set up by the environment.

    Raises:
        SystemExit: something that it needs is refused or missing; the reason is one line on standard error. Found out
            only by the lifespan, it would be the last line of three tracebacks.
    """
    tie_to_parent()
    try:
        settings = load_settings()
        run_apart(lambda: asyncio.run(_open_once(settings)))
    except (SettingsRefused, OSError, Problem) as error:
        sys.stderr.write(f"doorward api: {error}\n")
        raise SystemExit(2) from error
    return create_app(settings)


async def _open_once(settings: Settings) -> None:
    # Costs two connections: the models stay loaded for the lifespan.
    async with open_resources(settings, process="api"):
        pass


def openapi_document(surface: Surface) -> dict[str, Any]:
    """The OpenAPI 3.1 document of one surface."""
    app = Litestar(
        route_handlers=[_surface(surface)],
        dependencies=_dependencies(),
        openapi_config=OpenAPIConfig(
            title=_TITLES[surface],
            version="1",
            security=[{"bearer": []}],
            components=Components(
                security_schemes={
                    "bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT"),
                }
            ),
        ),
    )
    schema = app.openapi_schema.to_schema()
    describe(
        schema,
        app,
        provided={"visitor": (LinkUnproven, LinkHeld, LinkClosed, LinkExpired)},
        limited=RateExceeded if surface is Surface.PARTNER else None,
    )
    if surface is Surface.PARTNER:
        schema["webhooks"] = webhooks_section()
    return schema


@get("/.well-known/jwks.json", opt={"public": True}, summary="Public keys of access tokens")
async def jwks(tokens: Tokens) -> dict[str, list[dict[str, str]]]:
    """The keys that access tokens are signed with, as a JSON Web Key Set."""
    return tokens.jwks()


@get("/health/live", opt={"public": True}, summary="Whether the process answers")
async def live() -> dict[str, str]:
    """Answers as long as the process runs."""
    return {"status": "ok"}


@get("/health/ready", opt={"public": True}, responses=problems(DatabaseUnavailable), summary="Whether it can serve")
async def ready(db: Database) -> dict[str, str]:
    """Answers once the database does."""
    async with db.transaction(Scope(), read_only=True) as conn:
        await conn.execute("SELECT 1")
    return {"status": "ok"}


def _dependencies() -> dict[str, Provide]:
    return {name: Provide(provider, sync_to_thread=False) for name, provider in _PROVIDERS.items()}


def _surface(surface: Surface) -> Router:
    return Router(path=f"/{surface}/v1", route_handlers=list(SURFACES[surface]), guards=_GUARDS.get(surface))


def _resources(request: Request[Any, Any, Any]) -> Resources:
    resources: Resources = request.app.state.resources
    return resources


def _db(request: Request[Any, Any, Any]) -> Database:
    return _resources(request).db


def _keys(request: Request[Any, Any, Any]) -> Keys:
    return _resources(request).keys


def _objects(request: Request[Any, Any, Any]) -> ObjectStore:
    return _resources(request).objects


def _faces(request: Request[Any, Any, Any]) -> FaceService:
    faces = _resources(request).faces
    if faces is None:
        raise LookupError("only the API process opens the face models")
    return faces


def _tokens(request: Request[Any, Any, Any]) -> Tokens:
    return _resources(request).tokens


def _pepper(request: Request[Any, Any, Any]) -> bytes:
    return _resources(request).pepper


def _sender(request: Request[Any, Any, Any]) -> Sender:
    return _resources(request).sender


def _tell() -> Tell:
    return tell_of_account


def _client_address(request: Request[Any, Any, Any]) -> str:
    """The caller's IP address: of the connection, or what the outermost of our own proxies saw."""
    proxies: int = request.app.state.proxies
    # Further to the left stands what the caller wrote himself.
    seen = [part.strip() for value in request.headers.getall("x-forwarded-for", []) for part in value.split(",")]
    if 0 < proxies <= len(seen):
        return seen[-proxies]
    return request.client.host if request.client else "unknown"


def _gates(request: Request[Any, Any, Any]) -> GateSync:
    gates: GateSync = request.app.state.gates
    return gates


def _public_url(request: Request[Any, Any, Any]) -> str:
    public_url: str = request.app.state.public_url
    return public_url


def _recapture(request: Request[Any, Any, Any]) -> Recapture:
    recapture: Recapture = request.app.state.recapture
    return recapture


def _asking(request: Request[Any, Any, Any]) -> Asking:
    asking: Asking = request.app.state.asking
    return asking


def _clock(request: Request[Any, Any, Any]) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


def _principal() -> Callable[..., Any]:
    def provide(request: Request[Any, Any, Any]) -> Any:
        return request.user

    # A function of its own for each name: Litestar refuses one provider under two.
    return provide


# What a route may ask for by name. The principal's type follows from the surface: its token's audience was checked.
_PROVIDERS: Mapping[str, Callable[..., Any]] = {
    "db": _db,
    "keys": _keys,
    "objects": _objects,
    "faces": _faces,
    "tokens": _tokens,
    "pepper": _pepper,
    "asking": _asking,
    "clock": _clock,
    "sender": _sender,
    "tell": _tell,
    "client_address": _client_address,
    "gates": _gates,
    "public_url": _public_url,
    "recapture": _recapture,
    "resident": _principal(),
    "gate": _principal(),
    "staff": known("staff"),
    "visitor": known("visitor"),
    "partner": known("partner"),
}
# Whoever may end at any moment is looked up at each request, before its body is read.
_GUARDS: Mapping[Surface, list[Guard]] = {
    Surface.STAFF: [looked_up("staff", staff_member)],
    Surface.VISITOR: [looked_up("visitor", visitor_session)],
    Surface.PARTNER: [looked_up("partner", partner_client)],
}
