"""Bytes that gates in the field have signed, stored and sent: a change breaks them, so it must show in the diff."""

import hashlib
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gate_sdk.wire import (
    BadSignature,
    EventBatch,
    EventKind,
    EventReceipt,
    GateEvent,
    GrantKind,
    Head,
    Outcome,
    PageKind,
    Policy,
    ProvisionRequest,
    ProvisionResponse,
    Reason,
    ServerKey,
    SignedHead,
    SyncItem,
    SyncPage,
    TokenRequest,
    Via,
    decode_entry,
    entry_hash,
    provision_statement,
    roster_digest,
    sign_head,
    verify_head,
)

SUBJECT = UUID("0190b5a2-3c4d-7e5f-8a9b-0c1d2e3f4a5b")
COMMUNITY = UUID("11111111-2222-4333-8444-555555555555")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
BODY = (
    b'{"subject":"0190b5a2-3c4d-7e5f-8a9b-0c1d2e3f4a5b","grants":[{"kind":"resident","from_us":1700000000000000,'
    b'"until_us":null}],"template":{"pack":"yunet-sface-1","sha256":"'
    + hashlib.sha256(b"\x00<" * 4).hexdigest().encode()
    + b'"}}'
)
HEAD = Head(
    community=COMMUNITY,
    epoch=1,
    version=7,
    count=1,
    digest=roster_digest([(SUBJECT.bytes, entry_hash(BODY))]),
    issued_at_us=1_700_000_000_000_000,
    policy=Policy(),
)


def test_entry_body() -> None:
    entry = decode_entry(BODY)
    assert entry.subject == SUBJECT
    assert entry.grants[0].kind is GrantKind.RESIDENT
    assert entry.grants[0].until_us is None
    assert entry_hash(BODY).hex() == "16600f7bcd90036ad9ab2e8f9d00c23460314710e2e6b7b4968792cc2b84cf4e"


def test_unknown_fields_of_a_later_server_are_read_over() -> None:
    later = BODY.replace(b'"grants"', b'"colour":"blue","grants"')
    assert decode_entry(later) == decode_entry(BODY)


def test_roster_digest() -> None:
    assert roster_digest([]) == hashlib.sha256(b"").digest()
    pairs = [(bytes([byte]) * 16, bytes([byte]) * 32) for byte in (2, 1)]
    assert roster_digest(pairs) == roster_digest(reversed(pairs))
    assert roster_digest(pairs).hex() == "f5c004e51f3c618860e74151e874a0b050e01d8014801f19194c10f178e6f114"


def test_head_bytes_and_signature() -> None:
    signed = sign_head(HEAD, key=KEY, kid="k1")
    assert signed.head.hex() == (
        "87a9636f6d6d756e697479d92431313131313131312d323232322d343333332d383434342d353535353535353535353535a5"
        "65706f636801a776657273696f6e07a5636f756e7401a6646967657374c4209e058667ab5e0edb18192a7124769d8d4939b7"
        "16dd964d4a07739927c2d6d1e3ac6973737565645f61745f7573cf00060a24181e4000a6706f6c69637985a466706972cb3f"
        "50624dd2f1a9fca97468726573686f6c64c0b07374616e64696e675f6c656173655f73ce0003f480b07669736974696e675f"
        "6c656173655f73cd0e10ac776970655f61667465725f73ce00093a80"
    )
    assert signed.signature.hex() == (
        "c2ed20e7a6b540cd37532c7ac629325c4ee90a640dd8ce69c7790cd5a6e07f3c19c0e2d8eb10a8bacb6ab78488c4c129c58f"
        "9c6870c89c9c606c44bae4526f02"
    )
    keys = {"k1": KEY.public_key().public_bytes_raw()}
    assert verify_head(signed, keys) == HEAD
    with pytest.raises(BadSignature):
        verify_head(msgspec.structs.replace(signed, head=signed.head + b"\x00"), keys)
    with pytest.raises(BadSignature):
        verify_head(msgspec.structs.replace(signed, kid="k2"), keys)


def test_a_signature_over_the_bare_bytes_is_no_head() -> None:
    encoded = msgspec.msgpack.encode(HEAD)
    bare = SignedHead(head=encoded, kid="k1", signature=KEY.sign(encoded))
    with pytest.raises(BadSignature):
        verify_head(bare, {"k1": KEY.public_key().public_bytes_raw()})


