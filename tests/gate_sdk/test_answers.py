"""Answers that are well formed and cannot be meant."""

import msgspec
import pytest

from gate_sdk.testing import FakeBackend, Request, Response
from gate_sdk.testing import synthetic as syn
from gate_sdk.wire import GrantKind, RosterGrant, SyncPage
from tests.gate_sdk.conftest import OpenGate


class Odd(FakeBackend):
    """Gives tokens that no header takes."""

    odd = False

    def handle(self, request: Request) -> Response:
        answer = super().handle(request)
        if self.odd and request.path.endswith("/token"):
            return Response(200, '{"access_token": "中", "expires_in": 600}'.encode())
        return answer


@pytest.fixture
def backend() -> Odd:
    return Odd()


def test_token_that_no_header_takes_is_an_unreadable_answer(backend: Odd, open_gate: OpenGate) -> None:
    gate = open_gate()
    backend.odd = True
    assert not gate.start(wait=0.5)
    assert gate.status().last_error == "unreadable-answer"
    backend.odd = False
    assert gate.start(wait=60)


@pytest.mark.parametrize("end", [2**63, 2**64 - 1])
def test_number_that_no_database_holds_is_an_unreadable_answer_and_changes_nothing(
    end: int, backend: Odd, open_gate: OpenGate
) -> None:
    backend.add_person(syn.template(1))
    gate = open_gate()
    gate.start(wait=60)
    backend.add_person(syn.template(2), (RosterGrant(GrantKind.GUEST, 0, end),))
    assert backend.wait_for(lambda: backend.requests["sync"] >= 3, 60)
    gate._loop.stop()
    gate._transport.abort()
    assert gate._loop.join(60)
    assert (gate.status().version, gate.decide(syn.frame(1)).allowed, gate.decide(syn.frame(2)).allowed) == (
        1,
        True,
        False,
    )


def test_version_that_no_database_holds(backend: Odd, open_gate: OpenGate) -> None:
    def odd(page: SyncPage) -> SyncPage:
        return msgspec.structs.replace(
            page, items=tuple(msgspec.structs.replace(item, version=2**63) for item in page.items)
        )

    backend.add_person(syn.template(1))
    backend.rewrite = odd
    gate = open_gate()
    assert not gate.start(wait=0.5)
    assert gate.status().last_error == "unreadable-answer"
    backend.rewrite = None
    assert gate.start(wait=60)
