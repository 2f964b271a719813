"""Databases on other machines are spoken to by TLS, and by who wants it with the right server alone."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backend.embedded.passwords import KEYS, OWNER
from backend.embedded.postgres import EmbeddedPostgres
from backend.embedded.provision import DATABASE, KEY_DATABASE
from backend.kit.addresses import with_tls
from backend.kit.db import Database, Scope
from backend.migrate import MigrationFailed, migrate
from tests.databases import TEST_SETTINGS

# PostgreSQL's frontend protocol: eight bytes long, and the number that asks for TLS.
_SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@pytest.mark.parametrize(
    "url, mode",
    [
        ("postgresql://u:p@db.example:5432/doorward", "require"),
        ("postgresql://u:p@db.example/doorward?application_name=x", "require"),
        ("postgresql://u:p@127.0.0.1:5432/doorward", "disable"),
        ("postgresql://u:p@[::1]:5432/doorward", "disable"),
    ],
)
def test_an_address_that_says_nothing_gets_tls_to_other_machines_alone(url: str, mode: str) -> None:
    said = with_tls(url)
    assert said.startswith(url)
    assert said.endswith(f"sslmode={mode}")
    assert with_tls(said) == said


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@db.example/doorward?sslmode=disable",
        "postgresql://u:p@db.example/doorward?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql:///doorward?host=/run/postgresql",
    ],
)
def test_what_an_address_says_itself_is_left_and_sockets_need_none(url: str) -> None:
    assert with_tls(url) == url


class Authority:
    """Issues certificates for servers on this machine."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.pem"
        own = self._certificate(self._name, self._key.public_key(), None)
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def issue(self, folder: Path) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1 and its key, as files."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "server")])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        certificate = self._certificate(subject, key.public_key(), address)
        files = folder / "server.pem", folder / "server.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].touch(mode=0o600)
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, names: x509.SubjectAlternativeName | None
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


class Front:
    """TLS in front of a server that has none: answers PostgreSQL's SSLRequest, shakes hands, and passes all on."""

    def __init__(self, port: int, certificate: Path, key: Path) -> None:
        self._behind = port
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)
        self.handshakes = 0
        self.port = 0

    @contextmanager
    def serving(self) -> "Iterator[Front]":
        """In a thread of its own."""
        loop = asyncio.new_event_loop()
        server = loop.run_until_complete(asyncio.start_server(self._take, "127.0.0.1", 0))
        loop.set_exception_handler(lambda *_: None)  # whoever distrusts the certificate hangs up
        self.port = server.sockets[0].getsockname()[1]
        thread = Thread(target=loop.run_forever)
        thread.start()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            server.close()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0.1))
            loop.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(8) == _SSL_REQUEST
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._context)
        self.handshakes += 1
        behind, onwards = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(_pass_on(reader, onwards), _pass_on(behind, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while read := await reader.read(65536):
        writer.write(read)
        await writer.drain()
    writer.close()


class Secured(msgspec.Struct, frozen=True):
    """A server behind TLS, who issued its certificate, and somebody else who issues some."""

    postgres: EmbeddedPostgres
    front: Front
    right: Path
    wrong: Path

    def url(self, role: str, database: str, options: str) -> str:
        """The address through TLS."""
        parts = urlsplit(self.postgres.url(role, database))
        netloc = parts.netloc.replace(f":{parts.port}", f":{self.front.port}")
        return urlunsplit(parts._replace(netloc=netloc, query=options))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    place = tmp_path_factory.mktemp("tls")
    right, wrong = Authority(place, "right"), Authority(place, "wrong")
    with (
        EmbeddedPostgres(place / "data", settings=TEST_SETTINGS) as postgres,
        Front(urlsplit(postgres.url(OWNER)).port or 0, *right.issue(place)).serving() as front,
    ):
        yield Secured(postgres, front, right.path, wrong.path)


async def whoami(url: str) -> str:
    database = Database(url, max_size=1)
    try:
        await database.open()
        async with database.transaction(Scope(), read_only=True) as conn:
            user: str = await conn.fetchval("SELECT current_user")
            return user
    finally:
        await database.close()


def test_the_right_server_is_spoken_to_and_migrated_by_tls(secured: Secured) -> None:
    options = f"sslmode=verify-full&sslrootcert={secured.right}"
    data, keys = secured.url(OWNER, DATABASE, options), secured.url(KEYS, KEY_DATABASE, options)
    assert migrate(data, keys) == 0
    assert asyncio.run(whoami(data)) == OWNER
    before = secured.front.handshakes
    assert asyncio.run(whoami(secured.url(OWNER, DATABASE, "sslmode=require"))) == OWNER
    assert secured.front.handshakes > before


def test_another_server_in_its_place_learns_nothing(secured: Secured) -> None:
    options = f"sslmode=verify-full&sslrootcert={secured.wrong}"
    data, keys = secured.url(OWNER, DATABASE, options), secured.url(KEYS, KEY_DATABASE, options)
    with pytest.raises(OSError, match="certificate verify failed"):
        asyncio.run(whoami(data))
    with pytest.raises((OSError, MigrationFailed), match="certificate"):
        migrate(data, keys)


def test_a_server_that_says_it_has_no_tls_is_refused(secured: Secured) -> None:
    """As who stands between would say, to be told the password's proof in the clear."""
    plain = secured.postgres.url(OWNER)
    with pytest.raises(ConnectionError):
        asyncio.run(whoami(f"{plain}?sslmode=require"))
