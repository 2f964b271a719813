"""A community with a manager, and devices that speak the gate protocol by hand: the same as gates' own tests have."""

from tests.backend.gates.conftest import community_id, device, manager, rosters

__all__ = ["community_id", "device", "manager", "rosters"]
