"""What the processes share and must open and close: databases, keys, objects, models."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec

from backend.embedded.objects import DirectoryObjectStore
from backend.enrolment.faces import FaceService, ModelsRefused, open_faces
from backend.health.service import Schema, require_schema
from backend.health.watermark import require_level
from backend.keys.errors import MasterKeyRefused, WrappingRefused
from backend.keys.kms import AwsKmsKeyWrapper
from backend.keys.service import Keys, is_fresh
from backend.keys.signing.tokens import TokenKeys
from backend.keys.wrapping import FileKeyWrapper, KeyWrapper, MovingKeyWrapper
from backend.kit.auth import Tokens
from backend.kit.clock import utc_now
from backend.kit.db import Database
from backend.kit.messages import Sender
from backend.kit.s3 import S3ObjectStore
from backend.kit.storage import ObjectStore
from backend.migrate import migrations_afterwards, migrations_needed
from backend.notifications.senders import ConsoleSender, HttpSender
from backend.settings import Settings, SettingsRefused

__all__ = ["Resources", "database_of", "open_data", "open_keys", "open_objects", "open_resources"]

# Who connects as whom where a deployment gives one address for all.
_ROLES = {"api": "doorward_api", "worker": "doorward_worker", "keys": "doorward_keys"}


class Resources(msgspec.Struct, frozen=True):
    """Opened parts, ready to be handed to routes and jobs. ``pepper`` keys hashes of codes, tokens and numbers."""

    db: Database
    keys: Keys
    objects: ObjectStore
    tokens: Tokens
    token_keys: TokenKeys
    pepper: bytes
    sender: Sender
    schema: Schema
    # Looks at photographs while people enrol: the API's alone.
    faces: FaceService | None


@asynccontextmanager
async def open_resources(settings: Settings, *, process: str) -> AsyncIterator[Resources]:
    """Open everything that ``process`` ("api" or "worker") needs and close it again.

    Raises:
        SettingsRefused: an address is missing or leads to no database that takes us, the master key is another one, or
            the API's face model pack is not installed.
        SchemaBehind: a migration that this release needs was not applied.
        DataSetBack, KeysSetBack: a database was restored, and what a restore leaves to do was not done.
        KeyServiceUnavailable: the key service does not answer.
    """
    needed = migrations_needed()
    async with AsyncExitStack() as opened:
        db = await opened.enter_async_context(open_data(settings, process=process))
        keys = await opened.enter_async_context(open_keys(settings))
        await require_level(db, keys.db)
        token_keys = TokenKeys(keys)
        sender = _sender(settings)
        if isinstance(sender, HttpSender):
            opened.push_async_callback(sender.aclose)
        yield Resources(
            db=db,
            keys=keys,
            objects=open_objects(settings),
            tokens=await token_keys.open(now=utc_now()),
            token_keys=token_keys,
            pepper=await keys.pepper(),
            sender=sender,
            schema=Schema(db, keys.db, needed=needed, afterwards=migrations_afterwards()),
            faces=await opened.enter_async_context(_faces(settings)) if process == "api" else None,
        )


@asynccontextmanager
async def open_data(settings: Settings, *, process: str) -> AsyncIterator[Database]:
    """Open the data alone, with the rights of ``process``.

    Raises:
        SettingsRefused: no address is set, or it leads to no database that takes us.
        SchemaBehind: a migration that this release needs was not applied.
    """
    async with _opened(settings, process) as database:
        await require_schema(database, migrations_needed()["data"])
        yield database


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[Keys]:
    """Open the key store alone, and see that the master key is its own.

    Raises:
        SettingsRefused: an address is missing or leads to no database that takes us, or the master key is lost or
            another one.
        SchemaBehind: a migration that this release needs was not applied.
        KeyServiceUnavailable: the key service does not answer.
    """
    async with _opened(settings, "keys") as database:
        await require_schema(database, migrations_needed()["keys"])
        keys = Keys(database, _wrapper(settings, fresh=await is_fresh(database)))
        try:
            try:
                await keys.pepper()
            except (MasterKeyRefused, WrappingRefused) as error:
                raise SettingsRefused(f"the master key does not open this key store: {error}") from error
            yield keys
        finally:
            await keys.close()


@asynccontextmanager
async def _opened(settings: Settings, process: str) -> AsyncIterator[Database]:
    database = database_of(settings, process=process)
    try:
        try:
            await database.open()
        except (OSError, asyncpg.PostgresError) as error:
            raise SettingsRefused(
                f"{_variable(settings, process)} leads to no database that takes us ({error}): "
                "start the server there, or correct the address"
            ) from error
        yield database
    finally:
        await database.close()


def database_of(settings: Settings, *, process: str) -> Database:
    """The database of ``process`` ("api", "worker" or "keys") as the settings name it, not opened.

    Raises:
        SettingsRefused: no address is set.
    """
    url: str | None = getattr(settings, f"{process}_database_url")
    if url is not None:
        return Database(url, max_size=4 if process == "keys" else 10)
    if settings.database_url is None or process == "keys":
        raise SettingsRefused(f"{_variable(settings, process)} is not set; `doorward up` runs a database of its own")
    return Database(settings.database_url, role=_ROLES[process])


def _variable(settings: Settings, process: str) -> str:
    """The setting that says where ``process`` finds its database, or would have to."""
    shared = settings.database_url is not None and process != "keys"
    if shared and getattr(settings, f"{process}_database_url") is None:
        return "DOORWARD_DATABASE_URL"
    return f"DOORWARD_{process.upper()}_DATABASE_URL"


def _wrapper(settings: Settings, *, fresh: bool) -> KeyWrapper:
    if settings.kms_key_id is not None:
        new: KeyWrapper = _kms(settings, settings.kms_key_id)
    else:
        moving = settings.previous_kms_key_id is not None or settings.previous_key_file is not None
        new = _key_file(_path(settings.key_file, settings, "master.key"), make=fresh or moving)
    if settings.previous_kms_key_id is not None:
        return MovingKeyWrapper(new, previous=_kms(settings, settings.previous_kms_key_id))
    if settings.previous_key_file is not None:
        return MovingKeyWrapper(new, previous=_key_file(settings.previous_key_file, make=False))
    return new


def _kms(settings: Settings, key_id: str) -> AwsKmsKeyWrapper:
    return AwsKmsKeyWrapper(key_id, endpoint_url=settings.kms_endpoint_url, region=settings.kms_region)


def _key_file(path: Path, *, make: bool) -> FileKeyWrapper:
    try:
        return FileKeyWrapper(path, make=make)
    except FileNotFoundError as error:
        # A new one would open nothing that was ever sealed, and might be taken for the old one ever after.
        raise SettingsRefused(
            f"the master key's file {path} is missing, and the key store holds keys that only it opens: "
            "put it back from where you keep a copy, or name its place in DOORWARD_KEY_FILE"
        ) from error
    except (OSError, WrappingRefused) as error:
        raise SettingsRefused(f"the master key's file: {error}") from error


def open_objects(settings: Settings) -> ObjectStore:
    """Where photographs lie: a bucket, or a directory.

    Raises:
        SettingsRefused: neither is named.
    """
    if settings.s3_bucket is not None:
        return S3ObjectStore(settings.s3_bucket, endpoint_url=settings.s3_endpoint_url, region=settings.s3_region)
    return DirectoryObjectStore(_path(settings.objects_dir, settings, "objects"))


def _sender(settings: Settings) -> ConsoleSender | HttpSender:
    if settings.otp_sender == "http" and settings.otp_http_url is not None:
        return HttpSender(settings.otp_http_url, settings.otp_http_token)
    return ConsoleSender(_path(settings.otp_console_file, settings, "messages.jsonl"))


@asynccontextmanager
async def _faces(settings: Settings) -> AsyncIterator[FaceService]:
    models = open_faces(pack_id=settings.model_pack, models_dir=settings.models_dir, threads=settings.face_threads)
    async with AsyncExitStack() as opened:
        try:
            service = await opened.enter_async_context(models)
        except ModelsRefused as error:
            raise SettingsRefused(str(error)) from error
        yield service


def _path(given: Path | None, settings: Settings, name: str) -> Path:
    if given is not None:
        return given
    if settings.data_dir is None:
        raise SettingsRefused("DOORWARD_DATA_DIR is not set; keys and photos need a place")
    return settings.data_dir / name
