"""Each surface's published document against the live API, by schemathesis: whatever it allows is understood, whatever
it forbids is refused, and nothing is answered that it does not say."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from backend.kit.auth import Surface
from tests.backend.authorisation.place import Place, furnish
from tests.backend.authorisation.who import Who
from tests.clients.hooks import PLACE
from tests.clients.live import Live

pytestmark = pytest.mark.deep

_ROOT = Path(__file__).parents[2]
# Who asks, and who does what ends sessions, rights or accounts: with the latter would go all that is asked after it.
_PRINCIPALS = {
    Surface.PARTNER: (Who.COMPANY, Who.COMPANY),
    Surface.RESIDENT: (Who.TENANT, Who.NEIGHBOUR),
    Surface.VISITOR: (Who.GUEST, Who.OTHER_GUEST),
    Surface.GATE: (Who.GATE, Who.OTHER_GATE),
    Surface.STAFF: (Who.ADMINISTRATOR, Who.OTHER_ADMINISTRATOR),
}
_EXAMPLES = {Surface.PARTNER: 12, Surface.GATE: 12, Surface.VISITOR: 5, Surface.RESIDENT: 4, Surface.STAFF: 2}
_ENDINGS = "(logout|withdraw|/me$|/me/sessions|/me/number|second-factor|/end$|/revoke$)"
# What a document cannot say in JSON Schema (that an end lies after its beginning, that a number is a telephone's) is
# refused with these. 400 is not among them: that says that the document was not followed.
_UNDERSTOOD = ["2xx", "401", "403", "404", "409", "410", "412", "413", "415", "422", "428", "429", "503"]
_REFUSED = ["400", "401", "403", "404", "405", "409", "410", "412", "413", "415", "422", "428", "429"]


@pytest.fixture(scope="module")
def place(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Path]]:
    async def build() -> Place:
        async with live.world() as world:
            return await furnish(world)

    made = asyncio.run(build())
    file = tmp_path_factory.mktemp("place") / "place.json"
    file.write_bytes(msgspec.json.encode({"ids": made.ids, "by_path": made.by_path}))
    yield made, file
    assert "unexpected" not in live.log.read_text("utf-8")


def settings(place: Place, surface: Surface) -> str:
    """schemathesis.toml."""
    asking, ending = (place.headers(who)["Authorization"] for who in _PRINCIPALS[surface])
    return f"""
    seed = 20190722
    # Keys, codes and recurrences have forms that random text seldom has.
    suppress-health-check = ["filter_too_much"]
    continue-on-failure = true
    headers = {{ Authorization = "{asking}" }}
    [[operations]]
    include-path-regex = "{_ENDINGS}"
    headers = {{ Authorization = "{ending}" }}
    [[operations]]
    include-path-regex = "(/partner/v1/token|/gate/v1/(sync|events|uses|denied-frames))$"
    # OAuth answers 400 to whatever it refuses, and 401 to whom it does not know (RFC 6749, section 5.2). Gates know
    # theirs: the three that tell a state go together, a batch is of one store, a time is of this era.
    checks.positive_data_acceptance.expected-statuses = ["400", "2xx", "401", "409", "410", "422"]
    [phases.stateful]
    enabled = false
    [generation]
    database = "none"
    max-examples = {_EXAMPLES[surface]}
    no-shrink = true
    [checks.positive_data_acceptance]
    expected-statuses = {_UNDERSTOOD}
    [checks.negative_data_rejection]
    expected-statuses = {_REFUSED}
    """


@pytest.mark.parametrize("surface", list(Surface))
def test_the_api_does_what_its_document_says_and_nothing_else(
    live: Live, place: tuple[Place, Path], surface: Surface, tmp_path: Path
) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(settings(place[0], surface), "utf-8")
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "--no-color", "run",
         str(_ROOT / "openapi" / f"{surface}.json"), "--url", live.url],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1800,
        env={**os.environ, "PYTHONPATH": path, "SCHEMATHESIS_HOOKS": "tests.clients.hooks", PLACE: str(place[1])},
    )  # fmt: skip
    (tmp_path / "report.txt").write_text(done.stdout, "utf-8")
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
