"""Which decisions become events, and what of them. Pure."""

from gate_sdk._decision import Decision
from gate_sdk.wire import EventKind, GateEvent, Outcome, Reason

__all__ = ["alarm", "report"]

# An approach that was decided. An empty frame, a face too far away or a roster not yet there is nobody's entry, and
# reporting it would fill the outbox with pictures of nothing.
_REPORTED = frozenset(
    {
        Reason.MATCHED,
        Reason.UNKNOWN,
        Reason.AMBIGUOUS,
        Reason.OUTSIDE_WINDOW,
        Reason.OUTSIDE_HOURS,
        Reason.WRONG_DOOR,
        Reason.LEASE_EXPIRED,
        Reason.LOCKED_DOWN,
        Reason.EMERGENCY_UNLOCK,
        Reason.NOT_LIVE,
        Reason.CODE_UNKNOWN,
        Reason.CODE_FORGED,
        Reason.CODE_EXPIRED,
        Reason.CODE_REPLAYED,
        Reason.CODE_USED_UP,
        Reason.USE_UNCOUNTED,
        Reason.ASK_FIRST,
        Reason.APPROVED,
        Reason.APPROVAL_REFUSED,
        Reason.APPROVAL_TIMEOUT,
        Reason.APPROVAL_OFFLINE,
        Reason.PIN_WRONG,
        Reason.PIN_LOCKED,
    }
)


def report(decision: Decision) -> GateEvent | None:
    """The event of a decision, without its identity; ``None`` where there is nothing to report.

    Of people who were not recognised no subject is kept, and of nobody how near his face came.
    """
    if decision.reason not in _REPORTED:
        return None
    if decision.outcome is Outcome.NEEDS_APPROVAL:
        # Half of one decision: the other half is reported.
        return None
    return GateEvent(
        store_epoch=0,
        seq=0,
        kind=EventKind.ENTRY,
        at_us=decision.at_us,
        outcome=decision.outcome,
        reason=decision.reason,
        subject=decision.subject,
        stale_for_s=decision.stale_for,
        via=decision.via,
        credential=decision.credential if decision.allowed else None,
        use=decision.use if decision.allowed else None,
    )


def alarm(code: str, at_us: int) -> GateEvent:
    """Something the community's staff should know, by its code."""
    return GateEvent(store_epoch=0, seq=0, kind=EventKind.ALARM, at_us=at_us, detail=code)
