"""The gauges: measured by every worker, so that they are there as long as one of them works.

All workers show the same, so whoever adds several up takes the greatest and not the sum. What could not be measured
any more is not shown: an old number would pass for a good one.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from backend.health.service import Schema
from backend.kit.db import Database, Scope
from backend.measures import repository

__all__ = ["EVERY_S", "GAUGES", "Gauges"]

EVERY_S = 15.0
#: A number older than this is not shown.
FRESH_S = 60.0
#: Devices ask every 25 seconds, and what they asked is noted once a minute.
STALE_GATE = timedelta(minutes=10)
#: Ours are erased within seconds; an hour is a store or a key service that was away.
STORES_DUE = timedelta(hours=1)
#: A gate without a network wipes itself after seven days.
GATES_DUE = timedelta(days=8)

#: Name and meaning of each. They have no labels: alarms and scaling take them as they are.
GAUGES: Mapping[str, str] = {
    "doorward_jobs_waiting": "Jobs that could run and do not yet.",
    "doorward_jobs_oldest_seconds": "How long the oldest of them has waited.",
    "doorward_erasures_open": "Erasures that are not complete.",
    "doorward_erasures_overdue": "Open erasures with a step that should have been done.",
    "doorward_gates_in_service": "Gates with a device.",
    "doorward_gates_stale": "Gates in service that nothing was heard of for ten minutes.",
    "doorward_webhook_endpoints": "Companies' webhook endpoints that are switched on.",
    "doorward_webhook_endpoints_dead": "Endpoints switched off because they took nothing for days, or said so.",
    "doorward_migrations_outstanding": "Migrations of this process's release that are not applied.",
}


class Gauges(Collector):
    """What was measured last, for the page of metrics."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Nothing is measured yet, and so nothing shown.

        Args:
            monotonic: seconds that only go forward.
        """
        self._monotonic = monotonic
        self._measured: tuple[float, Mapping[str, float]] | None = None

    async def measure(self, db: Database, schema: Schema, *, now: datetime) -> None:
        """Measure all of them anew.

        Raises:
            DatabaseUnavailable: they cannot be; those of before are shown a while longer.
        """
        async with db.transaction(Scope(platform=True), read_only=True) as conn:
            jobs = await repository.jobs(conn)
            erasures = await repository.erasures(conn, now=now, stores=STORES_DUE, gates=GATES_DUE)
            gates = await repository.gates(conn, heard_after=now - STALE_GATE)
            webhooks = await repository.webhooks(conn)
        outstanding = await schema.outstanding()
        measured = {
            "doorward_jobs_waiting": jobs.waiting,
            "doorward_jobs_oldest_seconds": jobs.oldest_seconds,
            "doorward_erasures_open": erasures.open,
            "doorward_erasures_overdue": erasures.overdue,
            "doorward_gates_in_service": gates.in_service,
            "doorward_gates_stale": gates.stale,
            "doorward_webhook_endpoints": webhooks.enabled,
            "doorward_webhook_endpoints_dead": webhooks.dead,
            "doorward_migrations_outstanding": outstanding,
        }
        self._measured = self._monotonic(), measured

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See the base class."""
        if self._measured is None or self._monotonic() - self._measured[0] > FRESH_S:
            return
        for name, value in self._measured[1].items():
            yield GaugeMetricFamily(name, GAUGES[name], value=value)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The names, measured or not, so that no other metric takes one of them."""
        for name, meaning in GAUGES.items():
            yield GaugeMetricFamily(name, meaning)
