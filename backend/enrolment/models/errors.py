"""Failures of changing models.

404 ModelChangeNotFound
409 ModelChangeRunning, ModelChangeOver, PackInUse, PeopleWaitedFor
422 PackNotInstalled
"""

from backend.kit.problems import Conflict, NotFound, Unprocessable

__all__ = [
    "ModelChangeNotFound",
    "ModelChangeOver",
    "ModelChangeRunning",
    "PackInUse",
    "PackNotInstalled",
    "PeopleWaitedFor",
]


class ModelChangeNotFound(NotFound):
    """This community has never changed its models."""

    code = "model-change-not-found"
    remedy = "Begin a change with POST."


class ModelChangeRunning(Conflict):
    """A change of models is under way already."""

    code = "model-change-running"
    remedy = "Read it; another can begin once it has ended."


class ModelChangeOver(Conflict):
    """The change has been ended or called off already."""

    code = "model-change-over"
    remedy = "Read it; begin another if one is wanted."


class PackInUse(Conflict):
    """The community's faces are of that pack already."""

    code = "model-pack-in-use"
    remedy = "Name another pack."


class PeopleWaitedFor(Conflict):
    """Not everybody has a template of the new pack yet, and nobody is to be refused because of a change."""

    code = "people-waited-for"
    remedy = "Wait until nobody is, or until the change's last day: then it ends by itself."


class PackNotInstalled(Unprocessable):
    """This server does not have that model pack, or it is damaged."""

    code = "model-pack-not-installed"
    remedy = "Install it on the server and on every gate (doorward-gate models add), then begin again."
