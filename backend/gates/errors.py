"""What goes wrong with gates.

For devices: StateIncomplete 400, AssertionRefused 401, GateRevoked 403, ClaimUnknown 404, RosterDiverged 409,
ClaimEnded 410, CursorStale 410, ProofInvalid 422, TooManyClaims 429. For staff: GateNotFound 404, GateOutOfService 409.
"""

from datetime import datetime
from email.utils import format_datetime

from backend.kit.problems import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    NotFound,
    TooManyRequests,
    Unauthorised,
    Unprocessable,
)

__all__ = [
    "AssertionRefused",
    "ClaimEnded",
    "ClaimUnknown",
    "CursorStale",
    "GateNotFound",
    "GateOutOfService",
    "GateRevoked",
    "ProofInvalid",
    "RosterDiverged",
    "StateIncomplete",
    "TooManyClaims",
]


class AssertionRefused(Unauthorised):
    """The assertion does not show that the sender is a gate of ours."""

    code = "assertion-refused"
    title = "Assertion refused"
    remedy = "Sign a fresh assertion, dated by the Date header of this answer, for the audience that it names."

    def __init__(self, detail: str, *, now: datetime, **extra: object) -> None:
        # A device without a battery-backed clock wakes up in the past; this is where it learns the time.
        super().__init__(detail, headers={"Date": format_datetime(now, usegmt=True)}, **extra)


class GateRevoked(Forbidden):
    """This gate was taken out of service by its community."""

    code = "gate-revoked"
    title = "Gate revoked"
    remedy = "Erase the device; to use it again, provision it as a new gate with a new claim code."


class ClaimUnknown(NotFound):
    """There is no such claim code."""

    code = "claim-code-unknown"
    remedy = "Compare the code with the one that the community's staff were shown."


class ClaimEnded(Gone):
    """The claim code was used or has expired."""

    code = "claim-code-ended"
    remedy = "Ask the community's staff for a new code."


class ProofInvalid(Unprocessable):
    """The proof is not a signature over this claim code and public key by the key's private half."""

    code = "proof-invalid"
    remedy = "Sign gate_sdk.wire.provision_statement(claim_code, public_key) with the Ed25519 key that is sent."


class TooManyClaims(TooManyRequests):
    """Too many claim codes were tried from this address."""

    code = "too-many-claims"


class RosterDiverged(Conflict):
    """The gate's roster is not what this version of the community's roster hashes to."""

    code = "roster-diverged"
    remedy = "Drop the roster and sync again from nothing."


class CursorStale(Gone):
    """The pages that the cursor belongs to are no longer what the roster is."""

    code = "cursor-stale"
    remedy = "Drop the pages received so far and sync again without a cursor."


class GateNotFound(NotFound):
    """There is no such gate in this community."""

    code = "gate-not-found"
    remedy = "Take the id from the list of the community's gates."


class GateOutOfService(Conflict):
    """The gate was revoked, which is final."""

    code = "gate-out-of-service"
    remedy = "Create a new gate in its place."


class StateIncomplete(BadRequest):
    """A state is acknowledged by epoch, version and digest together, or not at all."""

    code = "state-incomplete"
    remedy = "Send all three as the last head said them, or none of them."
