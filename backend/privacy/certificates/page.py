"""A certificate as a page that people can read, print and keep. It needs nothing but itself."""

import base64
import hashlib
import html
from datetime import UTC, datetime

import msgspec

from backend.privacy.certificates.schemas import (
    CertifiedGate,
    CertifiedHold,
    CertifiedPlace,
    Remaining,
    SignedCertificate,
)
from backend.privacy.certificates.texts import Language, law, text

__all__ = ["HEADERS", "entrance", "render"]

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--line:#d9dee6;--paper:#f6f7f9;--card:#fff;--good:#15803d;
--wait:#b45309}
@media (prefers-color-scheme:dark){:root{--ink:#e7ebf0;--soft:#9aa6b5;--line:#2c3542;--paper:#12161c;--card:#1a2029;
--good:#4ade80;--wait:#fbbf24}}
*{box-sizing:border-box}
body{margin:0;padding:2rem 1rem;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif}
main{max-width:52rem;margin:auto;background:var(--card);border:1px solid var(--line);border-radius:12px;padding:2rem}
h1{margin:0;font-size:1.5rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}
.state{display:inline-block;margin:.5rem 0;padding:.15rem .7rem;border-radius:99px;border:1px solid;font-size:.9rem}
.complete,.ok{color:var(--good)}.provisional,.wait{color:var(--wait)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:1rem 0}dt,.soft{color:var(--soft)}
dd{margin:0}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-top:1px solid var(--line)}
td:first-child{min-width:6rem}tr:first-child td{border-top:0}td:last-child{padding-right:0}
code,.id{font:.8rem/1.5 ui-monospace,monospace;overflow-wrap:anywhere;color:var(--soft)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--paper);border-radius:8px;padding:.8rem}
.num{font-variant-numeric:tabular-nums;white-space:nowrap}a{color:inherit}
button,input{font:inherit;padding:.5rem .9rem;border-radius:8px;border:1px solid var(--line);max-width:100%}
@media (max-width:36rem){main{padding:1.2rem}dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}
td,th{display:block;padding-bottom:.1rem}td+td{border-top:0}.num{white-space:normal}}
@media print{body{background:none;padding:0}main{border:0}.screen{display:none}}
"""
# The secret stays in the fragment, which browsers send to nobody, until this form posts it.
_SCRIPT = """
const field=document.querySelector('input[name=secret]');
if(location.hash.length>1){field.value=location.hash.slice(1);history.replaceState(null,'',location.pathname);
field.form.submit()}
"""


def _source(content: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii") + "'"


#: Of every page here: nothing is loaded from anywhere, nothing is kept, and no address is handed on.
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_source(_STYLE)}; script-src {_source(_SCRIPT)}; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def render(signed: SignedCertificate, language: Language) -> str:
    """The certificate's page.

    Args:
        signed: as it is handed out; the page offers exactly this for download.
        language: of the page; names of communities and gates stay as they are.
    """
    c = signed.certificate
    facts = [
        (text("reason", language), text(f"reason.{c.reason}", language)),
        (text("extent", language), text(f"extent.{c.extent}", language)),
        (text("begun", language), _time(c.begun_at)),
        (text("completed", language), text("pending", language) if c.completed_at is None else _time(c.completed_at)),
        (text("issued", language), _time(c.issued_at)),
    ]
    if c.backups_unreadable_by is not None:
        note = f"<br><span class=soft>{text('backups.note', language)}</span>"
        facts.append((text("backups", language), _time(c.backups_unreadable_by) + note))
    body = [
        f"<h1>{text('title', language)}</h1>",
        f"<div class='state {c.status}'>{text(c.status, language)}</div>",
        f"<p>{text(f'intro.{c.status}', language)}</p>",
        "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts) + "</dl>",
        _section("existed", _rows([
            (text(f"kind.{kind.kind}", language), f"{kind.count}", html.escape(", ".join(kind.versions)))
            for kind in c.existed
        ]), language),
        _section("consents", _rows([
            (
                f"{html.escape(text(f'purpose.{one.purpose}', language))} · {text('version', language)} {one.version}",
                f"{text('given', language)} {_time(one.given_at)}"
                + ("" if one.withdrawn_at is None else
                   f"<br>{text('withdrawn', language)} {_time(one.withdrawn_at)}"),
                f"<code>sha256 {html.escape(one.text_sha256)}</code>",
            )
            for one in c.consents
        ]), language) if c.consents else "",
        _section("stores", _rows([
            (
                text(f"step.{step.step}", language),
                f"<span class=wait>{text('pending', language)}</span>" if step.confirmed_at is None
                else f"<span class=num>{_time(step.confirmed_at)}</span>",
            )
            for step in c.stores
        ]), language),
        *(_place(place, language) for place in c.places),
        _section("held", _rows([_held(one, language) for one in c.held]), language) if c.held else "",
        _section("remains", _rows([_remaining(one, language) for one in c.remains]), language),
        _how(signed, language),
        f"<p class=id>{c.certificate_id} · {html.escape(c.issuer)} · {html.escape(signed.signature.kid)}</p>",
    ]  # fmt: skip
    return _document(text("title", language), "".join(body), language)


def entrance(language: Language) -> str:
    """The page that a link opens: the same for every certificate, whether there is one or not."""
    hidden = f"<input type=hidden name=language value={language}>"
    return _document(
        text("title", language),
        f"<h1>{text('title', language)}</h1><p>{text('enter.how', language)}</p>"
        f"<form method=post>{hidden}<input name=secret required maxlength=100 autocomplete=off> "
        f"<button>{text('enter', language)}</button></form><script>{_SCRIPT}</script>",
        language,
    )


def _document(title: str, body: str, language: Language) -> str:
    return (
        f"<!doctype html><html lang={language}><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{title}</title><style>{_STYLE}</style><main>{body}</main></html>"
    )


def _section(key: str, content: str, language: Language) -> str:
    return f"<h2>{text(key, language)}</h2>{content}"


def _rows(rows: list[tuple[str, ...]]) -> str:
    cells = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _place(place: CertifiedPlace, language: Language) -> str:
    told = ""
    if place.removed_at is not None:
        told = (
            f"<p class=soft>{text('step.credentials', language)}: <span class=num>{_time(place.removed_at)}</span> "
            f"({text('roster', language)} {place.epoch}/{place.version})</p>"
        )
    gates = _rows([_gate(gate, language) for gate in place.gates]) if place.gates else ""
    return (
        f"<h2>{text('gates', language)}: {html.escape(place.community)}</h2>{told}"
        + (gates or f"<p>{text('gates.none', language)}</p>")
        + f"<p class=id>{place.community_id} · {place.subject_id}</p>"
    )


def _gate(gate: CertifiedGate, language: Language) -> tuple[str, ...]:
    colour = "wait" if gate.state == "outstanding" else "ok"
    state = f"<span class={colour}>{text(f'gate.{gate.state}', language)}</span>"
    if gate.confirmed_at is not None:
        state += f"<br><span class=num>{_time(gate.confirmed_at)}</span>"
    said = []
    if gate.digest is not None:
        said.append(f"{text('roster', language)} {gate.epoch}/{gate.version}")
        said.append(f"<code>{text('digest', language)} {html.escape(gate.digest)}</code>")
        if not gate.compared:
            said.append(text("not_compared", language))
    if gate.last_contact_at is not None:
        said.append(f"{text('last_contact', language)} {_time(gate.last_contact_at)}")
    if gate.state == "outstanding" and gate.wiped_by is not None:
        said.append(f"{text('wiped_by', language)} {_time(gate.wiped_by)}")
    return html.escape(gate.name), state, "<br>".join(said)


def _held(one: CertifiedHold, language: Language) -> tuple[str, ...]:
    laws = html.escape(" · ".join(law(name, language) for name in one.laws))
    said = f"{_time(one.set_at)} – {_time(one.until)}<br><span class=soft>{text('law', language)}</span> {laws}"
    if one.released_at is not None:
        said += f"<br>{text('held.released', language)} {_time(one.released_at)}"
    return f"{text(f'basis.{one.basis}', language)} ({one.photographs})", said


def _remaining(one: Remaining, language: Language) -> tuple[str, ...]:
    until = "" if one.until is None else f"<br>{text('until', language)} <span class=num>{_time(one.until)}</span>"
    laws = html.escape(" · ".join(law(name, language) for name in one.laws))
    return text(f"remains.{one.what}", language), f"<span class=soft>{text('law', language)}</span> {laws}{until}"


def _how(signed: SignedCertificate, language: Language) -> str:
    data = base64.b64encode(msgspec.json.encode(signed, order="sorted")).decode("ascii")
    name = f"certificate-{signed.certificate.certificate_id}.json"
    issuer = signed.certificate.issuer.rstrip("/")
    keys = html.escape(f"{issuer}/.well-known/doorward-certificate-keys.json")
    return (
        f"<div class=screen><h2>{text('verify', language)}</h2><p>{text('verify.how', language)}</p>"
        f"<p><a download='{name}' href='data:application/json;base64,{data}'>{text('download', language)}</a></p>"
        f"<pre>doorward verify-certificate {name} --url {keys}</pre></div>"
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
