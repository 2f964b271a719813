"""A provisioned gate that reports: the same as gates' own tests have."""

from tests.backend.gates.conftest import device

__all__ = ["device"]
