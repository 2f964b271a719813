"""Every route of the application, asked by everybody, answered as the table says.

The requests are whole and name what exists: the one who may is served with the very same request, so whoever is refused
is refused for who he is. Whoever is refused changes nothing. See table.py for who may what; a route without a line
there fails.
"""

from collections.abc import Iterator

import httpx
import pytest
from litestar import Litestar

from backend.kit.auth import Surface
from tests.backend.authorisation.asking import Asker, Endpoint, endpoints, takes_body
from tests.backend.authorisation.place import Place, furnish
from tests.backend.authorisation.rules import SURFACE_OF, Rule
from tests.backend.authorisation.table import CONFLICTS, ROUTES, SAID_IN_BODY
from tests.backend.authorisation.undo import Undo
from tests.backend.authorisation.who import Who
from tests.backend.world import World


def rules() -> dict[str, Rule]:
    """Method and whole path to who may."""
    found = {}
    for surface, lines in ROUTES.items():
        head, _, rest = surface.partition("/")
        prefix = f"/{head}/v1{'/' if rest else ''}{rest}" if head else ""
        for line, rule in lines.items():
            method, path = line.split(" ")
            found[f"{method} {prefix}{path}"] = rule
    return found


def surface_of(endpoint: Endpoint) -> str:
    return endpoint.path.split("/")[1]


def test_every_route_says_who_may(app: Litestar) -> None:
    known, present = rules(), {endpoint.name: endpoint for endpoint in endpoints(app)}
    assert not sorted(present.keys() - known.keys()), "say in tests/backend/authorisation/table.py who may call these"
    assert not sorted(known.keys() - present.keys()), "these are in the table and nowhere else"
    assert {name for name, rule in known.items() if rule.allowed is None} == {
        name for name, endpoint in present.items() if endpoint.public
    }
    assert not CONFLICTS.keys() - present.keys()


def test_every_surface_has_somebody_who_may_and_somebody_who_may_not() -> None:
    for surface in Surface:
        lines = [rule for name, rule in rules().items() if name.split("/")[1] == surface and rule.allowed is not None]
        assert any(rule.expects(who, surface) is None for rule in lines for who in Who)
        assert any(SURFACE_OF.get(who) == surface and rule.expects(who, surface) for rule in lines for who in Who)
    assert SURFACE_OF.keys() == set(Who) - {Who.NOBODY}


async def test_everybody_is_answered_as_the_table_says(app: Litestar, world: World) -> None:
    place = await furnish(world)
    asker, known = Asker(world, place), rules()
    undo = await Undo.of(world.urls.superuser)
    faults: list[str] = []
    try:
        for endpoint in endpoints(app):
            rule = known[endpoint.name]
            if rule.allowed is None:
                faults += await _public(asker, endpoint)
                await undo.restore()
                continue
            for who in Who:
                faults += await _asked(asker, undo, endpoint, rule, who, place)
    finally:
        await undo.close()
    assert not faults, "\n".join(faults)


async def test_whoever_may_not_is_told_so_before_anybody_reads_what_he_sent(app: Litestar, world: World) -> None:
    place = await furnish(world)
    asker, known = Asker(world, place), rules()
    undo = await Undo.of(world.urls.superuser)
    faults: list[str] = []
    try:
        for endpoint in (one for one in endpoints(app) if takes_body(one)):
            rule = known[endpoint.name]
            for who in Who:
                expected = rule.expects(who, surface_of(endpoint))
                if expected is None:
                    continue
                answer = await asker.ask(endpoint, who, broken=True)
                unread = endpoint.name in SAID_IN_BODY and answer.status_code == 400
                if answer.status_code != expected and not unread:
                    faults.append(f"{endpoint.name} by {who}: {answer.status_code}, and is to be {expected}")
                if await undo.touched():
                    await undo.restore()
    finally:
        await undo.close()
    assert not faults, "\n".join(faults)


async def _public(asker: Asker, endpoint: Endpoint) -> list[str]:
    """Without a token it answers as with anybody's: whoever needs a secret has it in the body."""
    answers = {}
    for who in (Who.NOBODY, Who.TENANT, Who.GATE, Who.REMOVED):
        answer = await asker.ask(endpoint, who)
        answers[who] = answer.status_code, answer.json().get("code") if answer.is_error else None
    if len(set(answers.values())) == 1 and answers[Who.NOBODY][1] != "forbidden":
        return []
    return [f"{endpoint.name}: is to be everybody's, and answers {answers}"]


