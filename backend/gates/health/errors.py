"""Failures of telling how a gate is doing.

422 HealthInvalid
"""

from backend.kit.problems import Unprocessable

__all__ = ["HealthInvalid"]


class HealthInvalid(Unprocessable):
    """Figures that no gate can have."""

    code = "health-invalid"
    remedy = "Send counts and times that are not negative, and at most 16 packs."
