"""Counting how long gates took, when they acknowledge."""

from collections.abc import Sequence

from prometheus_client import Histogram

from backend.gates.lags.repository import LagRow, list_lags
from backend.gates.repository import GateRow
from backend.kit.db import Connection
from backend.kit.metrics import REGISTRY
from gate_sdk.wire import Acknowledged

__all__ = ["observe", "of_acknowledgement"]

#: Of an import of a whole community every gate acknowledges thousands of changes at once, all equally late.
_MOST = 200
_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300, 3600, 86400)
_sync = Histogram(
    "doorward_sync_lag_seconds",
    "From a change of a roster to a gate's acknowledgement, once for each change and gate.",
    buckets=_BUCKETS,
    registry=REGISTRY,
)
_revocation = Histogram(
    "doorward_revocation_seconds",
    "The same of changes that take somebody off the roster.",
    buckets=_BUCKETS,
    registry=REGISTRY,
)


async def of_acknowledgement(conn: Connection, *, gate: GateRow, state: Acknowledged) -> list[LagRow]:
    """The changes that the gate had not acknowledged before. Of a first sync there are none: nothing was late."""
    if gate.acked_version is None or gate.acked_epoch != state.epoch:
        return []
    return await list_lags(
        conn, community_id=gate.community_id, after=gate.acked_version, upto=state.version, limit=_MOST
    )


def observe(lags: Sequence[LagRow]) -> None:
    """Count them, once the acknowledgement is committed."""
    for lag in lags:
        _sync.observe(lag.seconds)
        if lag.removal:
            _revocation.observe(lag.seconds)