async def _asked(asker: Asker, undo: Undo, endpoint: Endpoint, rule: Rule, who: Who, place: Place) -> list[str]:
    expected = rule.expects(who, surface_of(endpoint))
    answer = await asker.ask(endpoint, who)
    code = answer.json().get("code", "") if answer.is_error else ""
    said = f"{endpoint.name} by {who}: {answer.status_code} {code}"
    if expected is None:
        faults = [f"{said}, {fault}: {answer.text[:300]}" for fault in _served(endpoint, rule, who, answer, place)]
    else:
        faults = [f"{said}, {fault}" for fault in _refused(rule, who, expected, answer.status_code, code)]
    if await undo.touched():
        if expected is not None and (changed := await undo.changed()):
            faults.append(f"{said}, and changed {sorted(changed)}")
        await undo.restore()
    return faults


def _served(endpoint: Endpoint, rule: Rule, who: Who, answer: httpx.Response, place: Place) -> Iterator[str]:
    """What is wrong with the answer to somebody who may."""
    if answer.status_code in (400, 401, 403, 404, 405, 410, 415) or answer.status_code >= 500:
        yield "and he may"
    conflict = CONFLICTS.get(endpoint.name)
    if not _owns(rule, who):
        if endpoint.name not in _BY_CODE:
            yield from (f"and shows {name}" for name in _OTHERS if place.ids[name] in answer.text)
    elif answer.is_error and answer.json().get("code") != conflict:
        yield "where the table knows no such conflict"
    elif answer.is_success and conflict is not None:
        yield "where the table speaks of a conflict"


def _refused(rule: Rule, who: Who, expected: int, status: int, code: str) -> Iterator[str]:
    """What is wrong with the answer to somebody who may not."""
    if status != expected:
        yield f"and is to be {expected}"
    full = {Who.UNELEVATED: Who.ADMINISTRATOR, Who.LEGAL_UNELEVATED: Who.LEGAL}.get(who)
    if full and status == 403 and (code == "second-factor-required") != (full in (rule.allowed or ())):
        yield "told of a second factor where that would not do, or not told where it would"


# What is of the household's, so that whoever gets something of his own must not see it there.
_OTHERS = ("home_id", "tenancy_id", "pass_id", "person_id", "delivery_id", "review_id", "emergency_id", "staff_id")
# The body's secret says whose things it is about.
_BY_CODE = {"POST /resident/v1/join"}
_STRANGERS = {
    Who.STRANGER, Who.NEIGHBOUR, Who.FORMER, Who.OTHER_GUEST, Who.OTHER_COMPANY, Who.OTHER_GATE,
    Who.MANAGER_ELSEWHERE, Who.DESK_ELSEWHERE, Who.AUDITOR_ELSEWHERE,
    Who.OTHER_ADMINISTRATOR, Who.OTHER_MANAGER, Who.OTHER_LEGAL,
}  # fmt: skip


def _owns(rule: Rule, who: Who) -> bool:
    """Whether the request is about his own things, and not just one that somebody like him may make."""
    return who not in _STRANGERS or (rule.allowed is not None and rule.allowed <= {who})


@pytest.mark.parametrize("name", ["POST /resident/v1/consents/{purpose}/withdraw", "DELETE /resident/v1/me"])
async def test_what_a_request_changed_is_noticed_and_undone(app: Litestar, world: World, name: str) -> None:
    """The test's own means: without them a refusal that changes something would pass."""
    place = await furnish(world)
    (endpoint,) = [one for one in endpoints(app) if one.name == name]
    undo = await Undo.of(world.urls.superuser)
    try:
        asker = Asker(world, place)
        assert (await asker.ask(endpoint, Who.TENANT)).is_success
        assert {"public.consent", "public.audit_entry"} & await undo.changed()
        await undo.restore()
        assert await undo.changed() == set()
        assert (await asker.ask(endpoint, Who.TENANT)).is_success
    finally:
        await undo.close()
