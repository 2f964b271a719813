"""The S3 store against a real S3 server (SeaweedFS) on loopback: the same contract, versions, and failures."""

import asyncio
import os
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backend.kit.s3 import S3ObjectStore
from backend.kit.storage import ObjectMissing, StorageUnavailable
from tests.backend.kit.storage_contract import ObjectStoreContract, keys_of
from tests.backend.seaweed import ACCESS, SECRET, Seaweed, client
from tests.ports import free_port

pytestmark = pytest.mark.deep


@pytest.fixture(scope="module")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Seaweed(tmp_path_factory.mktemp("s3")) as server:
        yield server.url


@pytest.fixture
def bucket(s3_url: str) -> Iterator[str]:
    name = f"doorward-{uuid.uuid4()}"
    s3 = client(s3_url)
    try:
        s3.create_bucket(Bucket=name)
        yield name
        # Each bucket has volumes of its own here, and the server only so many: left behind, they fail later tests.
        with suppress(ClientError):
            empty(s3, name)
            s3.delete_bucket(Bucket=name)
    finally:
        s3.close()


def empty(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])


@pytest.fixture
async def store(s3_url: str, bucket: str) -> AsyncIterator[S3ObjectStore]:
    store = S3ObjectStore(
        bucket, endpoint_url=s3_url, region="us-east-1", access_key_id=ACCESS, secret_access_key=SECRET
    )
    yield store
    await store.close()


class TestS3ObjectStore(ObjectStoreContract):
    """With a bucket as it is made: without versions."""


class TestVersionedS3ObjectStore(ObjectStoreContract):
    """With versions, where an ordinary delete only hides."""

    @pytest.fixture(autouse=True)
    def _versioned(self, s3_url: str, bucket: str) -> None:
        s3 = client(s3_url)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.close()

    async def test_delete_leaves_no_version_and_no_marker(self, store: S3ObjectStore, s3_url: str, bucket: str) -> None:
        s3 = client(s3_url)
        try:
            for data in (b"one", b"two", b"three"):
                await store.put("people/1/photo", data)
            await asyncio.to_thread(s3.delete_object, Bucket=bucket, Key="people/1/photo")
            await store.put("people/1/photo", b"four")
            await asyncio.to_thread(s3.delete_object, Bucket=bucket, Key="people/1/photo")
            await store.put("people/1/photo-other", b"stays")
            before = await asyncio.to_thread(s3.list_object_versions, Bucket=bucket, Prefix="people/1/photo")
            assert len(before["Versions"]) == 5
            assert len(before["DeleteMarkers"]) == 2
            await store.delete("people/1/photo")
            after = await asyncio.to_thread(s3.list_object_versions, Bucket=bucket)
            assert [entry["Key"] for entry in after["Versions"]] == ["people/1/photo-other"]
            assert not after.get("DeleteMarkers")
        finally:
            s3.close()


async def test_more_than_one_call_takes_at_once_goes_with_every_version_and_marker(
    store: S3ObjectStore, s3_url: str, bucket: str
) -> None:
    s3 = client(s3_url)
    try:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        await store.put("people/1/hidden", b".")
        await asyncio.to_thread(s3.delete_object, Bucket=bucket, Key="people/1/hidden")
        await asyncio.gather(*(store.put(f"people/{n % 3}/{n}", b".") for n in range(1, 1_010)))
        assert await store.delete_under(["people/0/", "people/1/"]) == {"people/0/": 336, "people/1/": 338}
        after = await asyncio.to_thread(s3.list_object_versions, Bucket=bucket, Prefix="people/1/")
        assert not after.get("Versions")
        assert not after.get("DeleteMarkers")
        assert len(await keys_of(store, "people/")) == 336
        assert await store.delete_under(["people/2/"]) == {"people/2/": 336}
        assert await keys_of(store, "") == set()
    finally:
        s3.close()


