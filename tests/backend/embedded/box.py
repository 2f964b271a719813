"""A small box for the kill tests: a database, a server with two workers, a plain program. Run as a script."""

import os
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from backend.embedded.children import Children, tie_to_parent
from backend.embedded.postgres import EmbeddedPostgres
from tests.databases import TEST_SETTINGS

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    assert scope["type"] == "http"
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})


def server() -> Any:
    tie_to_parent()
    return app


def main() -> None:
    folder, port = Path(sys.argv[1]), sys.argv[2]
    started: list[EmbeddedPostgres] = []

    def start() -> None:
        database = EmbeddedPostgres(folder, settings=TEST_SETTINGS)
        database.start()
        started.append(database)

    # From a thread that then ends, which must not take the database with it.
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    with Children() as children:
        granian = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", port]
        # A worker that is asked to end before it has begun does not hear it.
        granian += ["--workers-kill-timeout", "10"]
        granian += ["--workers", "2", "--no-ws", "--factory", "tests.backend.embedded.box:server"]
        children.spawn("api", granian, os.environ, output=folder / "api.log")
        children.spawn("plain", ["/bin/sleep", "600"], os.environ)
        children.wait_ready(f"http://127.0.0.1:{port}/")
        print("ready", flush=True)
        children.wait(until=lambda: started[0].exit_code is not None)
    started[0].stop()


if __name__ == "__main__":
    main()
