"""``kill -9`` of the API while it stores pictures of denied approaches: nothing unsealed, and nothing that stays."""

import io
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gate_sdk import GateClient
from gate_sdk.errors import GateError
from gate_sdk.wire import DeniedFrame, Reason
from tests.backend.upkeep.living import LivingBox, until
from tests.backend.upkeep.needles import files_under, found_in, of_photo

pytestmark = pytest.mark.deep


def noise(seed: int) -> bytes:
    """A picture like none other, as a gate sends one."""
    encoded = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (240, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(encoded, "JPEG", quality=60)
    return encoded.getvalue()


def processes_of_the_api(box: LivingBox) -> Iterator[int]:
    """The box's own processes that serve the API, children of a server included."""
    named = f"DOORWARD_DATA_DIR={box.data_dir}".encode()
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            if b"api" in command and named in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except (OSError, ValueError):
            continue


class Sender(threading.Thread):
    """A gate that hands over one picture after the other until nobody answers."""

    def __init__(self, gate: GateClient, pictures: list[bytes], first: int) -> None:
        super().__init__(daemon=True)
        self._gate, self._pictures, self._first = gate, pictures, first
        self.kept = 0

    def run(self) -> None:
        for number, jpeg in enumerate(self._pictures * 1000, start=self._first):
            frame = DeniedFrame(
                store_epoch=1, seq=number, at_us=time.time_ns() // 1000, reason=Reason.UNKNOWN, jpeg=jpeg
            )
            try:
                self.kept += self._gate._transport.hand_over(frame)
            except GateError:
                return


def objects_of(box: LivingBox) -> list[Path]:
    # By `walk`, which bears that the store makes and removes folders meanwhile.
    return [Path(folder) / name for folder, _, names in os.walk(box.data_dir / "objects" / "denied") for name in names]


def cut_off(box: LivingBox, pictures: list[bytes], first: int, generator: random.Random) -> None:
    """Kill the API somewhere while a gate hands over one picture after the other."""
    gate = GateClient(box.gate_dir)
    try:
        sender = Sender(gate, pictures, first)
        enough = len(objects_of(box)) + generator.randrange(3, 20)
        sender.start()
        until(lambda: len(objects_of(box)) >= enough, "pictures are stored")
        time.sleep(generator.random() / 20)
        killed = [*processes_of_the_api(box)]
        assert killed
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        sender.join(60)
        assert not sender.is_alive()
        assert sender.kept > 0
    finally:
        gate.close()


def test_kill_9_of_the_api_while_it_stores_denied_pictures_leaves_nothing_unsealed_and_nothing_that_stays(
    tmp_path: Path,
) -> None:
    box = LivingBox(tmp_path)
    pictures = [noise(seed) for seed in range(4)]
    needles = {
        name: needle for seed, jpeg in enumerate(pictures) for name, needle in of_photo(f"picture {seed}", jpeg).items()
    }
    generator = random.Random(7)
    policy = ""
    for turn in range(2):
        with box.running():
            if turn == 0:
                box.found()
                policy = f"/communities/{box.community}/denied-frames/policy"
                box.manager.call("PUT", policy, {"purpose": "wrong_refusals", "hours": 12, "days": 1})
            cut_off(box, pictures, 1_000_000 * (turn + 1), generator)
            box.query("CHECKPOINT")
            master = box.data_dir / "master.key"
            searched = list(files_under(tmp_path, but=[master]))
            for kind in ("objects/denied/", "pg_wal/0", "logs/api.log"):
                assert [path for path in searched if kind in path.as_posix()], kind
            assert found_in(searched, needles) == {}
    with box.running():
        # What interrupted writers left is swept at the start; what is there is a picture that somebody may look at, or
        # one that is named and goes with its time.
        assert list((box.data_dir / "objects" / ".incoming").iterdir()) == []
        rows = {str(row["frame_id"]) for row in box.query("SELECT frame_id FROM denied_frame")}
        assert {path.name.rstrip("@") for path in objects_of(box)} <= rows
        box.log_in()
        box.manager.call("DELETE", policy)
        until(lambda: not objects_of(box), "the worker has removed them")
        until(lambda: not box.query("SELECT 1 FROM denied_frame"), "and their rows")
        until(lambda: not box.query("SELECT 1 FROM denied_frame_key"), "and their keys")
        assert found_in(files_under(tmp_path, but=[box.data_dir / "master.key"]), needles) == {}