async def test_what_the_store_refuses_to_remove_keeps_only_its_own_prefix(s3_url: str) -> None:
    bucket = f"locked-{uuid.uuid4()}"
    s3 = client(s3_url)
    store = S3ObjectStore(
        bucket, endpoint_url=s3_url, region="us-east-1", access_key_id=ACCESS, secret_access_key=SECRET
    )
    try:
        s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
        await store.put("people/1/a", b".")
        await store.put("people/2/a", b".")
        await store.put("people/2/b", b".")
        hold = {"Status": "ON"}
        await asyncio.to_thread(s3.put_object_legal_hold, Bucket=bucket, Key="people/2/a", LegalHold=hold)
        assert await store.delete_under(["people/1/", "people/2/"]) == {"people/1/": 1}
        assert await keys_of(store, "") == {"people/2/a"}
        with pytest.raises(StorageUnavailable):
            await store.delete("people/2/a")
        await asyncio.to_thread(s3.put_object_legal_hold, Bucket=bucket, Key="people/2/a", LegalHold={"Status": "OFF"})
        assert await store.delete_under(["people/2/"]) == {"people/2/": 1}
    finally:
        s3.close()
        await store.close()


async def test_objects_are_sealed_at_rest_when_asked(s3_url: str, bucket: str) -> None:
    store = S3ObjectStore(
        bucket,
        endpoint_url=s3_url,
        region="us-east-1",
        access_key_id=ACCESS,
        secret_access_key=SECRET,
        encryption="AES256",
    )
    s3 = client(s3_url)
    try:
        await store.put("a", b"x")
        head = await asyncio.to_thread(s3.head_object, Bucket=bucket, Key="a")
        assert head["ServerSideEncryption"] == "AES256"
        assert await store.get("a") == b"x"
    finally:
        s3.close()
        await store.close()


async def test_a_wrong_secret_and_a_missing_bucket_are_failures_and_not_missing_objects(
    s3_url: str, bucket: str
) -> None:
    for name, secret in ((bucket, "wrong"), ("no-such-bucket", SECRET)):
        store = S3ObjectStore(
            name, endpoint_url=s3_url, region="us-east-1", access_key_id=ACCESS, secret_access_key=secret
        )
        try:
            with pytest.raises(StorageUnavailable) as caught:
                await store.get("people/1/photo")
            assert "people" not in str(caught.value)
            with pytest.raises(StorageUnavailable):
                await store.exists("people/1/photo")
            with pytest.raises(StorageUnavailable):
                await store.delete("people/1/photo")
        finally:
            await store.close()


async def test_a_server_that_is_not_there_is_a_failure(bucket: str) -> None:
    store = S3ObjectStore(
        bucket,
        endpoint_url=f"http://127.0.0.1:{free_port()}",
        region="us-east-1",
        access_key_id=ACCESS,
        secret_access_key=SECRET,
    )
    try:
        with pytest.raises(StorageUnavailable):
            await store.put("a", b"x")
        with pytest.raises(StorageUnavailable):
            await keys_of(store, "")
    finally:
        await store.close()


