"""Master keys in a file and in a key service: the same contract, and each one's own failures."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.keys.errors import KeyServiceUnavailable, MasterKeyRefused, WrappingRefused
from backend.keys.kms import AwsKmsKeyWrapper
from backend.keys.wrapping import FileKeyWrapper, KeyWrapper, MovingKeyWrapper
from tests.backend.keys.kms_server import KeyService, serving
from tests.backend.keys.wrapping_contract import KeyWrapperContract


@pytest.fixture
def service() -> Iterator[KeyService]:
    with serving() as running:
        yield running


def kms(service: KeyService, key_id: str, *, url: str | None = None, timeout_s: float = 5.0) -> AwsKmsKeyWrapper:
    return AwsKmsKeyWrapper(
        key_id,
        endpoint_url=url or service.url,
        region="eu-central-1",
        access_key_id="test",
        secret_access_key="test",
        timeout_s=timeout_s,
        attempts=2,
    )


class TestFile(KeyWrapperContract):
    @pytest.fixture
    def wrapper(self, tmp_path: Path) -> KeyWrapper:
        return FileKeyWrapper(tmp_path / "master.key")

    @pytest.fixture
    def stranger(self, tmp_path: Path) -> KeyWrapper:
        return FileKeyWrapper(tmp_path / "other.key")


class TestKms(KeyWrapperContract):
    @pytest.fixture
    async def wrapper(self, service: KeyService) -> AsyncIterator[KeyWrapper]:
        made = kms(service, service.new_key())
        yield made
        await made.close()

    @pytest.fixture
    async def stranger(self, service: KeyService) -> AsyncIterator[KeyWrapper]:
        made = kms(service, service.new_key())
        yield made
        await made.close()


@pytest.fixture
async def wrapper(service: KeyService) -> AsyncIterator[AwsKmsKeyWrapper]:
    made = kms(service, service.new_key())
    yield made
    await made.close()


async def test_the_context_reaches_the_key_service_and_its_audit_trail(
    wrapper: AwsKmsKeyWrapper, service: KeyService
) -> None:
    await wrapper.wrap(os.urandom(32), context="wrapping-key/a/1")
    assert service.contexts == [{"doorward": "wrapping-key/a/1"}]


async def test_a_failure_that_passes_is_tried_again(wrapper: AwsKmsKeyWrapper, service: KeyService) -> None:
    for failure in ((500, "KMSInternalException"), (503, "ServiceUnavailable"), (400, "ThrottlingException")):
        service.failures = [failure]
        await wrapper.wrap(os.urandom(32), context="secret/a")
        assert not service.failures


@pytest.mark.parametrize(
    "status,code",
    [(500, "KMSInternalException"), (500, "KeyUnavailableException"), (400, "ThrottlingException"), (502, "unknown")],
)
async def test_a_failure_that_goes_on_is_unavailability(
    wrapper: AwsKmsKeyWrapper, service: KeyService, status: int, code: str
) -> None:
    service.broken = (status, code)
    with pytest.raises(KeyServiceUnavailable) as refused:
        await wrapper.wrap(os.urandom(32), context="secret/a")
    assert refused.value.status == 503


@pytest.mark.parametrize("code", ["AccessDeniedException", "DisabledException", "KMSInvalidStateException"])
async def test_a_master_key_that_may_not_be_used_is_named_with_its_remedy(
    wrapper: AwsKmsKeyWrapper, service: KeyService, code: str
) -> None:
    service.broken = (400, code)
    with pytest.raises(MasterKeyRefused, match=f"{code}.*kms:Decrypt"):
        await wrapper.unwrap(os.urandom(60), context="secret/a")
    assert service.calls["Decrypt"] == 1


async def test_a_master_key_that_is_not_there(service: KeyService) -> None:
    nobody = kms(service, "alias/nobody")
    with pytest.raises(MasterKeyRefused, match="NotFoundException"):
        await nobody.wrap(os.urandom(32), context="secret/a")
    await nobody.close()


async def test_a_key_service_that_hangs_is_given_up_and_the_loop_goes_on(service: KeyService) -> None:
    hanging = kms(service, service.new_key(), timeout_s=0.2)
    service.answering.clear()
    waiting = asyncio.create_task(hanging.wrap(os.urandom(32), context="secret/a"))
    turns = 0
    while not waiting.done():
        turns += 1
        await asyncio.sleep(0.01)
    with pytest.raises(KeyServiceUnavailable, match="ReadTimeoutError"):
        await waiting
    assert turns > 5
    service.answering.set()
    await hanging.wrap(os.urandom(32), context="secret/a")
    await hanging.close()


async def test_a_key_service_that_is_not_there(service: KeyService) -> None:
    nowhere = kms(service, "key", url="http://127.0.0.1:1")
    with pytest.raises(KeyServiceUnavailable, match="EndpointConnectionError"):
        await nowhere.wrap(os.urandom(32), context="secret/a")
    await nowhere.close()


async def test_while_the_master_key_changes_both_unwrap_and_the_new_one_wraps(
    wrapper: AwsKmsKeyWrapper, tmp_path: Path
) -> None:
    file = FileKeyWrapper(tmp_path / "master.key")
    moving = MovingKeyWrapper(wrapper, previous=file)
    key = os.urandom(32)
    old = await file.wrap(key, context="secret/a")
    assert await moving.unwrap(old, context="secret/a") == key
    new = await moving.wrap(key, context="secret/a")
    assert await wrapper.unwrap(new, context="secret/a") == key
    with pytest.raises(WrappingRefused):
        await file.unwrap(new, context="secret/a")
    with pytest.raises(WrappingRefused):
        await moving.unwrap(new, context="secret/b")


def test_a_previous_master_key_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileKeyWrapper(tmp_path / "nowhere.key", make=False)
    assert not list(tmp_path.iterdir())
