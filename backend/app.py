"""The API, wired. Nothing connects, reads the environment or logs before the application starts."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from backend.approvals.service import Asking
from backend.audit.routes import public_router as audit_public
from backend.embedded.children import tie_to_parent
from backend.gates.sync import GateSync
from backend.guardians.rules import Recapture
from backend.health.routes import public_router as health_public
from backend.health.service import Readiness, checks
from backend.kit import logging
from backend.kit.allow import tell_methods
from backend.kit.apart import run_apart
from backend.kit.auth import AuthLayer, Surface, Tokens
from backend.kit.clock import Clock, utc_now
from backend.kit.deprecation import DeprecationLayer
from backend.kit.ending import when_asked_to_end
from backend.kit.etag import EntityTagLayer
from backend.kit.idempotency.middleware import IdempotencyLayer
from backend.kit.metrics import measured
from backend.kit.patience import PatienceLayer
from backend.kit.problems import Problem, exception_handlers
from backend.kit.providing import provide_in_turn
from backend.kit.rates.limiter import RateExceeded, RateLimiter
from backend.kit.rates.middleware import RateLimitLayer
from backend.kit.request_ids import RequestIdLayer
from backend.kit.strict import decode_strictly
from backend.kit.surroundings import describe
from backend.kit.tracing import traced, tracing
from backend.links.errors import LinkClosed, LinkExpired, LinkHeld, LinkUnproven
from backend.pages.routes import public_router as pages_public
from backend.partners.clients.routes import public_router as clients_public
from backend.partners.webhooks.documented import webhooks_section
from backend.privacy.certificates.routes import public_router as certificates_public
from backend.providing import dependencies
from backend.resources import Resources, open_resources
from backend.settings import Settings, SettingsRefused, load_settings
from backend.surfaces import surface_router

__all__ = ["create_app", "create_app_from_environment", "openapi_document"]

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
        async with (
            tracing("api", url=settings.traces_url, share=settings.traces_share),
            open_resources(settings, process="api") as resources,
        ):
            app.state.resources = resources
            app.state.tokens = resources.tokens
            app.state.clock = clock
            app.state.rates = RateLimiter(resources.db)
            app.state.proxies = settings.proxies
            app.state.codes_an_hour = settings.codes_an_hour
            app.state.public_url = settings.public_url
            app.state.recapture = Recapture(settings.recapture_months_child, settings.recapture_months_young)
            app.state.readiness = Readiness(checks(resources.schema, resources.objects))
            app.state.gates = GateSync(resources.db, resources.keys, clock)
            app.state.asking = Asking(resources.db, clock)
            feeds = (app.state.gates.feed, app.state.asking.feed)

            def let_go() -> None:
                for feed in feeds:
                    feed.let_go()

            async with feeds[0].running(), feeds[1].running(), _kept(resources, clock):
                # The server waits for requests before it ends this block: polls would be cut off at its own bound.
                with when_asked_to_end(let_go):
                    yield

    app = Litestar(
        route_handlers=[
            jwks,
            audit_public,
            health_public,
            certificates_public,
            clients_public,
            pages_public(),
            *(surface_router(surface) for surface in Surface),
        ],
        lifespan=[lifespan],
        dependencies=dependencies(),
        exception_handlers=exception_handlers,  # type: ignore[arg-type]  # Litestar's map is invariant in the exception
        middleware=[
            RequestIdLayer(),
            PatienceLayer(),
            DeprecationLayer(),
            AuthLayer(),
            RateLimitLayer(),
            EntityTagLayer(),
            IdempotencyLayer(),
        ],
        openapi_config=None,
        # Litestar's own would let every library log at INFO, addresses included.
        logging_config=None,
        on_startup=[lambda: logging.configure(settings.log_level)],
    )
    provide_in_turn(app)
    tell_methods(app)
    decode_strictly(app)
    # Around everything: what leads nowhere never comes to the middlewares.
    app.asgi_handler = measured(traced(app.asgi_handler))
    return app


@asynccontextmanager
async def _kept(resources: Resources, clock: Clock) -> AsyncIterator[None]:
    """Within the block follow what becomes of the keys of access tokens."""
    task = asyncio.create_task(resources.token_keys.keep(resources.tokens, clock))
    try:
        yield
    finally:
        task.cancel()


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
        sys.stderr.write(f"doorward api: {error.line() if isinstance(error, Problem) else error}\n")
        raise SystemExit(2) from error
    return create_app(settings)


async def _open_once(settings: Settings) -> None:
    # Costs two connections: the models stay loaded for the lifespan.
    async with open_resources(settings, process="api"):
        pass


def openapi_document(surface: Surface) -> dict[str, Any]:
    """The OpenAPI 3.1 document of one surface."""
    app = Litestar(
        route_handlers=[surface_router(surface)],
        dependencies=dependencies(),
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
        logging_config=None,
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