async def test_missing_is_missing(store: S3ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        await store.get("nothing")


# What each call of S3 asks its caller's policy for (the service authorization reference of Amazon S3). Without a
# version's id, DeleteObjects asks for the first of its two.
_ASKS = {
    "PutObject": {"s3:PutObject"},
    "GetObject": {"s3:GetObject"},
    "ListObjectsV2": {"s3:ListBucket"},
    "ListObjectVersions": {"s3:ListBucketVersions"},
    "DeleteObjects": {"s3:DeleteObject", "s3:DeleteObjectVersion"},
}
_POLICIES = Path(__file__).resolve().parents[3] / "infra" / "terraform" / "modules" / "policies" / "main.tf"


async def test_the_policy_allows_what_the_store_calls_and_nothing_else(store: S3ObjectStore) -> None:
    called: set[str] = set()
    store._client.meta.events.register("before-call.s3", lambda model, **_: called.add(model.name))
    await store.put("people/1/photo", b"x")
    assert await store.get("people/1/photo") == b"x"
    assert await store.exists("people/1/photo")
    assert await keys_of(store, "people/") == {"people/1/photo"}
    await store.delete("people/1/photo")
    await store.put("people/1/photo", b"x")
    assert await store.delete_under(["people/1/"]) == {"people/1/": 1}
    statements = _POLICIES.read_text("utf-8").partition("  store = [")[2].partition("\n  ]\n")[0]
    assert set().union(*(_ASKS[name] for name in called)) == set(re.findall(r'"(s3:\w+)"', statements))
    # Objects are some megabytes at most and go in one call: parts of an upload that broke off cannot stay behind.
    assert not {name for name in called if "Multipart" in name or "Part" in name}


class FaultyLine:
    """Stands before the server; what happens to each connection, in turn, is said beforehand, the last word for good.

    ``pass`` leads on, ``busy`` answers 503, ``cut`` ends after some of the request has gone on to the server.
    """

    def __init__(self, server: str, faults: list[str]) -> None:
        parts = server.removeprefix("http://").split(":")
        self._host, self._port = parts[0], int(parts[1])
        self._faults = faults
        self.seen = 0
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def store(self, bucket: str) -> AsyncIterator[S3ObjectStore]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        store = S3ObjectStore(
            bucket,
            endpoint_url=f"http://127.0.0.1:{port}",
            region="us-east-1",
            access_key_id=ACCESS,
            secret_access_key=SECRET,
        )
        try:
            yield store
        finally:
            await store.close()
            server.close()
            for one in self._connections:
                one.cancel()
            await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._led(reader, writer, self._faults[min(self.seen, len(self._faults) - 1)]))
        self.seen += 1
        self._connections.add(task)

    async def _led(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                if fault == "busy":
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    await writer.drain()
                else:
                    await self._lead_on(reader, writer, limit=200_000 if fault == "cut" else None)
        finally:
            writer.transport.abort()

    async def _lead_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, limit: int | None) -> None:
        back, onward = await asyncio.open_connection(self._host, self._port)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, most: int | None) -> None:
            done = 0
            while (most is None or done < most) and (data := await source.read(65_536)):
                target.write(data)
                await target.drain()
                done += len(data)

        answers = asyncio.create_task(copy(back, writer, None))
        try:
            await copy(reader, onward, limit)
        finally:
            answers.cancel()
            onward.transport.abort()


@pytest.mark.parametrize("faults", [["busy", "busy", "pass"], ["cut", "cut", "pass"], ["cut", "busy", "pass"]])
async def test_a_busy_server_and_a_line_that_is_cut_in_mid_upload_are_tried_again(
    store: S3ObjectStore, s3_url: str, bucket: str, faults: list[str]
) -> None:
    data = os.urandom(2_000_000)
    line = FaultyLine(s3_url, faults)
    async with line.store(bucket) as behind:
        await behind.put("people/1/photo", data)
    assert line.seen == len(faults)
    assert await store.get("people/1/photo") == data


@pytest.mark.parametrize("fault", ["busy", "cut"])
async def test_what_never_gets_through_is_given_up_after_four_tries_and_leaves_nothing_half(
    store: S3ObjectStore, s3_url: str, bucket: str, fault: str
) -> None:
    line = FaultyLine(s3_url, [fault])
    async with line.store(bucket) as behind:
        with pytest.raises(StorageUnavailable):
            await behind.put("people/1/photo", os.urandom(2_000_000))
    assert line.seen == 4
    assert not await store.exists("people/1/photo")
    with pytest.raises(ObjectMissing):
        await store.get("people/1/photo")
    await store.put("people/1/photo", b"later")
    assert await store.get("people/1/photo") == b"later"
