"""The first release's side of the gate protocol, frozen: its structs and its checks, and nothing of today's SDK.

Never brought up to date. Gates that were built with it stand at doors for years, and a server that has moved on must
still be understood by them; see docs/gate-protocol.md.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Grant(msgspec.Struct, frozen=True):
    kind: str
    from_us: int
    until_us: int | None = None


class TemplateRef(msgspec.Struct, frozen=True):
    pack: str
    sha256: str


class Entry(msgspec.Struct, frozen=True):
    subject: UUID
    grants: tuple[Grant, ...]
    template: TemplateRef | None = None


class Policy(msgspec.Struct, frozen=True):
    fpir: float = 0.001
    threshold: float | None = None
    standing_lease_s: int = 72 * 3600
    visiting_lease_s: int = 3600
    wipe_after_s: int = 7 * 24 * 3600


class Head(msgspec.Struct, frozen=True):
    community: UUID
    epoch: int
    version: int
    count: int
    digest: bytes
    issued_at_us: int
    policy: Policy


class SignedHead(msgspec.Struct, frozen=True):
    head: bytes
    kid: str
    signature: bytes


class ServerKey(msgspec.Struct, frozen=True):
    kid: str
    public_key: bytes


class Item(msgspec.Struct, frozen=True, array_like=True):
    subject: bytes
    version: int
    body: bytes | None
    template: bytes | None


class Page(msgspec.Struct, frozen=True):
    kind: str
    epoch: int
    items: tuple[Item, ...]
    next: str | None = None
    head: SignedHead | None = None
    keys: tuple[ServerKey, ...] = ()


class Event(msgspec.Struct, frozen=True):
    store_epoch: int
    seq: int
    kind: str
    at_us: int
    outcome: str | None = None
    reason: str | None = None
    subject: UUID | None = None
    score: float | None = None
    stale_for_s: float | None = None
    detail: str | None = None


class Batch(msgspec.Struct, frozen=True):
    events: tuple[Event, ...]


class Receipt(msgspec.Struct, frozen=True):
    store_epoch: int
    seq: int


def digest_of(items: dict[bytes, Item]) -> bytes:
    digest = hashlib.sha256()
    for subject in sorted(items):
        digest.update(subject)
        digest.update(hashlib.sha256(items[subject].body or b"").digest())
    return digest.digest()


class Gate:
    """What the first release's gate does with pages: verify, apply, remember."""

    def __init__(self, community: UUID, keys: dict[str, bytes]) -> None:
        self.community = community
        self.keys = keys
        self.items: dict[bytes, Item] = {}
        self.head: Head | None = None

    @property
    def query(self) -> dict[str, str]:
        if self.head is None:
            return {"wait": "0"}
        return {
            "wait": "0",
            "epoch": str(self.head.epoch),
            "version": str(self.head.version),
            "digest": self.head.digest.hex(),
        }

    def take(self, answers: list[bytes]) -> None:
        """Apply a sequence of pages, or fail where the first release would have refused it."""
        pages = [msgspec.msgpack.decode(answer, type=Page) for answer in answers]
        last = pages[-1].head
        assert last is not None
        Ed25519PublicKey.from_public_bytes(self.keys[last.kid]).verify(
            last.signature, b"doorward/head/v1\0" + last.head
        )
        head = msgspec.msgpack.decode(last.head, type=Head)
        assert head.community == self.community
        items = {} if pages[0].kind == "snapshot" else dict(self.items)
        for item in (item for page in pages for item in page.items):
            if item.body is None:
                items.pop(item.subject, None)
                continue
            entry = msgspec.json.decode(item.body, type=Entry)
            assert entry.subject.bytes == item.subject
            if item.template is not None:
                assert entry.template is not None
                assert hashlib.sha256(item.template).hexdigest() == entry.template.sha256
            items[item.subject] = item
        assert (len(items), digest_of(items)) == (head.count, head.digest)
        self.items, self.head = items, head

    def entry(self, subject: UUID) -> Entry:
        return msgspec.json.decode(self.items[subject.bytes].body or b"", type=Entry)


class Server:
    """What the first release's server answered; only to make the bytes that the tests keep."""

    def __init__(self, community: UUID, key: Ed25519PrivateKey) -> None:
        self.community = community
        self.key = key

    def page(self, kind: str, version: int, items: dict[bytes, Item], sent: tuple[Item, ...], at_us: int) -> bytes:
        head = msgspec.msgpack.encode(Head(self.community, 1, version, len(items), digest_of(items), at_us, Policy()))
        signed = SignedHead(head, "k1", self.key.sign(b"doorward/head/v1\0" + head))
        keys = (ServerKey("k1", self.key.public_key().public_bytes_raw()),)
        return msgspec.msgpack.encode(Page(kind, 1, sent, head=signed, keys=keys))


def body(subject: UUID, kind: str, template: bytes | None, pack: str) -> bytes:
    """An entry as the first release's database wrote it."""
    named: dict[str, Any] | None = None
    if template is not None:
        named = {"pack": pack, "sha256": hashlib.sha256(template).hexdigest()}
    grants = [{"kind": kind, "from_us": 1_700_000_000_000_000, "until_us": None}]
    return json.dumps({"grants": grants, "subject": str(subject), "template": named}).encode()
