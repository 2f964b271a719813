"""`doorward-gate evaluate`: measures a pack on photographs of known people."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    evaluate = subparsers.add_parser(
        "evaluate",
        help="measure a model pack on photographs of known people",
        description="Measures identification and verification in the terms of ISO/IEC 19795-1. People with more than "
        "--enrol photographs are enrolled with the first ones and tried with the others; people with no more are the "
        "strangers. Photographs are taken in the order of their names.",
    )
    what = evaluate.add_mutually_exclusive_group(required=True)
    what.add_argument("folder", type=Path, metavar="DIR", nargs="?", help="DIR/PERSON/PHOTO.jpg")
    what.add_argument(
        "--pad",
        type=Path,
        metavar="DIR",
        help="measure the pack's liveness model instead (ISO/IEC 30107-3): DIR/live and DIR/attack hold pictures, or "
        "folders of one presentation's frames",
    )
    evaluate.add_argument("--enrol", type=int, default=3, metavar="N", help="photographs in a template (default 3)")
    evaluate.add_argument("--frames", type=int, default=1, metavar="N", help="photographs in a probe (default 1)")
    evaluate.add_argument("--groups", type=Path, metavar="CSV", help="person,group: report rates within groups")
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write the report as JSON")
    evaluate.add_argument("--pack", metavar="ID", help="model pack (default: the default pack)")
    evaluate.add_argument("--cache", type=Path, metavar="DIR", help="where packs live")
    evaluate.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    try:
        from gate_sdk.face.engine import FaceEngine  # noqa: PLC0415 - numpy and ONNX Runtime only here
        from gate_sdk.face.errors import FaceError  # noqa: PLC0415 - as the first
        from gate_sdk.face.evaluation import report, run  # noqa: PLC0415 - as the first
        from gate_sdk.face.packs import DEFAULT_PACK, ModelPack  # noqa: PLC0415 - as the first
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: pip install 'doorward-gate[face]'", file=sys.stderr)
        return 1
    try:
        if options.pad:
            return _pad(options)
        groups = run.read_groups(options.groups) if options.groups else None
        engine = FaceEngine(ModelPack.load(options.pack or DEFAULT_PACK, cache=options.cache))
        made = run.evaluate(
            options.folder,
            engine,
            enrol=options.enrol,
            frames=options.frames,
            groups=groups,
            progress=_Progress(),
        )
        if options.json:
            run.write_json(made, options.json)
    except FaceError as error:
        print(f"{error.code}: {error}\n{error.remedy}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(report.as_text(made))
    return 0


def _pad(options: argparse.Namespace) -> int:
    from gate_sdk.face.engine import FaceEngine  # noqa: PLC0415 - numpy and ONNX Runtime only here
    from gate_sdk.face.errors import PackMissing  # noqa: PLC0415 - as the first
    from gate_sdk.face.evaluation import pad, run  # noqa: PLC0415 - as the first
    from gate_sdk.face.liveness import LivenessModel  # noqa: PLC0415 - as the first
    from gate_sdk.face.packs import DEFAULT_PACK, ModelPack  # noqa: PLC0415 - as the first

    pack = ModelPack.load(options.pack or DEFAULT_PACK, cache=options.cache)
    liveness = LivenessModel.load(pack)
    if liveness is None:
        raise PackMissing(f"no liveness model lies beside {pack.id}: see `doorward-gate models liveness`")
    made = pad.evaluate_pad(options.pad, FaceEngine(pack), liveness, progress=_Progress())
    if options.json:
        run.write_json(made, options.json)
    print(pad.pad_as_text(made))
    return 0


class _Progress:
    """Says how far a long run is: at most once a second on a terminal, every ten seconds in a log."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._pause = 1.0 if self._terminal else 10.0
        self._next = time.monotonic() + self._pause

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next and (done < total or not self._terminal):
            return
        self._next = now + self._pause
        end = "\n" if done == total or not self._terminal else "\r"
        print(f"{done} of {total} photographs", end=end, file=sys.stderr, flush=True)
