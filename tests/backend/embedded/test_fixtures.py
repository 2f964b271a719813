"""The databases every other test stands on."""

import socket
import subprocess

import asyncpg
import pytest

from tests.conftest import NetworkForbidden
from tests.databases import DatabaseUrls


async def test_a_test_gets_its_own_database_per_role(database_urls: DatabaseUrls) -> None:
    for role in ("owner", "api", "worker", "audit", "keys"):
        conn = await asyncpg.connect(getattr(database_urls, role))
        try:
            assert await conn.fetchval("SELECT current_user") == f"doorward_{role}"
            assert await conn.fetchval("SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname=current_user")
        finally:
            await conn.close()


async def test_data_roles_may_not_enter_the_key_database(database_urls: DatabaseUrls) -> None:
    keys = database_urls.keys.rsplit("/", 1)[1]
    for role in ("api", "worker", "audit", "owner"):
        url = getattr(database_urls, role).rsplit("/", 1)[0] + "/" + keys
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(url)


async def test_the_key_role_may_not_enter_the_data_database(database_urls: DatabaseUrls) -> None:
    data = database_urls.owner.rsplit("/", 1)[1]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(database_urls.keys.rsplit("/", 1)[0] + "/" + data)


def test_addresses_beyond_this_machine_are_refused() -> None:
    with socket.socket() as sock, pytest.raises(NetworkForbidden):
        sock.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkForbidden):
        socket.getaddrinfo("doorward.example", 443)


def test_loopback_is_open_and_programs_run() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname()) as client:
            assert client.getpeername() == server.getsockname()
    assert subprocess.run(["/bin/sh", "-c", "exit 3"], check=False).returncode == 3
