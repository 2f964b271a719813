"""What staff are shown of their community's recognition."""

from collections.abc import Callable, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from backend.communities.errors import CommunityNotFound
from backend.enrolment.calibration import repository, rules
from backend.enrolment.calibration.repository import ScoreRow
from backend.enrolment.calibration.schemas import CurvePoint, Fit, Group, Recognition
from backend.kit.db import Connection
from gate_sdk.face import ModelPack, threshold_for
from gate_sdk.face.calibrate import ImpostorBin, fit_community

__all__ = ["shown"]

# Beyond these no threshold is ever chosen.
_CURVE = range(20, 81, 2)
_GROUPINGS: tuple[tuple[Literal["kind", "age_band"], Callable[[ScoreRow], str]], ...] = (
    ("kind", lambda row: row.kind),
    ("age_band", lambda row: row.age_band),
)


async def shown(conn: Connection, *, community_id: UUID, pack: ModelPack) -> Recognition:
    """The community's recognition by that pack.

    Raises:
        CommunityNotFound: there is none.
    """
    fpir = await repository.get_fpir(conn, community_id=community_id)
    if fpir is None:
        raise CommunityNotFound
    packs = {row.pack: row for row in await repository.list_packs(conn, community_id=community_id)}
    people = packs[pack.id].people if pack.id in packs else 0
    fit = await repository.get_threshold(conn, community_id=community_id, pack=pack.id)
    scores = await repository.list_scores(conn, community_id=community_id, pack=pack.id)
    public = threshold_for(people, calibration=pack.calibration, fpir=fpir, photos=3, frames=1, floor=pack.floor)
    used = public if fit is None else max(fit.threshold, pack.floor)
    bins = rules.summed(scores)
    probes = sum(one.count for one in bins)
    told = probes >= rules.MIN_PROBES
    return Recognition(
        pack=pack.id,
        people=people,
        fpir=fpir,
        threshold=used,
        source="pack" if fit is None else "community",
        floor=pack.floor,
        pack_threshold=public,
        probes=probes,
        fit=None if fit is None else Fit(**msgspec.structs.asdict(fit)),
        curve=_curve(bins, people) if told else (),
        groups=_groups(scores, people=people, fpir=fpir, threshold=used),
    )


def _curve(bins: Sequence[ImpostorBin], people: int) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(at / 100, rules.exceedance_rate(bins, at / 100, gallery_size=max(1, people))) for at in _CURVE
    )


def _groups(scores: Sequence[ScoreRow], *, people: int, fpir: float, threshold: float) -> tuple[Group, ...]:
    groups = []
    for by, value in _GROUPINGS:
        for name in sorted({value(row) for row in scores} - {"unknown"}):
            bins = rules.summed(row for row in scores if value(row) == name)
            probes = sum(one.count for one in bins)
            if probes < rules.MIN_PROBES:
                continue
            alone = fit_community(bins, gallery_size=max(1, people), fpir=fpir, floor=0.0)
            groups.append(
                Group(
                    by=by,
                    group=name,
                    probes=probes,
                    fpir=rules.exceedance_rate(bins, threshold, gallery_size=max(1, people)),
                    asks_for=None if alone is None else alone.threshold,
                )
            )
    return tuple(groups)
