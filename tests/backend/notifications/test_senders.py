"""Senders: the file for the single box, the HTTP provider, and what goes wrong with each."""

import asyncio
import json
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.kit.messages import MessagesUnavailable, Sender
from backend.notifications.senders import ConsoleSender, HttpSender
from backend.notifications.templates import TEMPLATES, render

PHONE = "+12025550100"
CODE = {"code": "012345", "minutes": "5"}


async def send(sender: Sender, **changed: Any) -> None:
    await sender.send(**{"to": PHONE, "template": "login_code", "values": CODE, "language": "en", **changed})


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


async def test_the_file_holds_one_json_object_a_message_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "messages.jsonl"
    sender = ConsoleSender(file)
    await send(sender)
    await send(sender, language="zh-CN")
    english, chinese = lines(file)
    assert (english["to"], english["template"], english["values"]) == (PHONE, "login_code", CODE)
    assert "012345" in english["text"]
    assert "验证码" in chinese["text"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    file.touch(mode=0o644)
    await send(ConsoleSender(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_many_senders_at_once_do_not_mix_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    senders = [ConsoleSender(file) for _ in range(4)]
    await asyncio.gather(*(send(sender, to=f"+1202555{n:04d}") for n, sender in enumerate(senders * 10)))
    assert {line["to"] for line in lines(file)} == {f"+1202555{n:04d}" for n in range(40)}


async def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("kept")
    (tmp_path / "messages.jsonl").symlink_to(secret)
    with pytest.raises(MessagesUnavailable):
        await send(ConsoleSender(tmp_path / "messages.jsonl"))
    assert secret.read_text() == "kept"


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_every_template_speaks_both_languages_of_the_same_things(template: str) -> None:
    values = {
        "code": "1",
        "minutes": "2",
        "community": "3",
        "link": "4",
        "company": "5",
        "certificate": "6",
        "days": "7",
        "device": "8",
    }
    assert set(TEMPLATES[template]) == {"zh-CN", "en"}
    for language in ("zh-CN", "en"):
        assert "$" not in render(template, values, language)


def test_a_template_without_its_values_is_an_error() -> None:
    with pytest.raises(LookupError):
        render("login_code", {"code": "1"}, "en")
    with pytest.raises(LookupError):
        render("no_such_template", {}, "en")


def test_a_value_is_text_and_no_template() -> None:
    assert "$minutes" in render("login_code", {"code": "$minutes", "minutes": "5"}, "en")


class Provider:
    """A provider's endpoint on a real socket, which answers as it is told."""

    def __init__(self, status: int, *, delay: threading.Event | None = None, location: str | None = None) -> None:
        self.status = status
        self.delay = delay
        self.location = location
        self.requests: list[tuple[dict[str, str], bytes]] = []


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is the base class's
            body = self.rfile.read(int(self.headers["content-length"]))
            provider.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if provider.delay is not None:
                provider.delay.wait(10)
            self.send_response(provider.status)
            if provider.location is not None:
                self.send_header("Location", provider.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/send"
        finally:
            if provider.delay is not None:
                provider.delay.set()
            server.shutdown()
            thread.join()


async def through(url: str, work: Callable[[HttpSender], Any], **options: Any) -> None:
    sender = HttpSender(url, "secret-token", **options)
    try:
        await work(sender)
    finally:
        await sender.aclose()


async def test_the_provider_gets_the_message_with_the_token() -> None:
    provider = Provider(202)
    with serving(provider) as url:
        await through(url, send)
        await through(url, send)
    headers, body = provider.requests[0]
    assert headers["authorization"] == "Bearer secret-token"
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] != provider.requests[1][0]["idempotency-key"]
    assert json.loads(body) == {
        "to": PHONE,
        "template": "login_code",
        "language": "en",
        "values": CODE,
        "text": render("login_code", CODE, "en"),
    }


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
async def test_a_provider_that_refuses_is_reported_without_the_number(status: int) -> None:
    with serving(Provider(status)) as url, pytest.raises(MessagesUnavailable) as refused:
        await through(url, send)
    details = refused.value.details()
    assert details.status == 503
    assert details.extra == {"provider_status": status}
    assert PHONE not in repr(details)
    assert "Retry-After" in refused.value.headers


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    other = Provider(200)
    with (
        serving(other) as elsewhere,
        serving(Provider(307, location=elsewhere)) as url,
        pytest.raises(MessagesUnavailable),
    ):
        await through(url, send)
    assert other.requests == []


async def test_a_provider_that_does_not_answer_is_given_up() -> None:
    with serving(Provider(200, delay=threading.Event())) as url, pytest.raises(MessagesUnavailable):
        await through(url, send, timeout=httpx.Timeout(0.2))


async def test_a_provider_that_is_not_there_is_reported() -> None:
    with serving(Provider(200)) as url:
        pass
    with pytest.raises(MessagesUnavailable):
        await through(url, send)
