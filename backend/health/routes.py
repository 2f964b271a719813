"""Health, for whoever decides where requests go. Public, so they say yes or no, and whether a release is rolled out."""

from typing import Any

from litestar import Request, Router, get

from backend.health.errors import NotReady
from backend.health.service import Readiness
from backend.kit.problems import problems

__all__ = ["public_router"]


@get("/live", opt={"public": True}, summary="Whether the process answers")
async def live() -> dict[str, str]:
    """Answers as long as the process runs. Not asked of anything else: restarting it would mend nothing there."""
    return {"status": "ok"}


@get("/ready", opt={"public": True}, responses=problems(NotReady), summary="Whether it can serve")
async def ready(request: Request[Any, Any, Any]) -> dict[str, str | int]:
    """Answers with 200 while databases and object store do, and the schema is one that this release can work with.

    ``migrations_outstanding`` counts those that wait until no process is of the release before: they keep nobody from
    serving.
    """
    readiness: Readiness = request.app.state.readiness
    return {"status": "ok", "migrations_outstanding": await readiness.require()}


public_router = Router(path="/health", route_handlers=[live, ready])
