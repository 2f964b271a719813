"""Commands that run the parts: the single box, the demo, the API, the worker."""

import argparse
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.cli.shared import DATA_DIR, Commands, add_data_dir, box_failures, interrupt, settings_of
from backend.kit.scratch import scratch_folder
from backend.settings import Settings, SettingsRefused, load_settings

__all__ = ["END_S", "IDLE_S", "add"]

#: For how long a connection may stand between two requests, and headers take to arrive: one number in the server.
#: Longer than the load balancer's own time-out, or the server ends a connection at the moment at which the balancer
#: sends a request on it: a 502 that nobody's log explains.
IDLE_S = 50
#: For how long requests may go on after SIGTERM. Long polls are let go at once; one that hangs must not keep us.
END_S = 10


def add(commands: Commands) -> None:
    """Add this group's commands."""
    up = commands.add_parser("up", help="run the single box: database, API and worker under one directory")
    add_data_dir(up)
    up.set_defaults(run=_up)

    demo = commands.add_parser("demo", help="run the main job end to end and report it")
    demo.add_argument("--faces", type=Path, metavar="DIR", help="photographs as DIR/person/photo.jpg")
    demo.add_argument("--once", action="store_true", help="stop at the end instead of serving on")
    demo.add_argument("--report", type=Path, default=Path("build/demo/report.json"), metavar="FILE.json")
    demo.add_argument("--seed", type=int, default=1, help="chooses the sample of a large folder")
    demo.set_defaults(run=_demo)

    commands.add_parser("api", help="run the API on databases named by the environment").set_defaults(run=_api)
    commands.add_parser("worker", help="run the background jobs").set_defaults(run=_worker)


def _up(arguments: argparse.Namespace) -> int:
    from backend.embedded.box import SingleBox

    settings = settings_of(arguments)
    # What ends the box tidily on Ctrl-C shall do so for a service manager as well.
    signal.signal(signal.SIGTERM, interrupt)
    with box_failures():
        box = SingleBox(settings, data_dir=settings.data_dir or DATA_DIR)
        with box:
            print(f"API       {box.url}/  (resident, visitor, partner, gate, staff: /<surface>/v1)")
            print(f"data      {box.data_dir}")
            print(f"messages  {box.messages}  (one-time codes and links)")
            print("Ctrl-C ends.", flush=True)
            box.wait()


def _demo(arguments: argparse.Namespace) -> int:
    from backend.demo.run import run_demo

    signal.signal(signal.SIGTERM, interrupt)
    return run_demo(faces=arguments.faces, once=arguments.once, report=arguments.report, seed=arguments.seed)


def _api(_: argparse.Namespace) -> int:
    from backend.embedded.address import require_address
    from backend.embedded.children import tie_to_parent

    tie_to_parent()
    settings = load_settings()
    if settings.port == 0:
        raise SettingsRefused("DOORWARD_PORT must be a port: only the single box may choose a free one")
    with box_failures():
        require_address(settings.host, settings.port)
    with _numbers(settings.metrics_port):
        _serve(settings)
    return 0


@contextmanager
def _numbers(port: int | None) -> Iterator[None]:
    """Show the numbers of all the server's processes together, from this one that starts them."""
    if port is None:
        yield
        return
    # Where it can be in memory: the processes write there with every request.
    with scratch_folder() as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        # Not sooner: it is at its import that the library looks for the folder.
        from backend.kit.metrics import shown

        with box_failures(), shown(port, folder=folder):
            yield


# The server's own lines in the form of ours.
_SERVER_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "backend.kit.logging.formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "json"}},
    "loggers": {"_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False}},
}


def _serve(settings: Settings) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    Granian(
        "backend.app:create_app_from_environment",
        factory=True,
        interface=Interfaces.ASGI,
        address=settings.host,
        port=settings.port,
        workers=settings.api_workers,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_S * 1000),
        workers_kill_timeout=END_S,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
        log_dictconfig=_SERVER_LOGS,
    ).serve()


def _worker(_: argparse.Namespace) -> int:
    settings = load_settings()
    from backend import worker
    from backend.embedded.children import tie_to_parent

    tie_to_parent()
    with box_failures():
        worker.run(settings)
    return 0
