"""`doorward-gate run`: a gate as a process. File names of frames in, decisions as JSON lines out."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import msgspec

from gate_sdk._decision import Decision
from gate_sdk._status import GateState, GateStatus
from gate_sdk.client import GateClient
from gate_sdk.commands._gate import add_data, guarded, keys_for
from gate_sdk.errors import GateRevokedError
from gate_sdk.wire import Reason

# Lines that are no file names: a QR code's text from another reader, and the PIN of the card that was just shown.
_QR, _PIN = "qr:", "pin:"
_COUNT_S = 1.0


class _StoppedError(Exception):
    """A signal asked the process to end."""


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "run",
        help="run a gate: file names on stdin, decisions on stdout",
        description="Syncs, and answers every line of standard input, the file name of a picture, with one JSON "
        "object a line: {'event': 'decision', 'frame': …, 'outcome': …, 'ms': …}. A line 'qr:TEXT' is a QR code from "
        "another reader, 'pin:DIGITS' the PIN of the card just shown. Before that it prints "
        "{'event': 'ready', 'version': …, 'count': …} once it has a roster. Ends with the input.",
    )
    add_data(parser)
    parser.add_argument("--frames", metavar="FILE", default="-", help="where the file names come from (default: stdin)")
    parser.add_argument(
        "--mode",
        "--once-per-line",
        choices=("decide", "observe"),
        default="decide",
        help="decide about every picture by itself, or follow them as the frames of one camera (default: decide)",
    )
    parser.add_argument("--sync-only", action="store_true", help="keep the roster fresh, recognise nothing")
    parser.add_argument("--states", action="store_true", help="also print a line whenever roster or connection change")
    parser.add_argument("--unattended", action="store_true", help="nobody watches this gate: requires a liveness model")
    parser.add_argument(
        "--liveness",
        choices=("required", "off"),
        help="do not start without a liveness model, or use none (default: the one beside the pack, if there is one)",
    )
    parser.add_argument("--pack", help="id of the model pack (default: the one the server named)")
    parser.add_argument(
        "--wait", type=float, default=60.0, metavar="S", help="seconds to wait for the first roster (default 60)"
    )
    parser.set_defaults(run=guarded(_run))


def _run(options: argparse.Namespace) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    # httpx logs every address at INFO, cursors included.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    out = _Lines(sys.stdout)
    ended = threading.Event()

    def on_state(status: GateStatus) -> None:
        if options.states:
            out.write({"event": "state", **_brief(status)})
        if status.state is GateState.REVOKED:
            ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        with GateClient(
            options.data,
            keys=keys_for(options.data),
            on_state=on_state,
            pack=options.pack,
            liveness=options.liveness,
            unattended=options.unattended,
        ) as client:
            if not options.sync_only:
                client.load()
            client.start(wait=options.wait)
            out.write({"event": "ready", **_brief(client.status())})
            if options.sync_only:
                while not ended.wait(1.0):
                    pass
                raise GateRevokedError
            answer = _decide if options.mode == "decide" else _observe
            with _opened(options.frames) as names:
                _answer(names, client, out, answer)
    except _StoppedError:
        return 0
    return 0


def _stop(number: int, _frame: FrameType | None) -> None:
    # A second signal ends at once, should closing hang.
    signal.signal(number, signal.SIG_DFL)
    raise _StoppedError


@contextlib.contextmanager
def _opened(frames: str) -> Iterator[TextIO]:
    # A code that a reader found may hold any bytes, and a file's name, too: neither may end the gate.
    if frames != "-":
        with Path(frames).open(encoding="utf-8", errors="surrogateescape") as names:
            yield names
        return
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    yield sys.stdin


def _brief(status: GateStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "epoch": status.epoch,
        "version": status.version,
        "count": status.count,
        "matchable": status.matchable,
        "at_us": time.time_ns() // 1_000,
    }


def _answer(
    names: TextIO, client: GateClient, out: _Lines, answer: Callable[[GateClient, bytes], dict[str, Any]]
) -> None:
    shown: Decision | None = None
    # readline, not iteration: a file object reads ahead, and somebody waits for this very answer.
    while line := names.readline():
        # Codes may end in a space.
        if line.startswith(_QR):
            shown = client.decide_qr(line.rstrip("\r\n").removeprefix(_QR))
            out.write({"event": "decision", "frame": None, **_line(_counted(client, shown))})
            continue
        name = line.strip()
        if name.startswith(_PIN) and shown is not None:
            decision = client.resolve(shown, _COUNT_S, pin=name.removeprefix(_PIN))
            out.write({"event": "decision", "frame": None, **_line(decision)})
            shown = None
            continue
        if not name:
            continue
        shown_name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        try:
            picture = Path(name).read_bytes()
        except (OSError, ValueError) as error:
            detail = error.strerror if isinstance(error, OSError) else "no file has such a name"
            out.write({"event": "error", "frame": shown_name, "code": "unreadable-file", "detail": detail})
            continue
        out.write({"event": "decision", "frame": shown_name, **answer(client, picture)})


def _counted(client: GateClient, decision: Decision) -> Decision:
    return client.resolve(decision, _COUNT_S) if decision.reason is Reason.USE_UNCOUNTED else decision


def _decide(client: GateClient, picture: bytes) -> dict[str, Any]:
    return _line(client.decide(picture))


def _observe(client: GateClient, picture: bytes) -> dict[str, Any]:
    decision = client.observe(picture)
    return {"outcome": None, "allowed": False} if decision is None else _line(decision)


def _line(decision: Decision) -> dict[str, Any]:
    line: dict[str, Any] = msgspec.to_builtins(decision)
    # On these lines "event" says what a line is; the event's number goes by its own name.
    line["seq"] = line.pop("event")
    return {**line, "allowed": decision.allowed}


class _Lines:
    """JSON lines to a stream, whole and at once, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, line: dict[str, Any]) -> None:
        """Write one object and flush it."""
        text = msgspec.json.encode(line).decode()
        with self._lock:
            self._stream.write(text + "\n")
            self._stream.flush()
