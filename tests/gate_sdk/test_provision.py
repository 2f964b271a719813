import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gate_sdk import (
    AlreadyProvisionedError,
    DeviceKeyUnreadableError,
    EnvironmentKeyProvider,
    FileKeyProvider,
    GateClient,
    InsecureUrlError,
    LivenessMissingError,
    NotProvisionedError,
    ProvisionRefusedError,
    UnavailableError,
    UnreachableError,
    UnreadableAnswerError,
)
from gate_sdk._http import MAX_ANSWER_BYTES
from gate_sdk._problems import raise_problem
from gate_sdk.testing import FakeBackend, Request, Response
from gate_sdk.testing.http import MemoryTransport
from tests.gate_sdk.conftest import OpenGate

URL = "https://fake.test"


def test_provisioned_gate_knows_who_it_is(backend: FakeBackend, gate_dir: Path) -> None:
    with GateClient.provision(URL + "/", backend.claim(), data_dir=gate_dir, transport=backend.transport) as gate:
        status = gate.status()
    assert (status.community_id, status.name, status.url) == (backend.roster.community, "Front gate", URL)


def test_secrets_on_disk_are_private_and_sealed(backend: FakeBackend, gate_dir: Path) -> None:
    GateClient.provision(URL, backend.claim(), data_dir=gate_dir, transport=backend.transport).close()
    files = [path for path in gate_dir.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"identity.sealed", "device.key", "roster.key", "outbox.key", "roster.db"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in files if not path.name.endswith(("-wal", "-shm")))
    assert gate_dir.stat().st_mode & 0o077 == 0
    assert not any(b"SQLite format 3" in path.read_bytes() for path in files)
    assert b"fake.test" not in (gate_dir / "identity.sealed").read_bytes()


def test_wrong_claim_code_is_refused_and_can_be_tried_again(backend: FakeBackend, gate_dir: Path) -> None:
    with pytest.raises(ProvisionRefusedError):
        GateClient.provision(URL, "wrong", data_dir=gate_dir, transport=backend.transport)
    GateClient.provision(URL, backend.claim(), data_dir=gate_dir, transport=backend.transport).close()


def test_used_claim_code_makes_no_second_gate(backend: FakeBackend, tmp_path: Path) -> None:
    code = backend.claim()
    GateClient.provision(URL, code, data_dir=tmp_path / "one", transport=backend.transport).close()
    with pytest.raises(ProvisionRefusedError):
        GateClient.provision(URL, code, data_dir=tmp_path / "two", transport=backend.transport)


def test_lost_answer_is_repaired_by_the_same_call(backend: FakeBackend, gate_dir: Path) -> None:
    code = backend.claim()
    backend.lose_answer("provision")
    with pytest.raises(UnreachableError):
        GateClient.provision(URL, code, data_dir=gate_dir, transport=backend.transport)
    GateClient.provision(URL, code, data_dir=gate_dir, transport=backend.transport).close()
    assert not (gate_dir / "pending.sealed").exists()


def test_second_gate_in_one_directory_is_refused(backend: FakeBackend, gate_dir: Path) -> None:
    GateClient.provision(URL, backend.claim(), data_dir=gate_dir, transport=backend.transport).close()
    with pytest.raises(AlreadyProvisionedError):
        GateClient.provision(URL, backend.claim(), data_dir=gate_dir, transport=backend.transport)


@pytest.mark.parametrize("url", ["http://gate.example", "http://192.168.1.5:8000"])
def test_plain_http_on_a_network_is_refused(url: str, gate_dir: Path) -> None:
    with pytest.raises(InsecureUrlError):
        GateClient.provision(url, "code", data_dir=gate_dir)


@pytest.mark.parametrize(
    "url", ["", "gate.example", "ftp://gate.example", "https://", "https://[", "https://gate.example:port"]
)
def test_no_address_is_refused(url: str, gate_dir: Path) -> None:
    with pytest.raises(UnreachableError):
        GateClient.provision(url, "code", data_dir=gate_dir)


