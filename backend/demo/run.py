"""``doorward demo``: starts everything, lets the story happen, reports."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import httpx
from rich.console import Console
from rich.progress import track

from backend.demo.cast import Cast, NotEnoughFaces, choose_cast
from backend.demo.gate import GateFailed
from backend.demo.page import write_page
from backend.demo.parties import CallRefused, CannotEnrol, Mailbox
from backend.demo.report import DemoReport, summarise, what_failed
from backend.demo.story import MANAGER_PHONE, Story
from backend.demo.table import print_report
from backend.demo.variants import single_photo_cast
from backend.embedded.box import SingleBox
from backend.embedded.children import ChildDied
from backend.settings import Settings

__all__ = ["run_demo"]

CAPTURE_POLICY = "photos"
# The table's columns; a narrower terminal wraps lines, which reads better than columns of dots.
_WIDTH = 150
Item = TypeVar("Item")


def run_demo(*, faces: Path | None, once: bool, report: Path, seed: int = 1) -> int:
    """Run the main job and report it; answers the exit code.

    Args:
        faces: ``DIR/person/photo.jpg``, or one free photograph varied where not given.
        once: stop at the end; otherwise serve on until Ctrl-C, to look around.
        report: where the JSON goes; the page goes beside it.
        seed: chooses the sample of a large folder.
    """
    console = Console(width=max(_WIDTH, Console().width))
    failure: str | None = None
    with tempfile.TemporaryDirectory(prefix="doorward-demo-") as scratch:
        work = Path(scratch)
        try:
            cast = choose_cast(faces, seed=seed) if faces else single_photo_cast(report.parent / "photos")
            failure = _play(cast, console, work=work, report=report, once=once)
        except NotEnoughFaces as error:
            failure = str(error)
        except (CallRefused, CannotEnrol, GateFailed, ChildDied, TimeoutError, httpx.HTTPError) as error:
            failure = f"{type(error).__name__}: {error}"
            _show_logs(work, console)
        except KeyboardInterrupt:
            failure = "interrupted"
    console.print("DEMO OK" if failure is None else f"DEMO FAILED: {failure}", markup=False, soft_wrap=True)
    return 0 if failure is None else 1


def _play(cast: Cast, console: Console, *, work: Path, report: Path, once: bool) -> str | None:
    seconds: dict[str, float] = {}
    began = time.monotonic()
    console.print(f"[bold]Doorward demo[/]: {cast.note}")
    console.print(f"Capture policy '{CAPTURE_POLICY}': any three photographs, as for staff desks and imports.")
    settings = Settings(port=0, public_url="http://127.0.0.1:8480")
    with console.status("starting database, API and worker"):
        box = SingleBox(settings, data_dir=work / "data", console=work)
        box.start()
    seconds["start"] = time.monotonic() - began
    try:
        console.print(f"API at {box.url} after {seconds['start']:.1f} s")
        _create_manager(box)
        with httpx.Client(base_url=box.url, timeout=120, trust_env=False) as http:
            story = Story(http, Mailbox(box.messages), url=box.url, work=work, report=report, progress=_Shown(console))
            (story.crowd if len(cast.members) > 1 else story.alone)(cast)
        seconds["whole"] = time.monotonic() - began
        result = _report(story, cast, seconds)
        result.write(report)
        page = report.with_suffix(".html")
        write_page(result, page)
        print_report(result, console)
        console.print(f"page: {page}   data: {report}", soft_wrap=True)
        if not once:
            # Which is how it is meant to end: all that was to be shown has been.
            with suppress(KeyboardInterrupt):
                console.print(f"Serving on {box.url}; Ctrl-C ends.")
                box.children.wait()
        return result.failure
    finally:
        box.stop()


def _report(story: Story, cast: Cast, seconds: dict[str, float]) -> DemoReport:
    approaches = tuple(story.approaches)
    failure = what_failed(approaches)
    if failure is None and not (story.certificate and story.certificate.genuine):
        failure = "the certificate of the erasure is not genuine"
    return DemoReport(
        ok=failure is None,
        failure=failure,
        note=cast.note,
        capture_policy=CAPTURE_POLICY,
        enrolled=story.enrolled,
        failed_to_enrol=story.failed_to_enrol,
        approaches=approaches,
        summary=summarise(approaches),
        move_out_to_refusal_s=story.move_out_to_refusal_s,
        erasure=story.erasure,
        certificate=story.certificate,
        seconds=seconds,
    )


def _create_manager(box: SingleBox) -> None:
    """As the operator does it: the first administrator comes from the command line."""
    done = subprocess.run(  # noqa: S603 - our own command, no shell
        [sys.executable, "-m", "backend.cli", "staff", "create", "--data-dir", str(box.data_dir),
         "--phone", MANAGER_PHONE, "--name", "Manager", "--authority", "Demo"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise CallRefused(f"staff create: {done.stderr.strip()}")


class _Shown:
    """A bar for each long step."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, what: str, things: Iterable[Item], total: int, /) -> Iterable[Item]:
        return track(things, description=f"{what:<36}", total=total, console=self._console)


def _show_logs(work: Path, console: Console) -> None:
    for log in sorted(work.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        if lines:
            console.print(f"--- last lines of {log.name}", markup=False)
            for line in lines:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
