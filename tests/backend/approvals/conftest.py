"""A town and real gates at it."""

from tests.backend.codes.test_codes import open_gate, town

__all__ = ["open_gate", "town"]
