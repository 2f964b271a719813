"""Devices that speak the gate protocol by hand: the same as gates' own tests have."""

from tests.backend.gates.conftest import device, rosters

__all__ = ["device", "rosters"]
