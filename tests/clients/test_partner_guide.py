"""Every command of the companies' guide, in its order, by bash and curl against the live API.

What an answer calls ``shift_id`` is ``$SHIFT`` in the commands after it, as the guide says.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.backend.couriers.company import admit
from tests.backend.households.town import build_town
from tests.backend.partners.test_assertions import jwk_of
from tests.clients.live import Live

pytestmark = pytest.mark.deep

_GUIDE = Path(__file__).parents[2] / "docs" / "partner-guide.md"
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The guide's curl prints what a company's engineer sees; each answer's status goes to standard error.
_PRELUDE = """
set -uo pipefail
curl() { command curl --silent --show-error --max-time 120 --write-out '%{stderr}%{http_code}\\n' "$@"; }
source "$STATE"
set -a
"""
_EPILOGUE = """
code=$?
set +a
export -p > "$STATE"
exit $code
"""
# What the guide calls otherwise than the field in which it comes.
_CALLED = {"access_token": "TOKEN", "endpoint_id": "WEBHOOK"}


class Block(msgspec.Struct, frozen=True):
    """Commands, and the answer that the guide shows to them."""

    commands: list[str]
    shown: list[Any]


def blocks(text: str) -> Iterator[Block]:
    """The guide's shell blocks, each with the JSON that stands after it, before the next."""
    fenced = [(kind, body) for kind, body in _FENCED.findall(text) if kind in ("sh", "json")]
    for (kind, body), (following, shown) in zip(fenced, [*fenced[1:], ("", "")], strict=True):
        if kind == "sh":
            yield Block(list(commands(body)), values(shown) if following == "json" else [])


def commands(body: str) -> Iterator[str]:
    """Single commands: a line that goes on, by a backslash, a pipe or an open quote, is one with the next."""
    held = ""
    for line in body.splitlines():
        held += line + "\n"
        stripped = line.rstrip()
        whole = subprocess.run(["bash", "-n"], input=held, capture_output=True, text=True, check=False)
        if not stripped.endswith(("\\", "|")) and not (whole.returncode or whole.stderr):
            if held.strip() and not held.lstrip().startswith("#"):
                yield held
            held = ""
    assert not held.strip(), f"the guide has half a command: {held}"


def values(text: str) -> list[Any]:
    """JSON documents one after the other, as lines or over several."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def differences(shown: Any, got: Any, where: str = "$") -> list[str]:
    """Where an answer has another shape than the guide shows: a field too few, or of another type."""
    if got is None or (isinstance(shown, str) and shown in ("…", "...")):
        return []
    if isinstance(shown, dict) and isinstance(got, dict):
        lacking = [f"{where} has no {name}" for name in shown if name not in got]
        both = [name for name in shown if name in got]
        return lacking + [d for name in both for d in differences(shown[name], got[name], f"{where}.{name}")]
    if isinstance(shown, list) and isinstance(got, list):
        return differences(shown[0], got[0], f"{where}[0]") if shown and got else []
    same = type(shown) is type(got)
    return [] if same else [f"{where} is {type(got).__name__}, and not {type(shown).__name__}"]


def learned(answers: list[Any]) -> dict[str, str]:
    """Variables for the commands to come, by the names of an answer's fields."""
    found = {}
    for answer in answers:
        for name, value in answer.items() if isinstance(answer, dict) else ():
            if isinstance(value, str) and (name in _CALLED or name.endswith("_id")):
                found[_CALLED.get(name, name.removesuffix("_id").upper())] = value
    return found


