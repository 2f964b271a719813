"""Everything the deployment decides, read once from the environment (and ``.env``) at start."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

__all__ = ["Settings", "SettingsRefused", "load_settings", "settings_table"]

PREFIX = "DOORWARD_"


def said(description: str, default: str | None = None) -> msgspec.Meta:
    """What a setting decides, and what holds where the struct's own default is not the whole answer: for people."""
    return msgspec.Meta(description=description, extra={"default": default})


class SettingsRefused(Exception):
    """A setting is wrong; the message names it and says what it should be."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings. Each is read from ``DOORWARD_`` and its name in capitals.

    Addresses of databases are per role, since each process logs in with no more rights than it needs. Where only
    ``database_url`` is given, every process logs in with it and takes on its role.
    """

    data_dir: Annotated[
        Path | None, said("where the single box keeps everything", default="`./doorward-data` for `doorward up`")
    ] = None
    database_url: Annotated[
        str | None, said("one address for every process; each takes on its own role", default="embedded PostgreSQL")
    ] = None
    api_database_url: Annotated[
        str | None, said("log-in of the API, `doorward_api`", default="from `DATABASE_URL`")
    ] = None
    worker_database_url: Annotated[
        str | None, said("log-in of the worker, `doorward_worker`", default="from `DATABASE_URL`")
    ] = None
    migration_database_url: Annotated[
        str | None, said("log-in that owns the tables, `doorward_owner`", default="from `DATABASE_URL`")
    ] = None
    keys_database_url: Annotated[
        str | None, said("the key store; needed beside a database of your own", default="embedded PostgreSQL")
    ] = None
    s3_bucket: Annotated[str | None, said("bucket for ciphertext of photographs", default="a directory")] = None
    s3_endpoint_url: Annotated[str | None, said("another S3 server", default="AWS")] = None
    s3_region: Annotated[str | None, said("region of the bucket", default="the client's own")] = None
    objects_dir: Annotated[
        Path | None, said("directory object store, where no bucket is named", default="`DATA_DIR/objects`")
    ] = None
    key_file: Annotated[
        Path | None, said("the master key, 32 bytes, mode 0600; made at first start", default="`DATA_DIR/master.key`")
    ] = None
    kms_key_id: Annotated[
        str | None,
        said(
            "the master key as a key of AWS KMS: its id, ARN or alias; leave `KEY_FILE` out then",
            default="the file above",
        ),
    ] = None
    kms_endpoint_url: Annotated[
        str | None, said("another server that speaks KMS' Encrypt and Decrypt", default="AWS")
    ] = None
    kms_region: Annotated[str | None, said("region of the key", default="the client's own")] = None
    previous_key_file: Annotated[
        Path | None, said("the master key before, while `doorward keys rewrap` replaces it")
    ] = None
    previous_kms_key_id: Annotated[str | None, said("the same, where it was a key of KMS")] = None
    public_url: Annotated[str, said("the address that gates and links use")] = "http://127.0.0.1:8480"
    host: Annotated[str, said("address to listen on")] = "127.0.0.1"
    port: Annotated[int, said("port to listen on; 0 takes a free one"), msgspec.Meta(ge=0, le=65535)] = 8480
    api_workers: Annotated[int, said("processes of the API"), msgspec.Meta(ge=1)] = 1
    proxies: Annotated[
        int,
        said(
            "how many of your own reverse proxies append to `X-Forwarded-For`; "
            "log-in limits count by the address they saw"
        ),
        msgspec.Meta(ge=0),
    ] = 0
    codes_an_hour: Annotated[
        int,
        said(
            "one-time codes that the whole deployment sends in an hour, whoever asks: "
            "what a fraud with messages can cost; beyond it nobody logs in anew until the hour is over"
        ),
        msgspec.Meta(ge=1),
    ] = 5_000
    otp_sender: Annotated[
        Literal["console", "http"], said("`console` writes one-time codes to a file; `http` posts them to a provider")
    ] = "console"
    otp_console_file: Annotated[Path | None, said("that file", default="`DATA_DIR/messages.jsonl`")] = None
    otp_http_url: Annotated[str | None, said("the provider's address")] = None
    otp_http_token: Annotated[str | None, said("bearer token for the provider")] = None
    push_contact: Annotated[
        str | None,
        said(
            "e-mail address that browsers' push services get, to complain at",
            default="`doorward@` and the public address's host",
        ),
    ] = None
    model_pack: Annotated[str | None, said("id of an installed model pack", default="the default pack")] = None
    models_dir: Annotated[Path | None, said("where model packs are installed", default="the user's cache")] = None
    face_threads: Annotated[
        int,
        said(
            "photographs checked at the same time, 0.1 s of a processor each; one whose turn does not come within 4 s, "
            "and one that finds 24 waiting, is answered 503 with `Retry-After`"
        ),
        msgspec.Meta(ge=1),
    ] = 2
    recapture_months_child: Annotated[
        int,
        said("months after which a child under ten is reminded to have its face taken anew"),
        msgspec.Meta(ge=1, le=120),
    ] = 12
    recapture_months_young: Annotated[int, said("the same of minors from ten on"), msgspec.Meta(ge=1, le=120)] = 24
    metrics_port: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=65535)] | None,
        said(
            "port on 127.0.0.1 where each process shows its numbers to Prometheus, at `/metrics`; processes on one "
            "machine need one each, and the single box takes the next one for its worker",
            default="shown nowhere",
        ),
    ] = None
    traces_url: Annotated[
        str | None,
        said("OpenTelemetry collector that takes traces, OTLP over HTTP, without `/v1/traces`", default="sent nowhere"),
    ] = None
    traces_share: Annotated[
        float, said("share of all requests and jobs that is traced"), msgspec.Meta(ge=0.0, le=1.0)
    ] = 0.05
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], said("`DEBUG`, `INFO`, `WARNING` or `ERROR`")
    ] = "INFO"

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


def _read(text: str, kind: Any) -> object:
    if get_args(kind)[0] == Path | None:
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
    if settings.traces_url is not None and not settings.traces_url.startswith(("http://", "https://")):
        raise SettingsRefused(f"{PREFIX}TRACES_URL must begin with http:// or https://")
    if settings.otp_sender == "http" and settings.otp_http_url is None:
        raise SettingsRefused(f"{PREFIX}OTP_HTTP_URL is needed where {PREFIX}OTP_SENDER is http")


def settings_table() -> str:
    """The settings as a table in Markdown, for docs/configuration.md."""
    rows = ["| variable | default | what it decides |", "|---|---|---|"]
    for field in msgspec.structs.fields(Settings):
        meta = next(one for one in get_args(field.type) if isinstance(one, msgspec.Meta) and one.description)
        default = (meta.extra or {}).get("default") or ("–" if field.default is None else f"`{field.default}`")
        rows.append(f"| `{PREFIX}{field.name.upper()}` | {default} | {meta.description} |")
    return "\n".join(rows) + "\n"