GOLDEN = {
    "page": (
        SyncPage(
            kind=PageKind.DELTA,
            epoch=1,
            items=(
                SyncItem(subject=SUBJECT.bytes, version=7, body=BODY, template=b"\x00<" * 4),
                SyncItem(subject=b"\x02" * 16, version=6, body=None, template=None),
            ),
            head=sign_head(HEAD, key=KEY, kid="k1"),
            keys=(ServerKey(kid="k1", public_key=b"\x01" * 32),),
        ),
        (
            "86a46b696e64a564656c7461a565706f636801a56974656d739294c4100190b5a23c4d7e5f8a9b0c1d2e3f4a5b07c4ec7b22"
            "7375626a656374223a2230313930623561322d336334642d376535662d386139622d306331643265336634613562222c2267"
            "72616e7473223a5b7b226b696e64223a227265736964656e74222c2266726f6d5f7573223a31373030303030303030303030"
            "3030302c22756e74696c5f7573223a6e756c6c7d5d2c2274656d706c617465223a7b227061636b223a2279756e65742d7366"
            "6163652d31222c22736861323536223a22646565646630303134636334633639313339306335323564363563326432326434"
            "63646234636436356636623530623937323734393939373561323163383438227d7dc408003c003c003c003c94c410020202"
            "0202020202020202020202020206c0c0a46e657874c0a46865616483a468656164c4e487a9636f6d6d756e697479d9243131"
            "3131313131312d323232322d343333332d383434342d353535353535353535353535a565706f636801a776657273696f6e07"
            "a5636f756e7401a6646967657374c4209e058667ab5e0edb18192a7124769d8d4939b716dd964d4a07739927c2d6d1e3ac69"
            "73737565645f61745f7573cf00060a24181e4000a6706f6c69637985a466706972cb3f50624dd2f1a9fca97468726573686f"
            "6c64c0b07374616e64696e675f6c656173655f73ce0003f480b07669736974696e675f6c656173655f73cd0e10ac77697065"
            "5f61667465725f73ce00093a80a36b6964a26b31a97369676e6174757265c440c2ed20e7a6b540cd37532c7ac629325c4ee9"
            "0a640dd8ce69c7790cd5a6e07f3c19c0e2d8eb10a8bacb6ab78488c4c129c58f9c6870c89c9c606c44bae4526f02a46b6579"
            "739182a36b6964a26b31aa7075626c69635f6b6579c420010101010101010101010101010101010101010101010101010101"
            "0101010101"
        ),
    ),
    "events": (
        EventBatch(
            events=(
                GateEvent(
                    store_epoch=2**53 - 1,
                    seq=1,
                    kind=EventKind.ENTRY,
                    at_us=1_700_000_000_000_000,
                    outcome=Outcome.ALLOW,
                    reason=Reason.MATCHED,
                    subject=SUBJECT,
                    stale_for_s=1.5,
                    via=Via.FACE,
                ),
                GateEvent(store_epoch=2**53 - 1, seq=2, kind=EventKind.ALARM, at_us=1, detail="roster-damaged"),
            )
        ),
        (
            "81a66576656e7473928cab73746f72655f65706f6368cf001fffffffffffffa373657101a46b696e64a5656e747279a56174"
            "5f7573cf00060a24181e4000a76f7574636f6d65a5616c6c6f77a6726561736f6ea76d617463686564a77375626a656374d9"
            "2430313930623561322d336334642d376535662d386139622d306331643265336634613562ab7374616c655f666f725f73cb"
            "3ff8000000000000a664657461696cc0a3766961a466616365aa63726564656e7469616cc0a3757365c08cab73746f72655f"
            "65706f6368cf001fffffffffffffa373657102a46b696e64a5616c61726da561745f757301a76f7574636f6d65c0a6726561"
            "736f6ec0a77375626a656374c0ab7374616c655f666f725f73c0a664657461696cae726f737465722d64616d61676564a376"
            "6961c0aa63726564656e7469616cc0a3757365c0"
        ),
    ),
    "receipt": (EventReceipt(store_epoch=2**53 - 1, seq=2), "82ab73746f72655f65706f6368cf001fffffffffffffa373657102"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_messagepack(name: str) -> None:
    value, golden = GOLDEN[name]
    assert msgspec.msgpack.encode(value).hex() == golden
    assert msgspec.msgpack.decode(bytes.fromhex(golden), type=type(value)) == value


def test_device_json() -> None:
    public = KEY.public_key().public_bytes_raw()
    statement = provision_statement("ABCD-1234", public)
    assert statement == b"doorward/provision/v1\x00ABCD-1234\x00" + public
    request = ProvisionRequest(
        claim_code="ABCD-1234", public_key=public, proof=KEY.sign(statement), sdk="0.1.0", packs=("yunet-sface-1",)
    )
    assert msgspec.json.encode(request) == (
        b'{"claim_code":"ABCD-1234","public_key":"A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=","proof":"'
        b'2l1KWx1BRR6CyOr4QH3CahoxilvOLdnQGCYYobfE8EVMyVKzH9BYq1Mx023BwFoGLeJYSNzoH66Qqv3b4r0tCA==","sdk"'
        b':"0.1.0","packs":["yunet-sface-1"]}'
    )
    answer = ProvisionResponse(
        gate_id=SUBJECT,
        community_id=COMMUNITY,
        name="North gate",
        pack=None,
        server_keys=(ServerKey(kid="k1", public_key=b"\x01" * 32),),
    )
    assert msgspec.json.encode(answer) == (
        b'{"gate_id":"0190b5a2-3c4d-7e5f-8a9b-0c1d2e3f4a5b","community_id":"11111111-2222-4333-8444-555555555555",'
        b'"name":"North gate","pack":null,"server_keys":[{"kid":"k1",'
        b'"public_key":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="}]}'
    )
    assert msgspec.json.encode(TokenRequest(client_assertion="x")) == (
        b'{"client_assertion":"x","client_assertion_type":"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}'
    )