def test_login_page_of_the_network_is_not_mistaken_for_a_server(gate_dir: Path) -> None:
    def portal(_: Request) -> Response:
        return Response(200, b"<html>please log in</html>")

    with pytest.raises(UnreadableAnswerError):
        GateClient.provision(URL, "code", data_dir=gate_dir, transport=MemoryTransport(portal, lambda: None))


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_answer_without_end_does_not_fill_the_memory(encoding: str, gate_dir: Path) -> None:
    told = 0

    class Endless(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal told
            compressor = zlib.compressobj(wbits=31)
            zeros = bytes(1 << 20)
            for _ in range(100):
                told += len(zeros)
                yield (
                    zeros
                    if encoding == "identity"
                    else compressor.compress(zeros) + compressor.flush(zlib.Z_SYNC_FLUSH)
                )

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": encoding}, stream=Endless())

    with pytest.raises(UnreadableAnswerError, match="longer"):
        GateClient.provision(URL, "code", data_dir=gate_dir, transport=httpx.MockTransport(answer))
    assert told <= MAX_ANSWER_BYTES + (1 << 20)


def test_compressed_answer_is_read(backend: FakeBackend, gate_dir: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        plain = backend.transport.handle_request(request)
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(plain.read()))

    GateClient.provision(URL, backend.claim(), data_dir=gate_dir, transport=httpx.MockTransport(answer)).close()


@pytest.mark.parametrize(
    "said, seconds",
    [
        (None, None),
        ("7", 7.0),
        ("-3", 0.0),
        ("soon", None),
        ("Mon, 99 Foo 2026", None),
        ("", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_or_left(said: str | None, seconds: float | None) -> None:
    headers = {} if said is None else {"Retry-After": said}
    with pytest.raises(UnavailableError) as caught:
        raise_problem(httpx.Response(503, headers=headers))
    assert caught.value.retry_after == seconds


def test_empty_directory_is_no_gate(tmp_path: Path) -> None:
    with pytest.raises(NotProvisionedError):
        GateClient(tmp_path)


def test_unattended_gate_without_liveness_does_not_start(open_gate: OpenGate) -> None:
    with pytest.raises(LivenessMissingError, match="picture"):
        open_gate(unattended=True)
    with pytest.raises(LivenessMissingError):
        open_gate(liveness="required")


def test_who_says_that_pictures_may_open_runs_unattended_without_a_model(open_gate: OpenGate) -> None:
    assert open_gate(unattended=True, liveness="off").status().gate_id


def test_a_misspelt_setting_does_not_pass_for_off(open_gate: OpenGate) -> None:
    with pytest.raises(ValueError, match="required"):
        open_gate(liveness="Off")


@pytest.mark.parametrize("change", ["flip", "truncate", "key", "no-key"])
def test_changed_identity_is_refused(change: str, open_gate: OpenGate, gate_dir: Path) -> None:
    open_gate().close()
    sealed, key = gate_dir / "identity.sealed", gate_dir / "keys" / "device.key"
    if change == "flip":
        content = bytearray(sealed.read_bytes())
        content[20] ^= 1
        sealed.write_bytes(bytes(content))
    elif change == "truncate":
        sealed.write_bytes(sealed.read_bytes()[:5])
    elif change == "key":
        key.write_bytes(bytes(32))
    else:
        key.unlink()
    with pytest.raises(DeviceKeyUnreadableError):
        open_gate()
    assert (gate_dir / "roster.db").exists()


class TestKeyProviders:
    def test_file_keys_are_random_private_and_destroyed(self, tmp_path: Path) -> None:
        keys = FileKeyProvider(tmp_path / "keys")
        assert keys.load("roster") is None
        first = keys.create("roster")
        assert len(first) == 32
        assert keys.load("roster") == first
        assert (tmp_path / "keys" / "roster.key").stat().st_mode & 0o777 == 0o600
        assert keys.create("roster") != first
        keys.destroy("roster")
        keys.destroy("roster")
        assert keys.load("roster") is None

    def test_environment_keys_need_both_the_secret_and_the_salt(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOORWARD_GATE_SECRET", "a" * 64)
        keys = EnvironmentKeyProvider(tmp_path)
        first = keys.create("roster")
        assert EnvironmentKeyProvider(tmp_path).load("roster") == first
        assert first not in (tmp_path / "roster.key").read_bytes()
        assert keys.create("outbox") != first
        monkeypatch.setenv("DOORWARD_GATE_SECRET", "b" * 64)
        assert EnvironmentKeyProvider(tmp_path).load("roster") != first
        keys.destroy("roster")
        assert keys.load("roster") is None

    def test_environment_without_a_secret_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOORWARD_GATE_SECRET", "short")
        with pytest.raises(DeviceKeyUnreadableError, match="DOORWARD_GATE_SECRET"):
            EnvironmentKeyProvider(tmp_path)

    def test_wrong_secret_costs_the_gate_nothing(
        self, backend: FakeBackend, gate_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DOORWARD_GATE_SECRET", "a" * 64)
        keys = EnvironmentKeyProvider(gate_dir / "keys")
        GateClient.provision(URL, backend.claim(), data_dir=gate_dir, keys=keys, transport=backend.transport).close()
        before = (gate_dir / "roster.db").read_bytes()
        monkeypatch.setenv("DOORWARD_GATE_SECRET", "b" * 64)
        with pytest.raises(DeviceKeyUnreadableError):
            GateClient(gate_dir, keys=EnvironmentKeyProvider(gate_dir / "keys"))
        assert (gate_dir / "roster.db").read_bytes() == before
        GateClient(gate_dir, keys=keys).close()
