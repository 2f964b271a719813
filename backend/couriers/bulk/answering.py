"""Reading a body and answering it at once, so that neither side waits for the other.

The body is taken in by a task of its own and is bounded by :data:`lines.MAX_BYTES`: a client that sends everything
before it reads the first answer would otherwise wait for us while we wait for it. Each batch of lines is committed
before its answers go out. So whatever breaks the connection, lines that were answered have been done, those that were
not can be sent again, and sending a line twice changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, RequestBody, Schema
from litestar.params import Parameter
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Send

from backend.couriers.bulk.errors import BulkTooLarge
from backend.couriers.bulk.lines import MAX_BYTES, MAX_LINES, Form, Line, Lines
from backend.kit.problems import Problem, ProblemDetails, Unavailable, UnsupportedMedia

__all__ = ["NDJSON", "AfterLine", "Answer", "LastLine", "Work", "answers", "body_of", "form_of", "spec"]

NDJSON = "application/x-ndjson"
AnyRequest: TypeAlias = Request[Any, Any, Any]
T = TypeVar("T", bound=msgspec.Struct)
#: Does what a batch of lines says; by the line's number, what came of it.
Work: TypeAlias = Callable[[Sequence[tuple[int, T]]], Awaitable[Mapping[int, msgspec.Struct | Problem]]]
AfterLine = Annotated[
    int,
    Parameter(
        ge=0,
        le=MAX_LINES + 1,
        description="Lines up to this one are passed over: to go on with the same body after a broken connection",
    ),
]

_FORMS: Mapping[str, Form] = {NDJSON: "ndjson", "application/jsonl": "ndjson", "text/csv": "csv"}
# A batch that is not full is done when nothing more has come for so long.
_PAUSE_S = 0.2


class LastLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many lines were answered, and how many of them with a problem; ``problem`` where the body was cut off."""

    lines: int
    refused: int
    problem: ProblemDetails | None = None


class _Sent(ASGIStreamingResponse):
    """Litestar's own listens meanwhile for the connection's end, and so eats the body that is still arriving."""

    async def send_body(self, send: Send, receive: Receive) -> None:  # noqa: ARG002 - read by _read() instead
        """Send the answer's parts as they come."""
        await self._stream(send)


class Answer(Stream):
    """An answer that begins before its request has ended."""

    def to_asgi_response(self, app: Any, request: Any, **options: Any) -> ASGIResponse:  # noqa: ARG002 - of Litestar
        """As of Litestar, but for who reads the request."""
        return _Sent(
            iterator=self.iterator() if callable(self.iterator) else self.iterator,
            encoded_headers=options.get("encoded_headers"),
            cookies=[*self.cookies, *(options.get("cookies") or ())],
            headers={**(options.get("headers") or {}), **self.headers},
            media_type=NDJSON,
            status_code=self.status_code or options.get("status_code"),
        )


def form_of(request: AnyRequest) -> Form:
    """What the body is.

    Raises:
        UnsupportedMedia: neither NDJSON nor CSV.
        BulkTooLarge: it says itself that it is too large.
    """
    form = _FORMS.get(request.content_type[0].lower())
    if form is None:
        raise UnsupportedMedia
    if (request.content_length or 0) > MAX_BYTES:
        raise BulkTooLarge
    return form


def body_of(example: str, csv_header: str) -> RequestBody:
    """The body for the interface's description."""
    text = Schema()
    return RequestBody(
        content={
            NDJSON: OpenAPIMediaType(schema=text, example=example),
            "text/csv": OpenAPIMediaType(schema=text, example=csv_header),
        },
        required=True,
        description=f"At most {MAX_LINES:,} lines and {MAX_BYTES:,} bytes of UTF-8; in CSV a header names the fields",
    )


def spec(line: type[msgspec.Struct]) -> ResponseSpec:
    """The answer for the interface's description."""
    return ResponseSpec(
        line,
        media_type=NDJSON,
        description="A line of JSON for each line of the body that is not empty, by its number, then one with `end`; "
        "without it the connection broke",
        generate_examples=False,
    )


def answers(request: AnyRequest, row: type[T], form: Form, *, after_line: int, batch: int, work: Work[T]) -> "Answer":
    """The answer, line by line, to a body of lines.

    Args:
        request: its body is not read yet.
        row: what a line says.
        form: of the body.
        after_line: lines up to this one are passed over.
        batch: lines that are done together, at most.
        work: does them and commits.
    """
    return Answer(
        _answered(request, Lines(row, form), after_line=after_line, batch=batch, work=work),
        media_type=NDJSON,
        status_code=200,
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _answered(
    request: AnyRequest, lines: Lines[T], *, after_line: int, batch: int, work: Work[T]
) -> AsyncIterator[bytes]:
    arrived: asyncio.Queue[bytes | Problem | None] = asyncio.Queue()
    reading = asyncio.create_task(_read(request, arrived))
    answered = refused = 0
    held: list[Line[T]] = []
    broken: Problem | None = None
    more = True
    try:
        while more:
            try:
                block = await asyncio.wait_for(arrived.get(), _PAUSE_S if held else None)
            except TimeoutError:
                block = b""
            found: list[Line[T]] = []
            try:
                match block:
                    case Problem():
                        broken, more = block, False
                    case None:
                        more = False
                        found.extend(lines.end())
                    case _:
                        # What stands before the line too many counts: a list that extend() is in the midst of has it.
                        found.extend(lines.feed(block))
            except Problem as problem:
                broken, more = problem, False
            held += [line for line in found if line.number > after_line]
            while held and (len(held) >= batch or not more or block == b""):
                part, held = held[:batch], held[batch:]
                answered += len(part)
                said = await _done(part, work)
                refused += sum(isinstance(answer, Problem) for _, answer in said)
                yield b"".join(_rendered(number, answer) for number, answer in said)
        last = LastLine(answered, refused, None if broken is None else broken.details())
        yield msgspec.json.encode({"end": last}) + b"\n"
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _read(request: AnyRequest, arrived: "asyncio.Queue[bytes | Problem | None]") -> None:
    size = 0
    try:
        async for block in request.stream():
            size += len(block)
            if size > MAX_BYTES:
                arrived.put_nowait(BulkTooLarge())
                return
            if block:
                arrived.put_nowait(block)
    except HTTPException:
        # The framework's own bound, or a connection that was closed: nobody reads the answer then.
        arrived.put_nowait(BulkTooLarge())
        return
    arrived.put_nowait(None)


async def _done(part: Sequence[Line[T]], work: Work[T]) -> list[tuple[int, msgspec.Struct | Problem]]:
    said = [(line.number, line.said) for line in part if line.said is not None]
    try:
        results = await work(said) if said else {}
    except Unavailable as problem:
        # Of this batch nothing may be known to be done; the rest is tried all the same, and all may be sent again.
        results = {number: problem for number, _ in said}
    return [(line.number, line.problem or results[line.number]) for line in part]


def _rendered(number: int, answer: msgspec.Struct | Problem) -> bytes:
    if isinstance(answer, Problem):
        return msgspec.json.encode({"line": number, "problem": answer.details()}) + b"\n"
    return msgspec.json.encode({"line": number, **msgspec.structs.asdict(answer)}) + b"\n"
