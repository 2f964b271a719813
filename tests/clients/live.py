"""The API as a process of its own on databases of its own, and people in it, for clients that speak HTTP only."""

import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import msgspec

from backend.embedded.children import Children
from backend.resources import Resources, open_resources
from backend.settings import Settings
from tests.backend.processes import PATIENCE_S
from tests.backend.world import World
from tests.clients.server import STARTED, RunningClock
from tests.databases import DatabaseUrls
from tests.ports import free_port

__all__ = ["Live", "LiveWorld", "serving"]


class LiveWorld(World):
    """A world whose messages are another process's: a code is written when the answer has gone out already."""

    def __init__(self, *, api: httpx.AsyncClient, resources: Resources, live: "Live") -> None:
        super().__init__(api=api, resources=resources, settings=live.settings, clock=live.clock, urls=live.urls)
        self._codes: Counter[str] = Counter()

    def code_sent_to(self, phone: str) -> str:
        """The next log-in code that this number gets."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            codes = [m["values"]["code"] for m in self.messages(phone) if m["template"] == "login_code"]
            if len(codes) > self._codes[phone]:
                self._codes[phone] = len(codes)
                return str(codes[-1])
            if time.monotonic() > deadline:
                raise TimeoutError("no code was sent")
            time.sleep(0.01)


class Live(msgspec.Struct, frozen=True):
    """A running API; ``clock`` is the server's own."""

    url: str
    settings: Settings
    urls: DatabaseUrls
    clock: RunningClock
    log: Path

    @asynccontextmanager
    async def world(self) -> AsyncIterator[LiveWorld]:
        """Makes people and communities over the same HTTP."""
        async with (
            open_resources(self.settings, process="api") as resources,
            httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=PATIENCE_S) as client,
        ):
            yield LiveWorld(api=client, resources=resources, live=self)


@contextmanager
def serving(urls: DatabaseUrls, folder: Path) -> Iterator[Live]:
    """Run the API in a process of its own until the block ends."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = Settings(
        data_dir=folder,
        api_database_url=urls.api,
        worker_database_url=urls.worker,
        migration_database_url=urls.owner,
        keys_database_url=urls.keys,
        public_url=url,
        port=port,
        log_level="WARNING",
    )
    started = time.time()
    granian = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    granian += ["--workers-kill-timeout", "10"]
    granian += ["--workers", "1", "--no-ws", "--factory", "tests.clients.server:server"]
    with Children() as children:
        children.spawn("api", granian, environment(settings, started), output=folder / "api.log")
        children.wait_ready(f"{url}/health/ready", timeout=PATIENCE_S)
        yield Live(url, settings, urls, RunningClock(started), folder / "api.log")


def environment(settings: Settings, started: float) -> Mapping[str, str]:
    """The server's whole environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    ours = {
        f"DOORWARD_{name.upper()}": str(getattr(settings, name))
        for name in settings.__struct_fields__
        if getattr(settings, name) != getattr(Settings(), name)
    }
    models = {name: os.environ[name] for name in ("DOORWARD_MODELS",) if name in os.environ}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, **ours, **models, "PYTHONPATH": path, STARTED: str(started)}
