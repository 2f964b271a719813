"""The demo's report as one page: the frames, what the gate saw in them, and what it decided."""

import base64
import html
import io
from pathlib import Path

import msgspec
from PIL import Image, ImageOps

from backend.demo.report import Approach, DemoReport

__all__ = ["write_page"]

_THUMB = 150

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d9dee6;--paper:#fbfcfd;--card:#fff;
--good:#15803d;--bad:#b91c1c;--mark:#0e7490}
@media (prefers-color-scheme:dark){:root{--ink:#e7ebf0;--soft:#9aa6b5;--line:#2c3542;--paper:#12161c;--card:#1a2029;
--good:#4ade80;--bad:#f87171;--mark:#22d3ee}}
body{margin:0;padding:2rem max(1rem,calc((100vw - 1180px)/2));background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,sans-serif}
h1{margin:0 0 .2rem;font-size:1.6rem}h2{margin:2.2rem 0 .8rem;font-size:1.1rem}
p{overflow-wrap:anywhere}pre{overflow-x:auto}
p.note{max-width:70ch;color:var(--soft);margin:.2rem 0 1.4rem}
.tiles{display:flex;flex-wrap:wrap;gap:.8rem}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.8rem 1.1rem;min-width:9rem}
.tile b{display:block;font-size:1.5rem;font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:.85rem}
.ok{color:var(--good)}.no{color:var(--bad)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:.8rem}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.6rem;font-size:.82rem}
figure.wrong{border:2px solid var(--bad)}
figure svg{width:100%;height:auto;border-radius:6px;display:block}
figure b{display:block;margin-top:.4rem;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
figure span{color:var(--soft);display:block}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.25rem .9rem .25rem 0;text-align:left}
"""


def write_page(report: DemoReport, path: Path) -> None:
    """Write the page; it needs nothing but itself."""
    sections: dict[str, list[Approach]] = {}
    for approach in report.approaches:
        sections.setdefault(approach.role, []).append(approach)
    wrong = [a for a in report.approaches if not a.right]
    result = "<span class=ok>OK</span>" if report.ok else "<span class=no>FAILED</span>"
    body = [
        f"<h1>Doorward: the main job {result}</h1>",
        f"<p class=note>{html.escape(report.note)} Capture policy: {report.capture_policy}."
        + (f" <b class=no>{html.escape(report.failure)}</b>" if report.failure else "")
        + "</p>",
        _tiles(report),
        _times(report),
        _section("Wrong decisions", wrong) if wrong else "<h2>Wrong decisions</h2><p>None.</p>",
        *(_section(role.capitalize(), found) for role, found in sections.items()),
        _erasure(report),
    ]
    path.write_text(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Doorward demo</title><style>{_STYLE}</style>" + "".join(body) + "</html>",
        encoding="utf-8",
    )


def _tiles(report: DemoReport) -> str:
    summary = report.summary
    refusal = report.move_out_to_refusal_s
    tiles = [
        (str(report.enrolled), "people enrolled"),
        (f"{summary.members_shown - summary.members_refused}/{summary.members_shown}", "approaches of members let in"),
        (f"{summary.strangers_admitted}/{summary.strangers_shown}", "strangers let in"),
        ("not seen" if refusal is None else f"{refusal:.2f} s", "from moving out to the first refusal"),
        (f"{summary.ms_median.get('total', 0):.0f} ms", "median decision"),
    ]
    return (
        "<div class=tiles>" + "".join(f"<div class=tile><b>{v}</b><span>{k}</span></div>" for v, k in tiles) + "</div>"
    )


def _times(report: DemoReport) -> str:
    stages = report.summary.ms_median
    heads = "".join(f"<th>{html.escape(stage)}" for stage in stages)
    cells = "".join(f"<td>{ms:.1f} ms" for ms in stages.values())
    return f"<h2>Median time by stage</h2><table><tr>{heads}<tr>{cells}</table>"


def _erasure(report: DemoReport) -> str:
    if report.erasure is None:
        return ""
    told = html.escape(msgspec.json.format(msgspec.json.encode(report.erasure), indent=2).decode())
    certificate = ""
    if report.certificate is not None:
        colour = "ok" if report.certificate.genuine else "no"
        certificate = (
            f"<p><b class={colour}>{html.escape(report.certificate.first_line)}</b>: "
            f"<a href='{html.escape(report.certificate.page)}'>certificate of erasure</a>, "
            f"<a href='{html.escape(report.certificate.file)}'>signed</a>, "
            f"<a href='{html.escape(report.certificate.keys)}'>keys</a></p>"
        )
    return f"<h2>What became of the data of who moved out</h2>{certificate}<pre>{told}</pre>"


def _section(title: str, approaches: list[Approach]) -> str:
    return f"<h2>{html.escape(title)} ({len(approaches)})</h2><div class=grid>{''.join(map(_figure, approaches))}</div>"


def _figure(approach: Approach) -> str:
    verdict = approach.verdict
    score = "" if verdict.score is None else f" · score {verdict.score:.3f}"
    if verdict.threshold is not None:
        score += f" (needs {verdict.threshold:.3f})"
    colour = "ok" if verdict.allowed else "no"
    return (
        f"<figure class={'right' if approach.right else 'wrong'}>{_frame(approach)}"
        f"<b>{html.escape(approach.who.replace('_', ' '))}</b>"
        f"<span class={colour}>{verdict.outcome} · {verdict.reason}</span>"
        f"<span>{verdict.ms.get('total', 0):.0f} ms{score}</span></figure>"
    )


def _frame(approach: Approach) -> str:
    with Image.open(approach.photo) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    width, height = picture.size
    picture.thumbnail((_THUMB * 2, _THUMB * 2))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=70)
    data = base64.b64encode(buffer.getvalue()).decode()
    box = ""
    if approach.verdict.box is not None:
        x, y, w, h = approach.verdict.box
        colour = "var(--good)" if approach.verdict.allowed else "var(--bad)"
        box = (
            f"<rect x='{x:.0f}' y='{y:.0f}' width='{w:.0f}' height='{h:.0f}' fill='none' stroke='{colour}' "
            f"stroke-width='{max(width, height) / 90:.1f}' rx='{w / 20:.0f}'/>"
        )
    return (
        f"<svg viewBox='0 0 {width} {height}' role=img aria-label='frame'>"
        f"<image href='data:image/jpeg;base64,{data}' width='{width}' height='{height}'/>{box}</svg>"
    )
