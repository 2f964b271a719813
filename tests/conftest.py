"""What every test may ask for: databases; and what every test gets: no network beyond this machine."""

import socket
import tempfile
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from backend.embedded.passwords import KEYS, OWNER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import KEY_DATABASE
from backend.migrate import migrate
from tests.databases import TEST_SETTINGS, DatabaseUrls, cloned
from tests.watching import pytest_runtest_logreport, read_logs, watched_logs

__all__ = ["pytest_runtest_logreport", "watched_logs"]


class NetworkForbidden(RuntimeError):
    """A test reached for an address beyond this machine."""


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = str(address[0]).partition("%")[0]
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Fail at once, by name, instead of hanging on a firewall or passing only where there is an uplink."""

    def guarded(method: Callable[..., Any], position: int) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not _is_local(args[position]):
                raise NetworkForbidden(f"tests may not reach {args[position]!r}")
            return method(*args, **kwargs)

        return call

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode("ascii") if isinstance(host, bytes) else host
        if name is not None and not _is_local((name, 0)):
            raise NetworkForbidden(f"tests may not look up {name!r}")
        return lookup(host, *args, **kwargs)

    lookup = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded(socket.socket.connect, 1))
        patch.setattr(socket.socket, "connect_ex", guarded(socket.socket.connect_ex, 1))
        patch.setattr(socket.socket, "sendto", guarded(socket.socket.sendto, -1))
        patch.setattr(socket, "getaddrinfo", resolve)
        yield


@pytest.fixture(scope="session")
def pg(watched_logs: None) -> Iterator[EmbeddedPostgres]:
    """This test process's own cluster, migrated. Databases `doorward` and `doorward_keys` are templates: clone them."""
    # Not pytest's own temporary directories: those keep the last three runs, 60 MB each.
    with (
        tempfile.TemporaryDirectory(prefix="doorward-test-") as folder,
        EmbeddedPostgres(Path(folder) / "pg", settings=TEST_SETTINGS) as server,
    ):
        migrate(server.url(OWNER), server.url(KEYS, KEY_DATABASE))
        yield server
        read_logs([Path(folder)])


@pytest.fixture
def database_urls(pg: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    """A data and a key database of this test alone."""
    with cloned(pg) as urls:
        yield urls


@pytest.fixture(scope="module")
def module_database_urls(pg: EmbeddedPostgres) -> Iterator[DatabaseUrls]:
    """A data and a key database that the tests of one module share, where they only read or keep apart by ids."""
    with cloned(pg) as urls:
        yield urls
