"""Roles and databases of a cluster, embedded or external: what migrations need before they can run."""

import asyncio
from collections.abc import Mapping
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from backend.embedded.passwords import KEYS, OWNER, ROLES, scram_verifier
from backend.kit.addresses import with_tls
from backend.kit.apart import run_apart

DATABASE = "doorward"
KEY_DATABASE = "doorward_keys"

_ROLE_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
_DATABASE_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
# Role names and verifiers cannot be parameters of these statements, so the server itself quotes them.
_CREATE_ROLE = "SELECT format('CREATE ROLE %I', $1::text)"
_ALTER_ROLE = "SELECT format('ALTER ROLE %I LOGIN NOCREATEDB NOCREATEROLE INHERIT PASSWORD %L', $1::text, $2::text)"
_UNPRIVILEGED = "SELECT NOT (rolsuper OR rolbypassrls OR rolreplication) FROM pg_roles WHERE rolname = $1"
_IS_SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
_LOCK = "SELECT pg_advisory_lock(hashtext('doorward provision'))"


class ProvisioningRefused(Exception):
    """The cluster cannot be provisioned as it is; the message says what somebody has to do first."""


def provision_cluster(superuser_url: str, passwords: Mapping[str, str]) -> None:
    """Create the roles and the two databases, or bring them to the wanted state; safe to repeat.

    Roles (`ROLES`) may log in and have no other power: no superuser, no BYPASSRLS, no CREATEDB.
    Database `doorward` belongs to `doorward_owner` and has the extension `vector`; database
    `doorward_keys` belongs to `doorward_keys`. Nobody else may connect to either.

    Args:
        superuser_url: a superuser's, or that of a role with CREATEDB and CREATEROLE (managed servers).
        passwords: one for each of `ROLES`, ASCII.

    Raises:
        ProvisioningRefused: a role of ours exists with SUPERUSER, BYPASSRLS or REPLICATION and would pass row-level
            security; or this server lets only a superuser add pgvector.
        asyncpg.PostgresError: the server refused; nothing of a failed statement remains.
    """
    run_apart(lambda: asyncio.run(_provision(superuser_url, passwords)))


async def _provision(url: str, passwords: Mapping[str, str]) -> None:
    conn = await asyncpg.connect(with_tls(url))
    try:
        # Two that provision at once would both see no role, and one would fail.
        await conn.execute(_LOCK)
        for role in ROLES:
            if not await conn.fetchval(_ROLE_EXISTS, role):
                await conn.execute(await conn.fetchval(_CREATE_ROLE, role))
            if not await conn.fetchval(_UNPRIVILEGED, role):
                raise ProvisioningRefused(
                    f"role {role} has SUPERUSER, BYPASSRLS or REPLICATION; take them away (ALTER ROLE) and try again"
                )
            await conn.execute(await conn.fetchval(_ALTER_ROLE, role, scram_verifier(passwords[role])))
        if not await conn.fetchval(_IS_SUPERUSER):
            # Only a member may give a database to a role.
            await conn.execute(f"GRANT {OWNER}, {KEYS} TO CURRENT_USER")
        for database, owner in ((DATABASE, OWNER), (KEY_DATABASE, KEYS)):
            if not await conn.fetchval(_DATABASE_EXISTS, database):
                await conn.execute(f"CREATE DATABASE {database} OWNER {owner} ENCODING 'UTF8' TEMPLATE template0")
            await conn.execute(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        await conn.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO doorward_api, doorward_worker, doorward_audit")
    finally:
        await conn.close()
    conn = await asyncpg.connect(with_tls(on_database(url, DATABASE)))
    try:
        await conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except asyncpg.InsufficientPrivilegeError as error:
        raise ProvisioningRefused(
            f"this server lets only a superuser add pgvector: have one run CREATE EXTENSION vector in database "
            f"{DATABASE}, then try again"
        ) from error
    finally:
        await conn.close()


def on_database(url: str, database: str) -> str:
    """The same server, user and options with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def address_of(url: str, role: str, password: str, database: str) -> str:
    """The same server and options with another login and database."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{server}", path=f"/{database}"))
