"""What decides about webhooks, as data."""

from datetime import timedelta

__all__ = [
    "AT_ONCE",
    "DISABLE_AFTER",
    "JOB",
    "MOST_ATTEMPTS",
    "MOST_ENDPOINTS",
    "PREVIOUS_LIVES",
    "REPLAYED_AT_ONCE",
    "RETRIES",
    "SECRET_BYTES",
    "SECRET_PREFIX",
]

#: The job that sends what is due to one endpoint.
JOB = "webhook"
# Waits after an attempt that failed: three days in all, as the specification suggests (Standard Webhooks,
# "Deliverability and reliability").
RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_ATTEMPTS = len(RETRIES) + 1
# An endpoint that has not taken one message for so long is switched off.
DISABLE_AFTER = timedelta(days=3)
MOST_ENDPOINTS = 10
# Messages to one endpoint side by side; one that fails is tried with a single one.
AT_ONCE = 8
# A company changes its secret in all its processes within a day.
PREVIOUS_LIVES = timedelta(hours=24)
# Standard Webhooks: 24 to 64 random bytes, shown in base64 behind the prefix.
SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets begin
REPLAYED_AT_ONCE = 1000
