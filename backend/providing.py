"""What routes may ask for by name: the process's resources, the clock, and who calls."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar import Request
from litestar.di import Provide

from backend.approvals.service import Asking
from backend.enrolment.faces import FaceService
from backend.gates.sync import GateSync
from backend.guardians.rules import Recapture
from backend.keys.service import Keys
from backend.kit.auth import Tokens
from backend.kit.callers import address_of, known
from backend.kit.clock import Clock
from backend.kit.db import Database
from backend.kit.messages import Sender, Tell
from backend.kit.storage import ObjectStore
from backend.notifications.service import tell_of_account
from backend.resources import Resources

__all__ = ["dependencies"]


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
    return address_of(request)


def _codes_an_hour(request: Request[Any, Any, Any]) -> int:
    codes_an_hour: int = request.app.state.codes_an_hour
    return codes_an_hour


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
    "codes_an_hour": _codes_an_hour,
    "gates": _gates,
    "public_url": _public_url,
    "recapture": _recapture,
    "resident": _principal(),
    "gate": _principal(),
    "staff": known("staff"),
    "visitor": known("visitor"),
    "partner": known("partner"),
}


def dependencies() -> dict[str, Provide]:
    """What every route may ask for, by name, as Litestar wants it."""
    return {name: Provide(provider, sync_to_thread=False) for name, provider in _PROVIDERS.items()}
