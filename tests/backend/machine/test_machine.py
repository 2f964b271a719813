"""Whatever residents, guests, couriers and staff do, in whatever order: gates let in whom a plain model lets in.

community.py is the machine, model.py what it is held against, bugs.py what it is held to find.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)
from litestar import Litestar

from backend.kit.db import Database
from backend.settings import Settings
from tests.backend.machine.bugs import BUGS, Bug
from tests.backend.machine.community import Broken, Community
from tests.backend.machine.site import Site
from tests.backend.running import running
from tests.backend.world import MovableClock, World
from tests.databases import DatabaseUrls


@pytest.fixture
def site(app: Litestar, settings: Settings, clock: MovableClock, database_urls: DatabaseUrls) -> Iterator[Site]:
    with asyncio.Runner() as runner:
        begun: list[Any] = []

        async def open_site() -> Site:
            life = running(app)
            await life.__aenter__()
            api = httpx.AsyncClient(
                transport=httpx.ASGITransport(app=cast("Any", app)), base_url="http://doorward.test"
            )
            worker = Database(database_urls.worker)
            await worker.open()
            begun.extend([worker.close, api.aclose, lambda: life.__aexit__(None, None, None)])
            world = World(api=api, resources=app.state.resources, settings=settings, clock=clock, urls=database_urls)
            opened = Site(runner, world, worker)
            await opened.open()
            return opened

        try:
            yield runner.run(open_site())
        finally:
            for end in begun:
                runner.run(end())


def _test(site: Site, *, examples: int, steps: int) -> None:
    Community.site = site
    run_state_machine_as_test(
        Community,
        settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), phases=(Phase.generate,), print_blob=False,
            report_multiple_bugs=False,
        ),
    )  # fmt: skip


def test_gates_let_in_whom_the_model_lets_in(site: Site) -> None:
    _test(site, examples=4, steps=25)


@pytest.mark.deep
def test_gates_let_in_whom_the_model_lets_in_for_long(site: Site) -> None:
    _test(site, examples=40, steps=50)


@pytest.mark.deep
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what.replace(" ", "-"))
def test_a_bug_is_found(site: Site, bug: Bug) -> None:
    with bug.plant(site), pytest.raises(Broken) as found:
        _test(site, examples=100, steps=50)
    assert found.value.args[0] in bug.found_by
