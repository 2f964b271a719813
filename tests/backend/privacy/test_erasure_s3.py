"""The object store is killed in the middle of an erasure: that is delayed, skips nothing, and ends when it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from backend.enrolment.sealing import photo_key, photo_prefix
from backend.kit.clock import utc_now
from backend.settings import Settings
from tests.backend.households.town import build_town
from tests.backend.privacy.ending import end_tenancy
from tests.backend.privacy.faces import NOTHING, give_face, left_of
from tests.backend.privacy.test_worker import certificates, completed
from tests.backend.processes import PATIENCE_S, Workers, until
from tests.backend.seaweed import ACCESS, REGION, SECRET, Seaweed, client
from tests.backend.world import World

pytestmark = pytest.mark.deep

# So many that they are not gone in one call (1,000 each), beside the three photographs.
_MORE = 3000


@pytest.fixture
def seaweed(tmp_path: Path) -> Iterator[Seaweed]:
    (tmp_path / "s3").mkdir()
    with Seaweed(tmp_path / "s3") as server:
        yield server


@pytest.fixture
def bucket(seaweed: Seaweed) -> str:
    """With versions, as in production."""
    name = f"doorward-{uuid4()}"
    s3 = client(seaweed.url)
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.close()
    return name


@pytest.fixture
def settings(settings: Settings, seaweed: Seaweed, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A deployment whose objects lie there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return msgspec.structs.replace(settings, s3_bucket=bucket, s3_endpoint_url=seaweed.url, s3_region=REGION)


@pytest.fixture
async def workers(settings: Settings, seaweed: Seaweed, bucket: str, tmp_path: Path) -> AsyncIterator[Workers]:
    made = Workers(
        settings,
        tmp_path / "worker.log",
        DOORWARD_S3_BUCKET=bucket,
        DOORWARD_S3_ENDPOINT_URL=seaweed.url,
        DOORWARD_S3_REGION=REGION,
    )
    try:
        yield made
    finally:
        await made.stop()


def versions(seaweed: Seaweed, bucket: str, prefix: str, *, most: int = 1000) -> list[str]:
    """The keys of the first versions and markers below a prefix."""
    s3: Any = client(seaweed.url)
    try:
        page = s3.list_object_versions(Bucket=bucket, Prefix=prefix, MaxKeys=most)
    finally:
        s3.close()
    return [one["Key"] for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, ())]


def kill_once_gone(seaweed: Seaweed, bucket: str, key: str) -> None:
    """Kill the server as soon as that object has gone: in one loop, for the rest of them goes within a second."""
    s3: Any = client(seaweed.url)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while s3.list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=1).get("Versions"):
            assert time.monotonic() < deadline, "the worker deletes nothing"
        seaweed.kill()
    finally:
        s3.close()


async def test_an_object_store_killed_while_it_deletes_delays_the_erasure_and_skips_nothing(
    world: World, workers: Workers, seaweed: Seaweed, bucket: str
) -> None:
    world.clock.now = utc_now()
    town = await build_town(world)
    tenant = await town.tenant()
    await give_face(town, tenant)
    store, prefix = world.resources.objects, photo_prefix(tenant.person_id)
    written_s = int(world.clock().timestamp())
    for _ in range(_MORE // 50):
        keys = [photo_key(tenant.person_id, uuid4(), uuid4(), written_s=written_s) for _ in range(50)]
        await asyncio.gather(*(store.put(key, b"x") for key in keys))
    (first,) = await asyncio.to_thread(versions, seaweed, bucket, prefix, most=1)
    (begun,) = (await end_tenancy(town, tenant.tenancy_id))["erasures"]
    erasure_id = UUID(begun["erasure_id"])

    process = await workers.start()

    await asyncio.to_thread(kill_once_gone, seaweed, bucket, first)

    async def delayed() -> bool:
        return "erasure-delayed" in workers.log()

    await until(delayed, workers)
    conn = await asyncpg.connect(world.urls.superuser)
    try:
        rows = await conn.fetch(
            "SELECT name FROM erasure_step WHERE erasure_id = $1 AND done_at IS NOT NULL", erasure_id
        )
        # Neither this step nor any behind it: with the key gone, what is left would be called erased too.
        assert {row["name"] for row in rows} == {"grants", "credentials"}
        assert await conn.fetchval("SELECT last_error FROM erasure WHERE erasure_id = $1", erasure_id)
    finally:
        await conn.close()
    await world.resources.keys.person_key(tenant.person_id)
    assert process.returncode is None

    await asyncio.to_thread(seaweed.start)
    assert await asyncio.to_thread(versions, seaweed, bucket, prefix)
    await until(completed(world, erasure_id), workers)
    assert await asyncio.to_thread(versions, seaweed, bucket, prefix) == []
    assert await left_of(world.resources, tenant.person_id, [town.community_id]) == NOTHING
    assert await certificates(world, erasure_id) == ["complete", "complete"]
