"""A vendor's key provider that fails as drivers fail, or gives what is no key."""

from pathlib import Path

import pytest

from gate_sdk import GateClient, Reason, StorageError
from gate_sdk.keys import FileKeyProvider
from gate_sdk.testing import FakeBackend
from gate_sdk.testing import synthetic as syn
from gate_sdk.testing.synthetic import SyntheticRecognition
from gate_sdk.wire import FramePolicy


class Driver(FileKeyProvider):
    """Raises what no SDK has heard of for the names in ``busy``; gives half of those in ``cut``."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.busy: set[str] = set()
        self.cut: set[str] = set()

    def load(self, name: str) -> bytes | None:
        self._answer(name)
        key = super().load(name)
        return key[:16] if key is not None and name in self.cut else key

    def create(self, name: str) -> bytes:
        self._answer(name)
        return super().create(name)[: 16 if name in self.cut else None]

    def destroy(self, name: str) -> None:
        self._answer(name)
        super().destroy(name)

    def _answer(self, name: str) -> None:
        if name in self.busy:
            raise RuntimeError("TPM_RC_RETRY")


@pytest.fixture
def driver(backend: FakeBackend, gate_dir: Path) -> Driver:
    driver = Driver(gate_dir / "keys")
    GateClient.provision(
        "https://fake.test", backend.claim(), data_dir=gate_dir, keys=driver, transport=backend.transport
    ).close()
    return driver


def opened(backend: FakeBackend, gate_dir: Path, driver: Driver) -> GateClient:
    return GateClient(gate_dir, keys=driver, transport=backend.transport, recognition=SyntheticRecognition())


@pytest.mark.parametrize("how", ["busy", "cut"])
@pytest.mark.parametrize("name", ["roster", "outbox", "codes", "frames"])
def test_driver_of_the_keys_that_fails_keeps_nobody_outside(
    name: str, how: str, backend: FakeBackend, gate_dir: Path, driver: Driver
) -> None:
    who = backend.add_person(syn.template(1))
    card = backend.issue_card(who, "2468")
    backend.keep_denied_frames(FramePolicy(hours=1, until_us=backend.roster.now_us() + 3_600_000_000))
    (driver.busy if how == "busy" else driver.cut).add(name)
    with opened(backend, gate_dir, driver) as gate:
        gate.start(wait=1)
        assert backend.wait_for(lambda: backend.requests["sync"] >= 2, 60)
        assert gate.decide(syn.frame(1)).allowed
        assert gate.decide(syn.frame(77)).reason is Reason.UNKNOWN
        assert gate.decide_qr(card, pin="2468").allowed
        driver.busy, driver.cut = set(), set()
        assert gate.decide(syn.frame(1)).event is not None
        assert backend.wait_for(lambda: len(backend.events) >= 4, 60)


def test_pictures_key_that_does_not_answer_does_not_stop_the_sync(
    backend: FakeBackend, gate_dir: Path, driver: Driver
) -> None:
    driver.busy = {"frames"}
    with opened(backend, gate_dir, driver) as gate:
        assert gate.start(wait=60)


@pytest.mark.parametrize("how", ["busy", "cut"])
def test_device_s_own_key_that_does_not_answer_is_said_with_a_remedy(
    how: str, backend: FakeBackend, gate_dir: Path, driver: Driver
) -> None:
    (driver.busy if how == "busy" else driver.cut).add("device")
    with pytest.raises(StorageError, match="the key 'device'") as refused:
        opened(backend, gate_dir, driver)
    assert "key provider" in refused.value.remedy
    assert "TPM" not in str(refused.value)
    driver.busy, driver.cut = set(), set()
    opened(backend, gate_dir, driver).close()
