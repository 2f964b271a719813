"""The single box: database, API and worker on one machine, under one data directory."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from backend.embedded.address import require_address
from backend.embedded.children import ChildDied, Children
from backend.embedded.datadir import RestoreUnfinished, restore_mark
from backend.embedded.passwords import KEYS, OWNER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE
from backend.migrate import migrate
from backend.settings import PREFIX, Settings, SettingsRefused

__all__ = ["SingleBox"]


class SingleBox:
    """Runs everything that a community needs; a context manager. Ends with this process, also on ``kill -9``.

    Database and objects are embedded unless the settings name others.
    """

    def __init__(self, settings: Settings, *, data_dir: Path, console: Path | None = None) -> None:
        """Nothing starts yet.

        Args:
            settings: what the deployment decides; port 0 takes a free one.
            data_dir: holds everything that lasts.
            console: a folder for the processes' output; our own output where not given.

        Raises:
            AddressRefused: the port is taken, or the API may not listen there.
        """
        self._settings = settings
        self._console = console
        self.data_dir = data_dir.absolute()
        self.port = require_address(settings.host, settings.port)
        self.url = f"http://{settings.host}:{self.port}"
        self._postgres: EmbeddedPostgres | None = None
        self.children = Children()

    @property
    def messages(self) -> Path:
        """Where the console sender writes one-time codes and links, one JSON object a line."""
        return self._settings.otp_console_file or self.data_dir / "messages.jsonl"

    def start(self) -> None:
        """Start the database, bring it to this release's schema, start worker and API; returns when it serves.

        Raises:
            SettingsRefused: a database of your own is named only in part.
            DataDirectoryBusy: another box runs on this data directory.
            RestoreUnfinished: a restore was cut off and has to be run again.
            ChildDied: a process did not start; the message says where its output is.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if restore_mark(self.data_dir).exists():
            raise RestoreUnfinished("a restore of this data directory was cut off: run `doorward restore` again")
        try:
            urls = self._databases()
            migrate(urls["MIGRATION_DATABASE_URL"], urls["KEYS_DATABASE_URL"])
            environment = self._environment(urls)
            for name in ("api", "worker"):
                output = self._console / f"{name}.log" if self._console else None
                if name == "worker" and self._settings.metrics_port is not None:
                    environment = {**environment, f"{PREFIX}METRICS_PORT": str(self._settings.metrics_port + 1)}
                self.children.spawn(name, [sys.executable, "-m", "backend.cli", name], environment, output=output)
            self.children.wait_ready(f"{self.url}/health/ready")
        except BaseException:
            self.stop()
            raise

    def wait(self) -> NoReturn:
        """Serve until something ends it.

        Raises:
            ChildDied: the API, the worker or the database ended by itself.
            KeyboardInterrupt: Ctrl-C, or what the command makes of SIGTERM.
        """
        self.children.wait(until=lambda: self._postgres is not None and self._postgres.exit_code is not None)
        assert self._postgres is not None
        raise ChildDied(f"the database ended with code {self._postgres.exit_code}; see {self._postgres.log_path}")

    def stop(self) -> None:
        """Stop API and worker, then the database. Safe to repeat."""
        self.children.stop()
        if self._postgres is not None:
            self._postgres.stop()
            self._postgres = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _databases(self) -> Mapping[str, str]:
        ours = self._settings
        if ours.database_url is None and ours.api_database_url is None:
            self._postgres = EmbeddedPostgres(self.data_dir / "postgres")
            self._postgres.start()
            url = self._postgres.url
            return {
                "API_DATABASE_URL": url("doorward_api"),
                "WORKER_DATABASE_URL": url("doorward_worker"),
                "MIGRATION_DATABASE_URL": url(OWNER),
                "KEYS_DATABASE_URL": url(KEYS, KEY_DATABASE),
            }
        if ours.keys_database_url is None:
            raise SettingsRefused(f"{PREFIX}KEYS_DATABASE_URL is needed beside a database of your own")
        migration = ours.migration_database_url or ours.database_url
        if migration is None:
            raise SettingsRefused(f"{PREFIX}MIGRATION_DATABASE_URL is needed beside {PREFIX}API_DATABASE_URL")
        given = {
            "DATABASE_URL": ours.database_url,
            "API_DATABASE_URL": ours.api_database_url,
            "WORKER_DATABASE_URL": ours.worker_database_url,
            "MIGRATION_DATABASE_URL": migration,
            "KEYS_DATABASE_URL": ours.keys_database_url,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _environment(self, databases: Mapping[str, str]) -> Mapping[str, str]:
        environment = {
            **os.environ,
            **{PREFIX + name: value for name, value in databases.items()},
            f"{PREFIX}DATA_DIR": str(self.data_dir),
            f"{PREFIX}HOST": self._settings.host,
            f"{PREFIX}PORT": str(self.port),
        }
        # Where nobody named a public address, gates and phones on this machine reach the port that was taken.
        if self._settings.public_url == Settings().public_url:
            environment[f"{PREFIX}PUBLIC_URL"] = self.url
        return environment
