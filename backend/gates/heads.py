"""What a head says, from the database's rows. Pure."""

from datetime import datetime
from uuid import UUID

import msgspec

from backend.gates.plans import plan_of
from backend.gates.rosters import DigestRow, HeadRow
from gate_sdk.wire import FramePolicy, Head, Policy

__all__ = ["frames_of", "head_of"]


def head_of(community_id: UUID, head: HeadRow, digest: DigestRow, *, now: datetime) -> Head:
    """The head, dated now and not yet signed."""
    return Head(
        community=community_id,
        epoch=head.epoch,
        version=head.version,
        count=digest.count,
        digest=digest.digest,
        issued_at_us=int(now.timestamp()) * 1_000_000 + now.microsecond,
        policy=Policy(
            fpir=head.fpir,
            # Gates need no more digits than a score has, and a head has the same bytes for the same threshold.
            threshold=None if head.threshold is None else round(head.threshold, 4),
            threshold_pack=msgspec.UNSET if head.threshold_pack is None else head.threshold_pack,
            thresholds=_others(head),
            standing_lease_s=head.standing_lease_s,
            visiting_lease_s=head.visiting_lease_s,
            wipe_after_s=head.wipe_after_s,
        ),
        plan=plan_of(head),
        denied_frames=frames_of(head, now=now),
    )


def _others(head: HeadRow) -> dict[str, float] | msgspec.UnsetType:
    packs, thresholds = head.more_packs or (), head.more_thresholds or ()
    return {pack: round(threshold, 4) for pack, threshold in zip(packs, thresholds, strict=True)} or msgspec.UNSET


def frames_of(head: HeadRow, *, now: datetime) -> FramePolicy | None:
    """What the head says of pictures of denied approaches: nothing where the community has none kept."""
    if head.frame_hours is None or head.frames_until is None or head.frames_until <= now:
        return None
    return FramePolicy(hours=head.frame_hours, until_us=int(head.frames_until.timestamp()) * 1_000_000)
