"""Everything the deployment decides, read once from the environment (and ``.env``) at start."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

__all__ = ["Settings", "SettingsRefused", "load_settings"]

PREFIX = "DOORWARD_"


class SettingsRefused(Exception):
    """A setting is wrong; the message names it and says what it should be."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings. Each is read from ``DOORWARD_`` and its name in capitals.

    Addresses of databases are per role, since each process logs in with no more rights than it needs. Where only
    ``database_url`` is given, every process logs in with it and takes on its role.
    """

    # Where things are.
    data_dir: Path | None = None
    database_url: str | None = None
    api_database_url: str | None = None
    worker_database_url: str | None = None
    migration_database_url: str | None = None
    keys_database_url: str | None = None
    s3_bucket: str | None = None
    s3_endpoint_url: str | None = None
    s3_region: str | None = None
    objects_dir: Path | None = None
    # The key that wraps all others: a file of 32 bytes, made at first start of a single box, or a key of AWS KMS.
    key_file: Path | None = None
    kms_key_id: str | None = None
    kms_endpoint_url: str | None = None
    kms_region: str | None = None
    # The master key before, while `doorward keys rewrap` moves everything to the one above.
    previous_key_file: Path | None = None
    previous_kms_key_id: str | None = None
    public_url: str = "http://127.0.0.1:8480"
    host: str = "127.0.0.1"
    port: int = 8480
    api_workers: int = 1
    # How many reverse proxies of ours stand in front and append to X-Forwarded-For.
    proxies: int = 0
    # How one-time codes reach phones.
    otp_sender: Literal["console", "http"] = "console"
    otp_console_file: Path | None = None
    otp_http_url: str | None = None
    otp_http_token: str | None = None
    # At which e-mail address browsers' push services may complain; "doorward@" and the public URL's host where none.
    push_contact: str | None = None
    # Recognition at enrolment.
    model_pack: str | None = None
    models_dir: Path | None = None
    face_threads: int = 2
    # After how many months a child under ten, and a minor from ten on, is reminded to have the face taken anew.
    recapture_months_child: int = 12
    recapture_months_young: int = 24
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def push_contact_or_default(self) -> str:
        """The address to complain at, made up from where people reach us if none was named."""
        return self.push_contact or f"doorward@{urlsplit(self.public_url).hostname or 'localhost'}"


def load_settings(environ: Mapping[str, str] | None = None, *, env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings; the environment wins over the file.

    Raises:
        SettingsRefused: a value has the wrong form, or a name with our prefix is none of ours.
    """
    from_file = {k: v for k, v in dotenv_values(env_file).items() if v is not None} if env_file else {}
    merged = {**from_file, **(os.environ if environ is None else environ)}
    given = {name.removeprefix(PREFIX).lower(): value for name, value in merged.items() if name.startswith(PREFIX)}
    known = {field.name: field for field in msgspec.structs.fields(Settings)}
    values: dict[str, object] = {}
    for name, text in given.items():
        if name in _NOT_OURS:
            continue
        if name not in known:
            raise SettingsRefused(f"{PREFIX}{name.upper()} is not a setting; see docs/configuration.md for the list")
        try:
            values[name] = _read(text, known[name].type)
        except (msgspec.ValidationError, ValueError) as error:
            raise SettingsRefused(f"{PREFIX}{name.upper()}: {error}") from None
    settings = msgspec.structs.replace(Settings(), **values)
    _check(settings)
    return settings


# Read by others under the same prefix: the test suite, the gate SDK, and parents telling children who they are.
_NOT_OURS = frozenset({"test_data", "models", "parent_pid"})


def _read(text: str, kind: object) -> object:
    if kind == Path | None:
        return Path(text)
    return msgspec.convert(text, kind, strict=False)


def _check(settings: Settings) -> None:
    for name in ("database_url", "api_database_url", "worker_database_url", "migration_database_url",
                 "keys_database_url"):  # fmt: skip
        value = getattr(settings, name)
        if value is not None and not value.startswith(("postgresql://", "postgres://")):
            raise SettingsRefused(f"{PREFIX}{name.upper()} must begin with postgresql://")
    if settings.key_file is not None and settings.kms_key_id is not None:
        raise SettingsRefused(f"{PREFIX}KEY_FILE and {PREFIX}KMS_KEY_ID name two master keys; leave one out")
    if settings.previous_key_file is not None and settings.previous_kms_key_id is not None:
        raise SettingsRefused(f"{PREFIX}PREVIOUS_KEY_FILE and {PREFIX}PREVIOUS_KMS_KEY_ID: leave one out")
    if settings.otp_sender == "http" and settings.otp_http_url is None:
        raise SettingsRefused(f"{PREFIX}OTP_HTTP_URL is needed where {PREFIX}OTP_SENDER is http")
    if not 0 <= settings.port <= 65535:  # noqa: PLR2004 - the range of ports
        raise SettingsRefused(f"{PREFIX}PORT must be between 0 and 65535")
    if settings.api_workers < 1 or settings.face_threads < 1:
        raise SettingsRefused(f"{PREFIX}API_WORKERS and {PREFIX}FACE_THREADS must be at least 1")
    months = (settings.recapture_months_child, settings.recapture_months_young)
    if not all(1 <= month <= 120 for month in months):  # noqa: PLR2004 - at most ten years
        raise SettingsRefused(f"{PREFIX}RECAPTURE_MONTHS_CHILD and {PREFIX}RECAPTURE_MONTHS_YOUNG: 1 to 120")
