"""SandboxOnly 404, NothingToSimulate 409."""

from backend.kit.problems import Conflict, NotFound

__all__ = ["NothingToSimulate", "SandboxOnly"]


class SandboxOnly(NotFound):
    """Only a sandbox can simulate; this client is one in life."""

    code = "sandbox-only"
    remedy = "Use the credentials of a sandbox; ask the authority for one."


class NothingToSimulate(Conflict):
    """In life this could not happen now: the courier has said no, or has no shift or delivery there at present."""

    code = "nothing-to-simulate"
    remedy = "Simulate `courier.active` first, and assert a shift or delivery that has begun."
