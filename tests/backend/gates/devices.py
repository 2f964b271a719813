"""A gate's device, written against the protocol's structs and nothing else; and changes of a community's roster."""

import hashlib
import struct
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.access import service as access
from backend.kit.clock import Clock
from backend.kit.db import Database, Scope
from backend.people import repository as people
from gate_sdk.wire import (
    EventBatch,
    EventReceipt,
    GateEvent,
    GrantKind,
    Head,
    PageKind,
    ProvisionResponse,
    SyncItem,
    SyncPage,
    entry_hash,
    provision_statement,
    roster_digest,
    verify_head,
)
from tests.backend.ending import end_subject
from tests.backend.world import Actor, World

PUBLIC_URL = "http://127.0.0.1:8480"


class Device:
    """Holds a key, an identity and a roster, and checks every page as a gate must."""

    def __init__(
        self, api: httpx.AsyncClient, key: Ed25519PrivateKey, identity: ProvisionResponse, world: World
    ) -> None:
        self.api = api
        self.key = key
        self.identity = identity
        self.world = world
        self.token = ""
        self.head: Head | None = None
        self.items: dict[bytes, SyncItem] = {}

    @classmethod
    async def provisioned(
        cls, api: httpx.AsyncClient, manager: Actor, community_id: UUID, world: World, *, name: str = "North"
    ) -> Self:
        made = await manager.post(f"/staff/v1/communities/{community_id}/gates", json={"name": name})
        assert made.status_code == 201, made.text
        key = Ed25519PrivateKey.generate()
        answer = await provision(api, key, made.json()["claim_code"])
        assert answer.status_code == 201, answer.text
        device = cls(api, key, msgspec.json.decode(answer.content, type=ProvisionResponse), world)
        await device.log_in()
        return device

    @property
    def state(self) -> dict[str, str]:
        if self.head is None:
            return {}
        return {
            "epoch": str(self.head.epoch),
            "version": str(self.head.version),
            "digest": self.head.digest.hex(),
        }

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def assertion(self, **changed: Any) -> str:
        now = int(self.world.clock().timestamp())
        gate = str(self.identity.gate_id)
        claims = {
            "iss": gate,
            "sub": gate,
            "aud": f"{self.world.settings.public_url}/gate/v1/token",
            "jti": uuid4().hex,
            "exp": now + 60,
        }
        return jwt.encode({**claims, **changed}, self.key, algorithm="EdDSA")

    async def ask_token(self, assertion: str) -> httpx.Response:
        return await self.api.post("/gate/v1/token", json={"client_assertion": assertion})

    async def log_in(self) -> None:
        answer = await self.ask_token(self.assertion())
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]

    async def ask(self, *, wait: int = 0, **query: str) -> httpx.Response:
        return await self.api.get(
            "/gate/v1/sync", params={"wait": str(wait), **self.state, **query}, headers=self.headers, timeout=60
        )

    async def sync(self, *, wait: int = 0) -> list[SyncPage]:
        """One sequence of pages, applied if it is right; the pages."""
        pages: list[SyncPage] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await self.ask(wait=wait, **cursor)
            assert answer.status_code == 200, answer.text
            assert answer.headers["content-type"] == "application/vnd.msgpack"
            page = msgspec.msgpack.decode(answer.content, type=SyncPage)
            pages.append(page)
            if page.next is None:
                break
            assert page.head is None
            cursor = {"cursor": page.next}
        self.take(pages)
        return pages

    def take(self, pages: Sequence[SyncPage]) -> None:
        last = pages[-1]
        assert last.head is not None
        assert {page.kind for page in pages} == {last.kind}
        head = verify_head(last.head, {key.kid: key.public_key for key in self.identity.server_keys})
        assert head.community == self.identity.community_id
        assert head.epoch == last.epoch
        items = {} if last.kind is PageKind.SNAPSHOT else dict(self.items)
        for page in pages:
            for item in page.items:
                if item.body is None:
                    items.pop(item.subject, None)
                else:
                    items[item.subject] = item
        hashes = [(subject, entry_hash(item.body)) for subject, item in items.items() if item.body is not None]
        assert head.count == len(hashes)
        assert head.digest == roster_digest(hashes)
        before = self.head
        if before is not None and before.epoch == head.epoch:
            # An older list, or another one under the same number, is refused.
            assert head.version >= before.version
            assert head.version > before.version or head.digest == before.digest
        self.items, self.head = items, head

    async def deliver(self, *events: GateEvent) -> httpx.Response:
        return await self.api.post(
            "/gate/v1/events",
            content=msgspec.msgpack.encode(EventBatch(events=events)),
            headers={**self.headers, "Content-Type": "application/vnd.msgpack"},
        )

    async def delivered(self, *events: GateEvent) -> EventReceipt:
        answer = await self.deliver(*events)
        assert answer.status_code == 200, answer.text
        return msgspec.msgpack.decode(answer.content, type=EventReceipt)


