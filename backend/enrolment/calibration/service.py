"""Counting a community's impostor scores, and fitting its threshold to them.

What is kept of a score is its bin, with how many people it was the best of, and of whom no more than kind and age band.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from backend.access import service as access
from backend.audit import service as audit
from backend.communities.errors import CommunityNotFound
from backend.enrolment.calibration import repository, rules
from backend.enrolment.gallery import repository as gallery
from backend.enrolment.gallery.opened import Face, unpacked
from backend.kit.db import Connection, Database, Scope
from gate_sdk.face.calibrate import fit_community

__all__ = ["change_fpir", "count_impostors", "fit_due", "refit"]

# A change of less says nothing, and would fill the trail with every day's fit.
_TOLD = 3


async def count_impostors(
    db: Database,
    *,
    community_id: UUID,
    subject_id: UUID,
    face: Face,
    probes: Sequence[Sequence[float]],
    now: datetime,
) -> None:
    """Count how like each new photograph is to the most similar other person of the community.

    Every photograph of an enrolment is an impostor's attempt on everybody else. Left out where the nearest is probably
    the same person: that is no impostor.
    """
    async with db.transaction(Scope(community_id=community_id)) as conn:
        vectors = [unpacked(face.template), *probes]
        found = await gallery.nearest(
            conn, community_id=community_id, pack=face.row.pack, besides=subject_id, probes=vectors
        )
        if not found or found[0].score >= face.row.duplicate_from:
            return
        kinds = await access.kinds(conn, community_id=community_id, subject_id=subject_id)
        age = await repository.get_age(conn, community_id=community_id, subject_id=subject_id)
        await repository.add_scores(
            conn,
            community_id=community_id,
            pack=face.row.pack,
            kind=rules.kind_of(kinds),
            age_band=rules.age_band(age, now=now),
            bins=[rules.binned(row.score) for row in found[1:]],
            comparisons=await repository.count_others(
                conn, community_id=community_id, pack=face.row.pack, besides=subject_id
            ),
        )


async def fit_due(db: Database, *, now: datetime) -> int:
    """Fit the thresholds that are due, community by community; how many changed. Platform scope."""
    async with db.transaction(Scope(platform=True), read_only=True) as conn:
        communities = await gallery.list_communities(conn)
    changed = 0
    for community_id in communities:
        async with db.transaction(Scope(community_id=community_id)) as conn:
            changed += await refit(conn, community_id=community_id, now=now)
    return changed


async def refit(conn: Connection, *, community_id: UUID, now: datetime) -> int:
    """Fit what is due of one community, in its scope; how many thresholds changed.

    The pack's floor is not the server's to know: gates keep to it, whatever the head says.
    """
    fpir = await repository.get_fpir(conn, community_id=community_id)
    if fpir is None:
        raise CommunityNotFound
    changed = 0
    for pack in await repository.list_packs(conn, community_id=community_id):
        before = await repository.get_threshold(conn, community_id=community_id, pack=pack.pack)
        if not rules.is_due(before, probes=pack.probes, fpir=fpir, now=now):
            continue
        scores = await repository.list_scores(conn, community_id=community_id, pack=pack.pack)
        fit = fit_community(rules.summed(scores), gallery_size=pack.people, fpir=fpir, floor=0.0)
        if fit is not None and fit.threshold > 0.0:
            await repository.put_threshold(conn, community_id=community_id, pack=pack.pack, fit=fit, fitted_at=now)
        elif before is not None:
            await repository.delete_threshold(conn, community_id=community_id, pack=pack.pack)
        told = _told(None if before is None else before.threshold), _told(None if fit is None else fit.threshold)
        if told[0] != told[1]:
            changed += 1
            await audit.record(
                conn,
                community_id=community_id,
                actor="system",
                action="threshold.fit",
                target=f"community:{community_id}",
                reason=f"{pack.pack}: {told[0]} to {told[1]}",
            )
    return changed


def _told(threshold: float | None) -> str:
    return "the pack's" if threshold is None else f"{threshold:.{_TOLD}f}"


async def change_fpir(conn: Connection, *, community_id: UUID, fpir: float, now: datetime) -> None:
    """Let another false positive identification rate be aimed at, and fit the threshold to it at once.

    Raises:
        CommunityNotFound: there is none.
    """
    if await repository.get_fpir(conn, community_id=community_id) is None:
        raise CommunityNotFound
    await repository.set_fpir(conn, community_id=community_id, fpir=fpir)
    await refit(conn, community_id=community_id, now=now)
