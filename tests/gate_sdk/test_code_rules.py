"""The bytes of codes, and a parser that a camera may show anything."""

import hashlib
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from gate_sdk._codes.rules import back_off_us
from gate_sdk.testing import Phone
from gate_sdk.wire import (
    MAX_CODE_CHARS,
    CardCode,
    CodeUnreadable,
    PhoneCode,
    PhoneKey,
    RosterEntry,
    VisitorCode,
    base45,
    canonical_key,
    card_hash,
    encode_card,
    encode_phone,
    encode_visitor,
    key_id_of,
    parse_code,
    phone_key_statement,
    phone_statement,
    pin_verifier,
    sign_visitor,
    verify_phone,
    verify_phone_key,
    verify_visitor,
)

COMMUNITY = UUID("11111111-2222-4333-8444-555555555555")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
STEP = 60_000_000
# The vectors of docs/codes.md.
PHONE_TEXT = (
    "DW1:B9018A3*F.*0SJGCTI900L%A4NGXN4 2I:Q0 61WXKR0S$HIJH8U04YWI.UI2QKGWRWB2+:867G$.05AV27WEFIG-BEPRIJN"
    "T:6CGBAGE$5TN724DT80"
)
VISITOR_TEXT = (
    "DW1:HB0X507H0QS09.0/E9H20QF9J44*E9O13HC0E67UXK2PO:YQSB0R3GK.H$VVL-E-TG E5EGK235SWEAEW71G:F3BNLYQ8ST8"
    "90EATTQKBGN9$NR0K24$PWB4QN4MZ20KTF0"
)
CARD_TEXT = "DW1:3H0X507H0QS00+0J61%H1CT1F0"
P256 = {
    "public": (
        "3059301306072a8648ce3d020106082a8648ce3d030107034200042cee312fd7aaa83b43dcc9ec94c837e0ca41885e68a708"
        "82303db4ebd86e9e942b1eaa2255603e10e45a27867408b46df5d42299ae400a9632b4109a3782fd2d"
    ),
    "signature": (
        "c83bb78aa380e0a1fa31b0d6a302e1c96c95bea73717f964f00f47b592aa354415f7241bb493c0d33daaa88bb1525e2422e7"
        "73ccc75f2fe8f96d869bb04ca218"
    ),
}


def phone_code() -> PhoneCode:
    key_id = key_id_of(PUBLIC)
    return PhoneCode(key_id, STEP, KEY.sign(phone_statement(COMMUNITY, key_id, STEP)))


def visitor_code() -> VisitorCode:
    code = VisitorCode(bytes(range(8)), 1_800_000_000, 1_800_007_200, 1_799_999_000, 2)
    return sign_visitor(code, community=COMMUNITY, key=KEY)


def test_the_vectors_of_the_document() -> None:
    assert key_id_of(PUBLIC).hex() == "a050837d85070582"
    assert encode_phone(phone_code()) == PHONE_TEXT
    assert encode_visitor(visitor_code()) == VISITOR_TEXT
    assert encode_card(bytes(range(16))) == CARD_TEXT
    assert (
        card_hash(COMMUNITY, bytes(range(16))).hex()
        == "c1f5b49b0aeb8d8b29f37138044de8e82bad28c535921f928446a2373571ef00"
    )
    assert (
        pin_verifier(COMMUNITY, bytes(range(16)), "493817").hex()
        == "3365b15e48d2d8ce50e16d98e4c64dfb1750ed91c0c6df7cf515642b99cd0f8d"
    )
    assert parse_code(PHONE_TEXT) == phone_code()
    assert parse_code(VISITOR_TEXT) == visitor_code()
    assert parse_code(CARD_TEXT) == CardCode(bytes(range(16)))


def test_a_p256_signature_as_webcrypto_makes_it() -> None:
    public = bytes.fromhex(P256["public"])
    code = PhoneCode(key_id_of(public), STEP, bytes.fromhex(P256["signature"]))
    assert verify_phone(code, community=COMMUNITY, public_key=public)
    assert verify_phone(code, community=COMMUNITY, public_key=canonical_key(public))
    assert len(canonical_key(public)) == 33


@pytest.mark.parametrize("text", [PHONE_TEXT, VISITOR_TEXT, CARD_TEXT])
def test_codes_are_alphanumeric_and_short(text: str) -> None:
    assert len(text) <= MAX_CODE_CHARS
    assert set(text) <= set(base45.ALPHABET)


def test_rfc_9285_examples() -> None:
    for plain, text in {
        b"AB": "BB8",
        b"Hello!!": "%69 VD92EX0",
        b"base-45": "UJCLQE7W581",
        b"ietf!": "QED8WEX0",
    }.items():
        assert base45.encode(plain) == text
        assert base45.decode(text) == plain


@given(st.binary(max_size=120))
def test_every_byte_string_has_one_text(data: bytes) -> None:
    assert base45.decode(base45.encode(data)) == data


