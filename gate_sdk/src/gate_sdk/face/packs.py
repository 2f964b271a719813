"""Model packs in the cache directory: found, checked, added, never half written.

A pack is a folder `<cache>/<id>` with `manifest.json` and the model files. Folders appear by rename only.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gate_sdk.face.default_pack import DEFAULT_MANIFEST
from gate_sdk.face.errors import PackDamaged, PackError, PackInvalid, PackMissing
from gate_sdk.face.manifest import Calibration, Manifest, ModelFile, read_manifest, write_manifest

#: The pack that `doorward-gate models install` builds.
DEFAULT_PACK = DEFAULT_MANIFEST.id
MANIFEST_FILE = "manifest.json"
#: A liveness model of the deployment's own beside the pack; see `liveness.py`.
LIVENESS_FILE = "liveness.json"
LIVENESS_MODEL_FILE = "liveness.onnx"
#: No model of a gate is larger; it bounds what a foreign folder can make us read.
_MAX_FILE_BYTES = 1 << 30


def cache_directory() -> Path:
    """Tell where packs live: DOORWARD_MODELS, or the platform's cache directory."""
    named = os.environ.get("DOORWARD_MODELS")
    if named:
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "doorward" / "models"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "doorward" / "models"


class ModelPack(msgspec.Struct, frozen=True):
    """An installed pack.

    Attributes:
        manifest: what it says of itself.
        folder: where its files are.
    """

    manifest: Manifest
    folder: Path

    @property
    def id(self) -> str:
        """The pack's name; a template always carries it."""
        return self.manifest.id

    @property
    def dims(self) -> int:
        """Length of an embedding."""
        return self.manifest.dims

    @property
    def floor(self) -> float:
        """The smallest cosine at which this pack may decide."""
        return self.manifest.floor

    @property
    def calibration(self) -> Calibration:
        """What is known of the pack's scores."""
        return self.manifest.calibration

    @classmethod
    def load(cls, pack_id: str = DEFAULT_PACK, *, cache: Path | None = None) -> ModelPack:
        """Find an installed pack.

        Only the manifest is read; the files are checked when they are read, so that bytes cannot change between
        check and use.

        Args:
            pack_id: its name.
            cache: where packs live; `cache_directory()` without it.

        Raises:
            PackMissing: it is not installed, or a file is not there.
            PackInvalid: its manifest breaks a rule.
            PackDamaged: its manifest names another pack.
        """
        folder = (cache or cache_directory()) / pack_id
        try:
            manifest = read_manifest((folder / MANIFEST_FILE).read_bytes())
        except OSError as error:
            raise PackMissing(f"pack {pack_id!r} is not installed in {folder.parent}") from error
        if manifest.id != pack_id:
            raise PackDamaged(f"the manifest in {folder} is of pack {manifest.id!r}")
        if pack_id == DEFAULT_PACK:
            # The default pack's hashes come with the SDK: whoever changes a file and the manifest beside it is found.
            manifest = DEFAULT_MANIFEST
        for model in manifest.files:
            if not (folder / model.file).is_file():
                raise PackMissing(f"file {model.file} of pack {pack_id!r} is not in {folder}")
        return cls(manifest=manifest, folder=folder)

    def read(self, model: ModelFile) -> bytes:
        """Read one of the pack's files and check its hash.

        Raises:
            PackMissing: the file is not there.
            PackDamaged: its hash is not the manifest's.
        """
        return read_checked(self.folder / model.file, model.sha256)

    def verify(self) -> None:
        """Check every file's hash.

        Raises:
            PackMissing: a file is not there.
            PackDamaged: a file's hash is not the manifest's.
        """
        for model in self.manifest.files:
            self.read(model)


def read_checked(path: Path, sha256: str) -> bytes:
    """Read a file whose hash is known.

    Raises:
        PackMissing: it is not there.
        PackDamaged: it is another file.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise PackDamaged(f"{path.name}: larger than any model")
        data = path.read_bytes()
    except OSError as error:
        raise PackMissing(f"{path.name} cannot be read from {path.parent}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise PackDamaged(f"{path.name}: sha256 is {found}, expected {sha256}")
    return data


def installed(cache: Path | None = None) -> list[str]:
    """List the names of the installed packs, sorted."""
    root = cache or cache_directory()
    return sorted(path.parent.name for path in root.glob(f"[!.]*/{MANIFEST_FILE}"))


def read_folder(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Read a pack from a folder outside the cache and check its hashes.

    Raises:
        PackMissing: manifest or a file is not there.
        PackInvalid: the manifest breaks a rule, or takes the default pack's name.
        PackDamaged: a file's hash is not the manifest's.
    """
    try:
        manifest = read_manifest((folder / MANIFEST_FILE).read_bytes())
    except OSError as error:
        raise PackMissing(f"{MANIFEST_FILE} cannot be read from {folder}") from error
    if manifest.id == DEFAULT_PACK and manifest != DEFAULT_MANIFEST:
        raise PackInvalid(f"the name {DEFAULT_PACK!r} is the default pack's")
    return manifest, {model.file: read_checked(folder / model.file, model.sha256) for model in manifest.files}


def store(manifest: Manifest, files: Mapping[str, bytes], *, cache: Path | None = None) -> ModelPack:
    """Put a pack into the cache, whole or not at all.

    Two processes may do so at once: the first rename wins and the other accepts what it finds, if it is whole.

    Args:
        manifest: of the pack.
        files: bytes by file name; their hashes are checked.
        cache: where packs live; `cache_directory()` without it.

    Raises:
        PackDamaged: a file is not the one the manifest names.
        PackError: the cache cannot be written.
    """
    for model in manifest.files:
        found = hashlib.sha256(files[model.file]).hexdigest()
        if found != model.sha256:
            raise PackDamaged(f"{model.file}: sha256 is {found}, expected {model.sha256}")
    root = cache or cache_directory()
    target = root / manifest.id
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{manifest.id}-", dir=root) as work:
            fresh = Path(work) / "new"
            fresh.mkdir()
            for name, data in {**files, MANIFEST_FILE: write_manifest(manifest)}.items():
                write_durably(fresh / name, data)
            _replace(fresh, target, Path(work) / "old", manifest)
            _sync_directory(root)
    except OSError as error:
        raise PackError(f"the pack cannot be written to {root}: {error.strerror}") from error
    return ModelPack.load(manifest.id, cache=root)


def _replace(fresh: Path, target: Path, aside: Path, manifest: Manifest) -> None:
    try:
        fresh.rename(target)
        return
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    try:
        whole = ModelPack.load(manifest.id, cache=target.parent)
        whole.verify()
        if whole.manifest == manifest:
            return
    except PackError:
        pass  # damaged, or an older edition: replaced below
    for name in (LIVENESS_MODEL_FILE, LIVENESS_FILE):
        # The deployment's own, and no part of the pack: a gate that requires it must start with the new edition too.
        if (target / name).is_file():
            write_durably(fresh / name, (target / name).read_bytes())
    target.rename(aside)
    fresh.rename(target)


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that it is on the disk when this returns."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    path.chmod(0o644)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
