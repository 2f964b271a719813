"""One-time codes, counted for operators: pumping of text messages shows here first."""

from typing import Literal

from prometheus_client import Counter

from backend.kit.metrics import REGISTRY

__all__ = ["count_code"]

_codes = Counter(
    "doorward_otp", "One-time codes asked for: sent, refused by our limits, or failed at the carrier.", ("outcome",),
    registry=REGISTRY,
)  # fmt: skip


def count_code(outcome: Literal["sent", "refused", "failed"]) -> None:
    """Count one."""
    _codes.labels(outcome).inc()
