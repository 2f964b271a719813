"""The photograph's check while the person waits: over HTTP, beside the pipeline alone on the same bytes."""

import io
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import numpy as np
from PIL import Image
from skimage import data

from backend.enrolment.faces import check_photo
from bench.box import Household, access_token
from bench.measure import Figure, Tell, Times
from gate_sdk.face import FaceEngine, ModelPack

__all__ = ["phones_at_once", "photo_check", "twelve_megapixels"]

_RUNS = 40
_ROUNDS = 4
_P50_BAR_MS = 250.0
_P99_BAR_MS = 800.0
_WIDTH, _HEIGHT = 4000, 3000
# Of a phone's sensor in a lit room; without it the file would be a fifth of a real one and as much faster to decode.
_NOISE = 4.0


def photo_check(home: Household, section: str, tell: Tell) -> Figure:
    """One person takes the same picture again and again, three slots in turn."""
    tell("photo check over HTTP, 12 MP")
    photo = twelve_megapixels()
    engine = FaceEngine(ModelPack.load())
    tenant = home.tenant
    tenant.consent()
    address = f"/enrolments/{tenant.call('POST', '/enrolments', {})['enrolment_id']}/photos"

    def over_http(run: int) -> None:
        tenant.call("PUT", f"{address}/{run % 3 + 1}", content=photo, headers={"Content-Type": "image/jpeg"})

    def alone(_: int) -> None:
        check_photo(engine, photo, "image/jpeg")

    http, pipeline = _in_turns((over_http, alone))
    return Figure(
        section=section, name="photo check over HTTP, 12 MP JPEG", value=http.median_ms, unit="ms",
        detail=f"p99 {http.p99_ms:.0f} ms, {len(photo) / 1e6:.1f} MB, {http.runs} runs",
        beside=f"pipeline alone {pipeline.median_ms:.0f} ms", ratio=http.median_ms / pipeline.median_ms,
        bar=f"p50 ≤ {_P50_BAR_MS:.0f} ms, p99 ≤ {_P99_BAR_MS:.0f} ms",
        met=http.median_ms <= _P50_BAR_MS and http.p99_ms <= _P99_BAR_MS,
    )  # fmt: skip


def phones_at_once(homes: Sequence[Household], url: str, section: str, tell: Tell) -> Iterator[Figure]:
    """People of as many homes send a picture at the same moment, again and again; then each four at once: too many.

    A phone that is told to wait does so, and the time until its picture was taken counts whole.
    """
    phones = len(homes)
    tell(f"photo check with {phones} phones at once")
    photo = twelve_megapixels()
    waiting = [_Phone(home, url) for home in homes]
    with ThreadPoolExecutor(4 * phones) as threads:
        begin = time.perf_counter()
        taken = [one for many in threads.map(lambda phone: phone.take(photo, _ROUNDS), waiting) for one in many]
        seconds = time.perf_counter() - begin
        times = Times.of([one.seconds for one in taken])
        busy = sum(one.turned_away for one in taken)
        yield Figure(
            section=section, name=f"photo check, {phones} phones at once, 12 MP", value=times.median_ms, unit="ms",
            detail=f"p99 {times.p99_ms:.0f} ms, {len(taken) / seconds:.1f} photographs/s, told to wait {busy} times in "
            f"{len(taken)}",
        )  # fmt: skip
        tell("more than there is room for")
        answers = list(threads.map(lambda phone: phone.once(photo), 4 * waiting))
    served, refused = answers.count(200), answers.count(503)
    yield Figure(
        section=section, name=f"{len(answers)} photographs at the same moment", value=served, unit="taken",
        detail=f"503 with Retry-After: {refused}; anything else: {len(answers) - served - refused}",
        bar="nothing but 200 and 503", met=served + refused == len(answers) and served > 0,
    )  # fmt: skip


class _Taken(msgspec.Struct, frozen=True):
    """A picture that was taken after all; how often the phone was told to come back."""

    seconds: float
    turned_away: int


class _Phone:
    """One person's phone, with a connection of its own."""

    def __init__(self, home: Household, url: str) -> None:
        home.tenant.consent()
        enrolment_id = home.tenant.call("POST", "/enrolments", {})["enrolment_id"]
        self._address = f"{url}/resident/v1/enrolments/{enrolment_id}/photos"
        self._headers = {"Authorization": f"Bearer {access_token(home.tenant)}", "Content-Type": "image/jpeg"}
        self._slots = 0
        self._lock = threading.Lock()

    def take(self, photo: bytes, times: int) -> list[_Taken]:
        taken = []
        for _ in range(times):
            begin, turned_away = time.perf_counter(), 0
            while (answer := self._send(photo)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
                turned_away += 1
                time.sleep(float(answer.headers["Retry-After"]))
            answer.raise_for_status()
            taken.append(_Taken(time.perf_counter() - begin, turned_away))
        return taken

    def once(self, photo: bytes) -> int:
        answer = self._send(photo)
        return answer.status_code if answer.is_success or "Retry-After" in answer.headers else 0

    def _send(self, photo: bytes) -> httpx.Response:
        with self._lock:
            self._slots += 1
            slot = self._slots % 3 + 1
        return httpx.put(f"{self._address}/{slot}", content=photo, headers=self._headers, timeout=60, trust_env=False)


def twelve_megapixels() -> bytes:
    """The free portrait that scikit-image ships as a phone's picture of 4000×3000: its face is 900 pixels wide."""
    portrait = Image.fromarray(data.astronaut()[:384])  # type: ignore[no-untyped-call]  # scikit-image has no types
    picture = np.asarray(portrait.resize((_WIDTH, _HEIGHT), Image.Resampling.BICUBIC), dtype=np.float32)
    noise = np.random.default_rng(1).standard_normal(picture.shape, dtype=np.float32) * _NOISE
    buffer = io.BytesIO()
    Image.fromarray(np.clip(picture + noise, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _in_turns(works: tuple[Callable[[int], None], ...]) -> list[Times]:
    seconds: tuple[list[float], ...] = tuple([] for _ in works)
    for run in range(-2, _RUNS):
        for work, times in zip(works, seconds, strict=True):
            begin = time.perf_counter()
            work(run)
            if run >= 0:
                times.append(time.perf_counter() - begin)
    return [Times.of(times) for times in seconds]