class Reader:
    """Follows the guide in one shell session."""

    def __init__(self, folder: Path, given: dict[str, str]) -> None:
        self._state = folder / "state"
        self._state.write_text("")
        self._know(given)

    def _know(self, variables: dict[str, str]) -> None:
        with self._state.open("a") as file:
            file.writelines(f"declare -x {name}={shlex.quote(value)}\n" for name, value in variables.items())

    def run(self, command: str) -> list[Any]:
        """What the command printed, as JSON.

        Raises:
            AssertionError: it failed, or the API refused it.
        """
        done = subprocess.run(
            ["bash", "-c", _PRELUDE + command + _EPILOGUE],
            env={"PATH": os.environ["PATH"], "STATE": str(self._state)},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        statuses = re.findall(r"^[0-9]{3}$", done.stderr, re.MULTILINE)
        said = f"{command}{done.stdout}{done.stderr}"
        assert done.returncode == 0, said
        assert all(status.startswith("2") for status in statuses), said
        if "curl" in command:
            assert statuses, said
        try:
            answers = values(done.stdout)
        except json.JSONDecodeError:
            return []
        self._know(learned(answers))
        return answers


@pytest.fixture(scope="module")
def given(live: Live) -> dict[str, str]:
    """What the guide says that whoever admits a company gives it."""
    key = Ed25519PrivateKey.generate()

    async def admitted() -> dict[str, str]:
        async with live.world() as world:
            town = await build_town(world)
            made = await town.office.post(f"{town.staff_path}/buildings", json={"name": "1"})
            await msgspec.structs.replace(town, building_id=UUID(made.json()["building_id"])).tenant("1-001")
            company = await admit(town)
            path = f"/staff/v1/partners/{company.partner_id}/keys"
            assert (await town.office.post(path, json=jwk_of(key, kid="machine-1"))).status_code == 201
            now = world.clock()
            claims = {
                "iss": company.client_id,
                "sub": company.client_id,
                "aud": f"{live.url}/partner/v1/token",
                "jti": "guide",
                "exp": int(now.timestamp()) + 600,
            }
            # Begun already: else no gate could have let a courier in, not even a simulated one.
            begin = now - timedelta(minutes=1)
            variables = {
                "API": live.url,
                "CLIENT_ID": company.client_id,
                "CLIENT_SECRET": company.client_secret,
                "ASSERTION": jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "machine-1"}),
                "COMMUNITY": str(town.community_id),
                "BEGIN": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
                "SOON": f"{begin + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
                "END": f"{begin + timedelta(hours=8):%Y-%m-%dT%H:%M:%SZ}",
            }
            return variables | await sandbox(live, town.office, str(town.community_id))

    return asyncio.run(admitted())


async def sandbox(live: Live, office: Any, community: str) -> dict[str, str]:
    """A sandbox's access token, where this release admits sandboxes."""
    body = {"name": "Sandbox", "communities": [community], "sandbox": True}
    made = await office.post("/staff/v1/partners", json=body)
    if not made.is_success:
        return {}
    form = {"grant_type": "client_credentials", **{k: made.json()[k] for k in ("client_id", "client_secret")}}
    issued = await office.api.post("/partner/v1/token", data=form)
    assert issued.status_code == 200, issued.text
    return {"SANDBOX_TOKEN": issued.json()["access_token"]}


def test_every_command_of_the_guide_works_in_its_order_and_answers_what_it_shows(
    live: Live, given: dict[str, str], tmp_path: Path
) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("THE GUIDE WAS NOT TESTED: install curl and bash")
    reader = Reader(tmp_path, given)
    ran = 0
    for block in blocks(_GUIDE.read_text("utf-8")):
        answers: list[Any] = []
        for command in block.commands:
            found = reader.run(command)
            # Of several commands, the guide shows what the last one that answers says.
            answers = found or answers
            ran += 1
        for shown, got in zip(block.shown, answers, strict=False):
            assert differences(shown, got) == [], (block.commands, got)
        assert not block.shown or len(answers) >= len(block.shown), (block.commands, answers)
    assert ran >= 10


def test_the_runner_sees_a_refusal_a_typing_error_and_an_answer_of_another_shape(
    given: dict[str, str], tmp_path: Path
) -> None:
    reader = Reader(tmp_path, given)
    for wrong in ('curl "$API/partner/v1/communities"\n', 'curl "$API/partner/v1/nothing"\n', 'curl "$TYPO/x"\n'):
        with pytest.raises(AssertionError):
            reader.run(wrong)
    found = differences({"a": 1, "b": {"c": "x"}}, {"a": "1", "b": {}})
    assert sorted(found) == ["$.a is str, and not int", "$.b has no c"]