@pytest.mark.parametrize("text", ["GGW", "A", "::", "ABCD", "ab", "é00", "0\n0"])
def test_texts_that_stand_for_nothing(text: str) -> None:
    with pytest.raises(ValueError):
        base45.decode(text)


@given(
    st.one_of(st.text(max_size=400), st.text(alphabet=base45.ALPHABET, max_size=220).map(lambda rest: "DW1:" + rest))
)
@example("")
@example("DW1:")
@example("DW1:" + "0" * 10_000)
@example("https://example.com/pay?to=somebody")
def test_hostile_texts_are_refused_or_mean_exactly_what_they_say(text: str) -> None:
    read(text)


@given(st.binary(min_size=1, max_size=120))
def test_hostile_bytes_are_refused_or_mean_exactly_what_they_say(data: bytes) -> None:
    read("DW1:" + base45.encode(data))


def read(text: str) -> None:
    try:
        code = parse_code(text)
    except CodeUnreadable:
        return
    if isinstance(code, PhoneCode):
        again = encode_phone(code)
    elif isinstance(code, VisitorCode):
        again = encode_visitor(code)
    else:
        again = encode_card(code.secret)
    assert again == text


@given(st.integers(min_value=0, max_value=len(visitor_code().payload()) * 8 - 1))
def test_no_altered_bit_of_a_token_is_believed(bit: int) -> None:
    raw = bytearray(visitor_code().payload())
    raw[bit // 8] ^= 1 << bit % 8
    try:
        altered = parse_code("DW1:" + base45.encode(bytes(raw) + visitor_code().signature))
    except CodeUnreadable:
        return
    assert isinstance(altered, VisitorCode)
    assert not verify_visitor(altered, community=COMMUNITY, keys={"k": PUBLIC})


@given(st.binary(max_size=100))
def test_hostile_public_keys(data: bytes) -> None:
    try:
        key = canonical_key(data)
    except ValueError:
        return
    assert len(key) in {32, 33}
    assert canonical_key(key) == key


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
def test_a_phone_shows_that_it_holds_its_key(algorithm: str) -> None:
    phone = Phone(COMMUNITY, algorithm)  # type: ignore[arg-type]  # pytest passes plain strings
    proof = phone.proof(b"challenge")
    facts = {"community": COMMUNITY, "challenge": b"challenge", "public_key": phone.public_key, "proof": proof}
    assert verify_phone_key(**facts)  # type: ignore[arg-type]  # one by one below
    for change in ({"community": UUID(int=1)}, {"challenge": b"other"}, {"proof": bytes(64)}, {"proof": b""}):
        assert not verify_phone_key(**{**facts, **change})  # type: ignore[arg-type]  # as above
    assert not verify_phone_key(**{**facts, "public_key": Phone(COMMUNITY).public_key})  # type: ignore[arg-type]  # as above


def test_an_entry_without_codes_has_the_bytes_it_had() -> None:
    entry = RosterEntry(subject=COMMUNITY, grants=())
    assert msgspec.json.encode(entry) == b'{"subject":"11111111-2222-4333-8444-555555555555","grants":[]}'
    key = PhoneKey(id=key_id_of(PUBLIC), key=PUBLIC)
    told = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(entry, keys=(key,))), type=RosterEntry)
    assert told.keys == (key,)


def test_wrong_pins_cost_more_and_more_time() -> None:
    seconds = [back_off_us(failures) // 1_000_000 for failures in (1, 2, 3, 4, 5, 14, 15, 16, 10**9)]
    assert seconds == [0, 0, 30, 60, 120, 61440, 86400, 86400, 86400]


@pytest.mark.parametrize("pin", ["", "123", "12345678901234", "12a4", "\uff11\uff12\uff13\uff14", "-1234"])
def test_what_is_no_pin_is_refused(pin: str) -> None:
    with pytest.raises(ValueError):
        pin_verifier(COMMUNITY, bytes(16), pin)


@pytest.mark.parametrize("log_n", [0, 9, 17, 40])
def test_a_roster_cannot_make_a_gate_spend_its_memory(log_n: int) -> None:
    with pytest.raises(ValueError):
        pin_verifier(COMMUNITY, bytes(16), "1234", log_n=log_n)


def test_the_card_s_hash_is_bound_to_its_community() -> None:
    assert card_hash(COMMUNITY, bytes(16)) != card_hash(UUID(int=1), bytes(16))
    assert (
        card_hash(COMMUNITY, bytes(16)) == hashlib.sha256(b"doorward/card/v1\0" + COMMUNITY.bytes + bytes(16)).digest()
    )


def test_the_statements_name_their_purpose_and_community() -> None:
    assert phone_statement(COMMUNITY, bytes(8), 1) == b"doorward/code/v1\0" + COMMUNITY.bytes + bytes(8) + b"\0\0\0\1"
    statement = phone_key_statement(COMMUNITY, b"x", PUBLIC)
    assert statement.startswith(b"doorward/phone-key/v1\0" + COMMUNITY.bytes + hashlib.sha256(b"x").digest())