async def provision(
    api: httpx.AsyncClient, key: Ed25519PrivateKey, code: str, *, proof: bytes | None = None, **changed: Any
) -> httpx.Response:
    public = key.public_key().public_bytes_raw()
    body = {
        "claim_code": code,
        "public_key": public,
        "proof": proof if proof is not None else key.sign(provision_statement(code, public)),
        "sdk": "test",
        **changed,
    }
    return await api.post(
        "/gate/v1/provision", content=msgspec.json.encode(body), headers={"Content-Type": "application/json"}
    )


class Rosters:
    """Puts people into a community's roster and takes them out, through the access service."""

    def __init__(self, db: Database, community_id: UUID, clock: Clock) -> None:
        self.db = db
        self.community_id = community_id
        self.clock = clock

    async def subject(self) -> UUID:
        async with self.db.transaction(Scope(community_id=self.community_id, platform=True)) as conn:
            person = await people.insert_person(conn)
            return await people.ensure_subject(conn, community_id=self.community_id, person_id=person.person_id)

    async def admit(self, subject_id: UUID, *, kind: GrantKind = GrantKind.RESIDENT) -> UUID:
        """A grant for a day; its source id."""
        source_id = uuid4()
        now = self.clock()
        async with self.db.transaction(Scope(community_id=self.community_id)) as conn:
            await access.grant(
                conn,
                community_id=self.community_id,
                subject_id=subject_id,
                kind=kind,
                source="staff",
                source_id=source_id,
                valid_from=now,
                valid_until=now + timedelta(days=1),
                now=now,
            )
        return source_id

    async def people(self, count: int) -> list[UUID]:
        """That many residents at once."""
        now = self.clock()
        async with self.db.transaction(Scope(community_id=self.community_id, platform=True)) as conn:
            rows = await conn.fetch(
                """
                WITH people AS (INSERT INTO person SELECT FROM generate_series(1, $2) RETURNING person_id)
                INSERT INTO subject (community_id, person_id) SELECT $1, person_id FROM people RETURNING subject_id
                """,
                self.community_id, count,
            )  # fmt: skip
            subjects = [row["subject_id"] for row in rows]
            grants = [access.NewGrant(subject, GrantKind.RESIDENT, "staff", uuid4(), now) for subject in subjects]
            await access.grant_many(conn, community_id=self.community_id, grants=grants, now=now)
        return subjects

    async def remove(self, subject_id: UUID) -> None:
        async with self.db.transaction(Scope(community_id=self.community_id)) as conn:
            await end_subject(conn, community_id=self.community_id, subject_id=subject_id, now=self.clock())

    async def set_template(self, subject_id: UUID, values: Sequence[float]) -> bytes:
        """A credential with these bytes, which are answered."""
        data = struct.pack(f"<{len(values)}e", *values)
        async with self.db.transaction(Scope(community_id=self.community_id)) as conn:
            await access.set_credential(
                conn,
                community_id=self.community_id,
                subject_id=subject_id,
                template_id=uuid4(),
                pack="test-pack",
                template_sha256=hashlib.sha256(data).digest(),
                now=self.clock(),
            )
        return data

    async def version(self) -> access.RosterVersion:
        async with self.db.transaction(Scope(community_id=self.community_id), read_only=True) as conn:
            return await access.roster_version(conn, community_id=self.community_id)
