"""Access tokens: what is genuine is known again without being read again, and is refused all the same in time."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.kit import auth
from backend.kit.auth import ACCESS_TTL, GatePrincipal, ResidentPrincipal, Surface, Tokens
from backend.kit.problems import Unauthorised

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(kid="k1", key=Ed25519PrivateKey.generate(), accepted={})


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens that were read and checked against a key."""
    seen: list[str] = []
    decode = jwt.decode

    def watched(token: str, *args: object, **options: object) -> object:
        seen.append(token)
        return decode(token, *args, **options)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(jwt, "decode", watched)
    return seen


def resident() -> ResidentPrincipal:
    return ResidentPrincipal(account_id=uuid4(), person_id=uuid4(), session_id=uuid4())


def test_a_token_is_read_once_and_refused_when_its_time_is_over(tokens: Tokens, readings: list[str]) -> None:
    principal = resident()
    token = tokens.issue(principal, now=NOW)
    for second in range(3):
        assert tokens.verify(token, surface=Surface.RESIDENT, now=NOW + timedelta(seconds=second)) == principal
    assert readings == [token]
    with pytest.raises(Unauthorised, match="expired"):
        tokens.verify(token, surface=Surface.RESIDENT, now=NOW + ACCESS_TTL)


def test_a_token_known_on_its_surface_is_refused_on_every_other(tokens: Tokens) -> None:
    token = tokens.issue(resident(), now=NOW)
    tokens.verify(token, surface=Surface.RESIDENT, now=NOW)
    for surface in set(Surface) - {Surface.RESIDENT}:
        with pytest.raises(Unauthorised):
            tokens.verify(token, surface=surface, now=NOW)


def test_a_known_token_with_any_character_changed_is_refused(tokens: Tokens) -> None:
    token = tokens.issue(GatePrincipal(gate_id=uuid4(), community_id=uuid4()), now=NOW)
    tokens.verify(token, surface=Surface.GATE, now=NOW)
    head, payload, signature = token.split(".")
    for forged in (
        f"{head}.{payload}.{signature[:10]}{'A' if signature[10] != 'A' else 'B'}{signature[11:]}",
        f"{head}.{payload[:20]}{'A' if payload[20] != 'A' else 'B'}{payload[21:]}.{signature}",
        token[:-10],
        token + "AAAA",
    ):
        with pytest.raises(Unauthorised):
            tokens.verify(forged, surface=Surface.GATE, now=NOW)


def test_a_refused_token_is_not_remembered(tokens: Tokens, readings: list[str]) -> None:
    other = Tokens(kid="k1", key=Ed25519PrivateKey.generate(), accepted={})
    token = other.issue(resident(), now=NOW)
    for _ in range(2):
        with pytest.raises(Unauthorised):
            tokens.verify(token, surface=Surface.RESIDENT, now=NOW)
    assert readings == [token, token]


def test_what_is_remembered_is_bounded_and_holds_no_token(monkeypatch: pytest.MonkeyPatch, tokens: Tokens) -> None:
    monkeypatch.setattr(auth, "_REMEMBERED", 3)
    issued = [tokens.issue(resident(), now=NOW) for _ in range(5)]
    for token in issued:
        tokens.verify(token, surface=Surface.RESIDENT, now=NOW)
        assert len(tokens._checked) <= 3
    assert not any(token.encode() in digest for digest in tokens._checked for token in issued)


def test_expired_tokens_leave_as_new_ones_come(tokens: Tokens) -> None:
    for _ in range(4):
        tokens.verify(tokens.issue(resident(), now=NOW), surface=Surface.RESIDENT, now=NOW)
    later = NOW + ACCESS_TTL
    tokens.verify(tokens.issue(resident(), now=later), surface=Surface.RESIDENT, now=later)
    assert len(tokens._checked) == 1
