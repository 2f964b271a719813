"""The master key in AWS KMS, or in whatever speaks its Encrypt and Decrypt."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from backend.keys.errors import KeyServiceUnavailable, MasterKeyRefused, WrappingRefused
from backend.kit.tracing import part

__all__ = ["AwsKmsKeyWrapper"]

T = TypeVar("T")

#: The name under which a key's context goes into KMS' encryption context, and so into its audit trail (CloudTrail). It
#: holds ids of communities and of signing keys, never of people: their keys are wrapped by communities' keys.
CONTEXT = "doorward"

_THREADS = 4
# The ciphertext is another key's, bound to another context, or changed.
_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
# https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html and those of Encrypt and Decrypt that pass.
_PASSING = frozenset(
    {
        "DependencyTimeoutException",
        "KMSInternalException",
        "KeyUnavailableException",
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_SERVER_ERRORS = 500


class AwsKmsKeyWrapper:
    """A ``KeyWrapper`` whose master key never leaves the key service.

    Needs ``kms:Encrypt`` and ``kms:Decrypt`` on the key. Credentials come from boto3's usual places unless given.
    """

    def __init__(
        self,
        key_id: str,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        timeout_s: float = 5.0,
        attempts: int = 3,
    ) -> None:
        """Connect nothing yet.

        Args:
            key_id: id, ARN or ``alias/NAME`` of a symmetric key. With an alias, a key that it pointed to before cannot
                be used for unwrapping any more.
            endpoint_url: of another server that speaks the same.
            region: the key's; by default boto3's own.
            access_key_id: with ``secret_access_key`` in place of boto3's chain of credentials.
            secret_access_key: with ``access_key_id``.
            timeout_s: seconds to connect, and to wait for an answer, in one attempt.
            attempts: calls at most, with growing pauses, while a failure may pass.
        """
        # A fifth of a second that a single box with its key in a file need not wait at each start.
        import boto3  # noqa: PLC0415 - a fifth of a second
        from botocore.config import Config  # noqa: PLC0415 - part of that fifth

        self._key_id = key_id
        self._client: Any = boto3.session.Session().client(
            "kms",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            config=Config(
                connect_timeout=timeout_s,
                read_timeout=timeout_s,
                retries={"mode": "standard", "total_max_attempts": attempts},
                max_pool_connections=_THREADS,
            ),
        )
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="kms")

    async def wrap(self, key: bytes, *, context: str) -> bytes:
        """See ``KeyWrapper.wrap``."""
        answer = await self._run(
            lambda: self._client.encrypt(KeyId=self._key_id, Plaintext=key, EncryptionContext={CONTEXT: context}),
            context,
        )
        wrapped: bytes = answer["CiphertextBlob"]
        return wrapped

    async def unwrap(self, wrapped: bytes, *, context: str) -> bytes:
        """See ``KeyWrapper.unwrap``."""
        # With KeyId: otherwise KMS decrypts under whatever key the ciphertext names, somebody else's included.
        answer = await self._run(
            lambda: self._client.decrypt(
                KeyId=self._key_id, CiphertextBlob=wrapped, EncryptionContext={CONTEXT: context}
            ),
            context,
        )
        key: bytes = answer["Plaintext"]
        return key

    async def close(self) -> None:
        """Let running calls end, then drop the connections."""
        await asyncio.to_thread(self._pool.shutdown)
        self._client.close()

    async def _run(self, call: Callable[[], T], context: str) -> T:
        """Run a blocking call in a thread, its failures as ours. Messages carry the service's code and no key."""
        try:
            with part("key-service"):
                return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown")).rsplit("#", 1)[-1]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code in _NOT_OURS:
                raise WrappingRefused(context) from None
            if code in _PASSING or status >= _SERVER_ERRORS:
                raise KeyServiceUnavailable(f"the key service refuses for the moment ({code})") from error
            raise MasterKeyRefused(
                f"the key service does not let us use the key that DOORWARD_KMS_KEY_ID names ({code}); it must exist, "
                "be enabled and symmetric, and allow kms:Encrypt and kms:Decrypt to these credentials"
            ) from error
        except BotoCoreError as error:
            raise KeyServiceUnavailable(f"the key service does not answer ({type(error).__name__})") from error
