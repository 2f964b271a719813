"""Objects in an S3 bucket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from backend.kit.storage import ObjectMissing, StorageFull, StorageUnavailable, check_folder, check_key, check_prefix
from backend.kit.tracing import part

__all__ = ["S3ObjectStore"]

T = TypeVar("T")

_THREADS = 16
_MISSING = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchVersion"})
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "507"})
_BATCH = 1000  # objects in one DeleteObjects, by the S3 API


class S3ObjectStore:
    """An ``ObjectStore`` in one bucket. Credentials come from boto3's usual places unless given.

    ``delete`` removes every version and delete marker, so a versioned bucket needs ``s3:ListBucketVersions`` and
    ``s3:DeleteObjectVersion``. Lifecycle rules and replication are the bucket's own affair: a replica is outside what
    this can erase.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        encryption: str | None = None,
        kms_key_id: str | None = None,
    ) -> None:
        """Connect nothing yet.

        Args:
            bucket: must exist.
            endpoint_url: of an S3-compatible server; addressed by path then, as most have no wildcard DNS.
            region: as the bucket's.
            access_key_id: with ``secret_access_key`` in place of boto3's chain of credentials.
            secret_access_key: with ``access_key_id``.
            encryption: ``AES256`` or ``aws:kms``; the bucket's default when not given.
            kms_key_id: for ``aws:kms``.
        """
        # A fifth of a second that a single box, with its objects in a directory, need not wait at each start.
        import boto3  # noqa: PLC0415 - a fifth of a second
        from botocore.config import Config  # noqa: PLC0415 - part of that fifth

        self._bucket = bucket
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            config=Config(
                connect_timeout=3,
                read_timeout=20,
                retries={"mode": "standard", "total_max_attempts": 4},
                max_pool_connections=_THREADS,
                # End to end: bytes that changed on the way are refused in both directions.
                request_checksum_calculation="when_supported",
                response_checksum_validation="when_supported",
                s3={"addressing_style": "path" if endpoint_url else "auto"},
            ),
        )
        self._sealing = {"ServerSideEncryption": encryption, "SSEKMSKeyId": kms_key_id}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="s3")

    async def put(self, key: str, data: bytes) -> None:
        """See ``ObjectStore.put``."""
        check_key(key)
        options = {name: value for name, value in self._sealing.items() if value is not None}
        await self._run(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=key, Body=data, ChecksumAlgorithm="SHA256", **options
            )
        )

    async def get(self, key: str) -> bytes:
        """See ``ObjectStore.get``."""
        check_key(key)

        def read() -> bytes:
            with self._client.get_object(Bucket=self._bucket, Key=key)["Body"] as body:
                data: bytes = body.read()
                return data

        return await self._run(read)

    async def delete(self, key: str) -> None:
        """See ``ObjectStore.delete``."""
        check_key(key)
        await self._run(lambda: self._delete_all_versions(key))

    async def delete_under(self, prefixes: Sequence[str]) -> dict[str, int]:
        """See ``ObjectStore.delete_under``."""
        folders = [check_folder(prefix) for prefix in prefixes]
        listed = await asyncio.gather(*(self._run(partial(self._versions, prefix)) for prefix in folders))
        found = dict(zip(folders, listed, strict=True))
        refused = await self._run(lambda: self._remove([one for below in found.values() for one in below]))
        return {
            prefix: len({one["Key"] for one in below})
            for prefix, below in found.items()
            if not any(one["Key"] in refused for one in below)
        }

    async def exists(self, key: str) -> bool:
        """See ``ObjectStore.exists``."""
        check_key(key)
        # Not HeadObject: its 404 has no body, so a missing bucket would pass for an erased object.
        page = await self._run(lambda: self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1))
        return any(entry["Key"] == key for entry in page.get("Contents", ()))

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """See ``ObjectStore.list``."""
        check_prefix(prefix)
        pages = iter(self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix))
        while (page := await self._run(lambda: next(pages, None))) is not None:
            for entry in page.get("Contents", ()):
                yield entry["Key"]

    async def close(self) -> None:
        """Let running calls end, then drop the connections."""
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()

    def _delete_all_versions(self, key: str) -> None:
        for code in self._remove([one for one in self._versions(key) if one["Key"] == key]).values():
            raise StorageUnavailable(f"the object store does not delete ({code})")

    def _versions(self, prefix: str) -> Sequence[dict[str, str]]:
        """Every version and delete marker: without naming them, a versioned bucket only hides an object."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=prefix)
        return [
            {"Key": entry["Key"], "VersionId": entry["VersionId"]}
            for page in pages
            for entry in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]

    def _remove(self, versions: Sequence[dict[str, str]]) -> dict[str, str]:
        """Remove them, a thousand a call; the keys of which something was refused, with S3's code."""
        refused = {}
        for start in range(0, len(versions), _BATCH):
            batch = {"Objects": versions[start : start + _BATCH], "Quiet": True}
            answer = self._client.delete_objects(Bucket=self._bucket, Delete=batch)
            for error in answer.get("Errors", ()):
                if error.get("Code") not in _MISSING:
                    refused[str(error.get("Key"))] = str(error.get("Code"))
        return refused

    async def _run(self, call: Callable[[], T]) -> T:
        """Run a blocking call in a thread, its failures as ours. Messages carry S3's code and never a key."""
        try:
            with part("object-store"):
                return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code in _MISSING:
                raise ObjectMissing from None
            if code in _FULL:
                raise StorageFull from error
            raise StorageUnavailable(f"the object store refuses ({code})") from error
        except BotoCoreError as error:
            raise StorageUnavailable(f"the object store does not answer ({type(error).__name__})") from error
