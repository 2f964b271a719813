"""Answers come compressed, and unpack to no more than an answer can be."""

import gzip
import os
import time
from collections.abc import Iterator

import httpx
import pytest

from gate_sdk import UnreachableError, UnreadableAnswerError
from gate_sdk._http import MAX_ANSWER_BYTES, exchange, open_client


def answer(content: bytes, **headers: str) -> httpx.Response:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        # A stream of pieces, as from a network.
        pieces = iter([content[start : start + 1000] for start in range(0, len(content), 1000)])
        return httpx.Response(200, headers=headers, content=pieces)

    with open_client("http://127.0.0.1", httpx.MockTransport(handle)) as client:
        found = exchange(client, client.build_request("GET", "http://127.0.0.1/x"))
    assert seen[0].headers["Accept-Encoding"] == "gzip"
    return found


def test_gzip_is_unpacked() -> None:
    content = os.urandom(5_000) + b"x" * 100_000
    found = answer(gzip.compress(content), **{"Content-Encoding": "gzip"})
    assert found.content == content
    assert answer(content).content == content


def test_few_bytes_that_unpack_to_gigabytes_are_refused_at_the_limit() -> None:
    bomb = gzip.compress(bytes(4 * MAX_ANSWER_BYTES))
    assert len(bomb) < 200_000
    with pytest.raises(UnreadableAnswerError):
        answer(bomb, **{"Content-Encoding": "gzip"})


def test_plain_answer_longer_than_any() -> None:
    with pytest.raises(UnreadableAnswerError):
        answer(bytes(MAX_ANSWER_BYTES + 1))


@pytest.mark.parametrize("cut", [3, 20, 500])
def test_cut_off_in_the_middle_it_is_no_answer(cut: int) -> None:
    content = gzip.compress(os.urandom(2_000))
    with pytest.raises(UnreachableError):
        answer(content[:-cut], **{"Content-Encoding": "gzip"})


def test_other_bytes_under_the_name_of_gzip() -> None:
    with pytest.raises(UnreadableAnswerError):
        answer(b"<html>log in to the network</html>", **{"Content-Encoding": "gzip"})


def test_answer_that_trickles_for_ever_comes_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gate_sdk._http._MOST_S", 0.2)

    def trickle() -> Iterator[bytes]:
        while True:
            time.sleep(0.01)
            yield b"x"

    def handle(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=trickle())

    with (
        open_client("http://127.0.0.1", httpx.MockTransport(handle)) as client,
        pytest.raises(UnreachableError, match="too slowly"),
    ):
        exchange(client, client.build_request("GET", "http://127.0.0.1/x"))
