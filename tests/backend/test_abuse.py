"""What costs the sender little and the server much, and what would write into others' headers."""

import gzip

import httpx
import pytest

MARK = "zz-7f3a-hostile"
LOGIN = "/resident/v1/login"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip"])
async def test_a_compressed_body_is_not_unpacked(api: httpx.AsyncClient, coding: str) -> None:
    # Ten kilobytes that would be ten megabytes: no route takes content codings, so nothing may ever unpack them.
    bomb = gzip.compress(b'{"phone":"' + b"0" * 10_000_000 + b'"}')
    answer = await api.post(LOGIN, content=bomb, headers={**JSON, "Content-Encoding": coding})
    assert answer.status_code == 400
    whole = gzip.compress(b'{"phone":"+12025550101"}')
    assert (await api.post(LOGIN, content=whole, headers={**JSON, "Content-Encoding": coding})).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"phone":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"phone":' + b"9" * 1_000_000 + b"}",
        b'{"phone":1e' + b"9" * 100_000 + b"}",
        b'{"phone":"' + b"\\u0000" * 100_000 + b'"}',
        b"{" + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}",
    ],
    ids=["open", "objects", "arrays", "digits", "exponent", "nuls", "keys"],
)
async def test_deep_wide_and_endless_json_is_refused_by_its_sender_s_fault(api: httpx.AsyncClient, body: bytes) -> None:
    answer = await api.post(LOGIN, content=body, headers=JSON)
    assert answer.status_code in {400, 413, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 10_000


@pytest.mark.parametrize("path", [LOGIN, "/health/live", "/my", "/visit", "/nowhere", "/resident/v1/me"])
async def test_nothing_that_a_caller_wrote_comes_back_in_a_header(api: httpx.AsyncClient, path: str) -> None:
    names = (
        "Accept-Language", "Accept", "Idempotency-Key", "If-None-Match", "If-Match", "Origin", "Referer", "User-Agent",
        "Cookie", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-Id", "Authorization", "Range",
    )  # fmt: skip
    for value in (f"{MARK} x", f"{MARK}\tSet-Cookie: a=b", f"en;q={MARK}", f'"{MARK}"', f"{MARK}%0d%0aX-Evil: 1"):
        for method in ("GET", "POST", "OPTIONS"):
            answer = await api.request(method, path, headers=dict.fromkeys(names, value))
            assert answer.status_code < 500
            assert MARK not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/my%0d%0aSet-Cookie:%20a=b",
        "/visit/%0d%0aX-Evil:%201",
        "/my/..%2f..%2fsettings.py",
        "/my/../../backend/settings.py",
        "/visit/%2e%2e/%2e%2e/etc/passwd",
        "//evil.test/my",
        "/my//evil.test",
    ],
)
async def test_a_path_leads_neither_out_of_the_pages_nor_into_a_header(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert answer.status_code in {200, 404}
    # Where a path is tidied up by the client it may be a page of ours, and is nothing else.
    assert answer.status_code == 404 or answer.headers["content-type"].startswith("text/html")
    assert not {"set-cookie", "x-evil", "location"} & set(answer.headers)
