"""Problem details (RFC 9457): one class per failure, each with a status, a stable code and a remedy.

Problem
├── BadRequest 400        ├── Conflict 409         ├── Unprocessable 422
├── Unauthorised 401      ├── Gone 410             ├── TooManyRequests 429
├── Forbidden 403         ├── PayloadTooLarge 413  └── Unavailable 503
├── NotFound 404          └── UnsupportedMedia 415

A noun's errors.py derives from these. The docstring is the detail shown unless the raiser says more. What is "not
yours" is NotFound, so that nobody learns what exists elsewhere.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from backend.kit.allow import allowed_methods
from backend.kit.request_ids import HEADER, request_id

__all__ = [
    "PROBLEM_JSON",
    "BadRequest",
    "Conflict",
    "Forbidden",
    "Gone",
    "InvalidInput",
    "NotFound",
    "PayloadTooLarge",
    "Problem",
    "ProblemDetails",
    "TooManyRequests",
    "Unauthorised",
    "Unavailable",
    "Unprocessable",
    "UnsupportedMedia",
    "exception_handlers",
    "problem_response",
    "problems",
]

PROBLEM_JSON = "application/problem+json"
_log = structlog.get_logger(__name__)
AnyRequest: TypeAlias = Request[Any, Any, Any]


class FieldError(msgspec.Struct, frozen=True):
    """Which part of the input is wrong, and how. Never the value itself: it may be personal."""

    field: str
    message: str


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error: RFC 9457's members, a stable ``code`` and what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    remedy: str
    code: str
    errors: tuple[FieldError, ...] = ()
    extra: dict[str, object] | None = None


class Problem(Exception):
    """Something went wrong that the caller can be told about."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    remedy: ClassVar[str] = "Try again; if it stays, tell the operator the request id."

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None, **extra: object) -> None:
        super().__init__(detail or self.default_detail())
        self.headers = dict(headers or {})
        self.extra = extra

    @classmethod
    def default_detail(cls) -> str:
        """The class's docstring, first paragraph."""
        return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())

    def line(self) -> str:
        """What an operator reads who started a program that ends with it."""
        return f"{self.code}: {self} {self.remedy}"

    def details(self) -> ProblemDetails:
        """The body to send."""
        return ProblemDetails(
            type=f"urn:doorward:problem:{self.code}",
            title=self.title,
            status=self.status,
            detail=str(self),
            remedy=self.remedy,
            code=self.code,
            extra=self.extra or None,
        )


class BadRequest(Problem):
    """The request cannot be read."""

    status = 400
    code = "bad-request"
    title = "Bad request"
    remedy = "Correct the request as the interface's description says."


class InvalidInput(BadRequest):
    """A part of the request has the wrong form."""

    code = "invalid-input"
    remedy = "Correct the parts that `errors` names, as the interface's description says."


class Unauthorised(Problem):
    """The request carries no valid access token for this surface."""

    status = 401
    code = "unauthorised"
    title = "Not logged in"
    remedy = "Log in, or renew the access token, and send it as 'Authorization: Bearer'."


class Forbidden(Problem):
    """This account may not do that."""

    status = 403
    code = "forbidden"
    title = "Not allowed"
    remedy = "Ask somebody whose role allows it."


class NotFound(Problem):
    """There is no such thing, or it is not yours."""

    status = 404
    code = "not-found"
    title = "Not found"
    remedy = "Check the address."


class Conflict(Problem):
    """That contradicts the present state."""

    status = 409
    code = "conflict"
    title = "Conflict"
    remedy = "Read the present state and try again."


class Gone(Problem):
    """That has ended or was used up."""

    status = 410
    code = "gone"
    title = "No longer valid"
    remedy = "Ask for a new one."


class PayloadTooLarge(Problem):
    """The request's body is too large."""

    status = 413
    code = "payload-too-large"
    title = "Too large"
    remedy = "Send less."


class UnsupportedMedia(Problem):
    """The request's body has a type that is not accepted here."""

    status = 415
    code = "unsupported-media-type"
    title = "Unsupported type"
    remedy = "Send one of the types that the interface's description names."


class Unprocessable(Problem):
    """The request is well formed, but what it says cannot be done."""

    status = 422
    code = "unprocessable"
    title = "Cannot be done"
    remedy = "Change what is asked for."


class TooManyRequests(Problem):
    """Too many requests."""

    status = 429
    code = "too-many-requests"
    title = "Too many requests"
    remedy = "Wait as long as Retry-After says."


class Unavailable(Problem):
    """A part of the service is not available at the moment."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"
    remedy = "Try again as Retry-After says; nothing was lost."

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 2, **extra: object) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_s)}, **extra)


_BY_STATUS: dict[int, type[Problem]] = {
    problem.status: problem
    for problem in (
        BadRequest,
        Unauthorised,
        Forbidden,
        NotFound,
        Conflict,
        PayloadTooLarge,
        UnsupportedMedia,
        Unprocessable,
        TooManyRequests,
        Unavailable,
    )
}


class _MethodNotAllowed(Problem):
    """This address does not know that method."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"
    remedy = "Use one of the methods in the Allow header."


def problems(*raised: type[Problem]) -> dict[int, ResponseSpec]:
    """A route's ``responses``: these failures, and the 400 that any malformed request gets."""
    by_status: dict[int, list[type[Problem]]] = {}
    listed: tuple[type[Problem], ...] = (BadRequest, *raised)
    for problem in listed:
        by_status.setdefault(problem.status, []).append(problem)
    return {
        status: ResponseSpec(
            data_container=ProblemDetails,
            media_type=PROBLEM_JSON,
            description="; ".join(f"`{p.code}`: {p.default_detail()}" for p in group),
            generate_examples=False,
            examples=[Example(id=p.code, value=msgspec.to_builtins(_example(p))) for p in group],
        )
        for status, group in by_status.items()
    }


def problem_response(problem: type[Problem]) -> dict[str, Any]:
    """The same of one failure, as an OpenAPI document has it."""
    example = {"id": problem.code, "value": msgspec.to_builtins(_example(problem))}
    return {
        "description": f"`{problem.code}`: {problem.default_detail()}",
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/ProblemDetails"},
                "examples": {problem.code: example},
            }
        },
    }


def _example(problem: type[Problem]) -> ProblemDetails:
    return ProblemDetails(
        type=f"urn:doorward:problem:{problem.code}",
        title=problem.title,
        status=problem.status,
        detail=problem.default_detail(),
        remedy=problem.remedy,
        code=problem.code,
    )


def _respond(request: AnyRequest, details: ProblemDetails, headers: Mapping[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(details),
        status_code=details.status,
        media_type=PROBLEM_JSON,
        headers={**headers, HEADER: request_id(request.scope)},
    )


def _problem(request: AnyRequest, problem: Problem) -> Response[bytes]:
    return _respond(request, problem.details(), problem.headers)


def _invalid(request: AnyRequest, error: ValidationException) -> Response[bytes]:
    fields = tuple(
        _field_error(str(item.get("key", "")), str(item.get("message", "")))
        for item in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(item, dict)
    )
    return _respond(request, msgspec.structs.replace(InvalidInput().details(), errors=fields), {})


def _misnamed(error: HTTPException) -> ValidationException | None:
    """The caller's fault that the framework takes for ours: a body's field that is called like a dependency."""
    cause = error.__cause__
    message, _, where = str(cause).partition(" - at `$.data.")
    if not isinstance(cause, msgspec.ValidationError) or not where:
        return None
    return ValidationException(extra=[{"key": where.rstrip("`"), "message": message}])


def _field_error(key: str, message: str) -> FieldError:
    # The framework speaks of the handler's parameter, and of a body that is missing as of a KeyError.
    if key != "data":
        return FieldError(field=key, message=message)
    return FieldError(field="body", message="The request needs a body" if message == "'data'" else message)


def _nested(request: AnyRequest, _error: RecursionError) -> Response[bytes]:
    # Brackets within brackets, some thousand deep: the decoders of request bodies give up like this.
    return _respond(request, BadRequest("The request's body is nested too deeply.").details(), {})


def _not_text(request: AnyRequest, __: UnicodeDecodeError) -> Response[bytes]:
    # The decoder raises it past the framework, which knows only the decoder's own errors.
    return _respond(request, BadRequest("The request's text is not UTF-8.").details(), {})


def _http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    misnamed = _misnamed(error)
    if misnamed is not None:
        return _invalid(request, misnamed)
    if error.status_code == _MethodNotAllowed.status:
        return _respond(
            request, _MethodNotAllowed().details(), {"Allow": allowed_methods(request.app, request.url.path)}
        )
    known = _BY_STATUS.get(error.status_code)
    if known is None:
        if error.status_code < 500:  # noqa: PLR2004 - the boundary between the caller's errors and ours
            return _respond(
                request, msgspec.structs.replace(BadRequest().details(), status=error.status_code), error.headers or {}
            )
        return _unexpected(request, error)
    return _respond(request, known().details(), error.headers or {})


def _unexpected(request: AnyRequest, error: Exception) -> Response[bytes]:
    # The traceback names our own lines only; the message is left out, since a driver's may quote a row.
    _log.error("unexpected", path_template=str(request.scope.get("path_template", "")), error=type(error).__name__,
               where=_frames(error))  # fmt: skip
    return _respond(request, Problem("Something went wrong on our side.").details(), {})


def _frames(error: BaseException) -> list[str]:
    found = []
    traceback = error.__traceback__
    while traceback is not None:
        found.append(f"{traceback.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return found[-8:]


exception_handlers = {
    Problem: _problem,
    ValidationException: _invalid,
    UnicodeDecodeError: _not_text,
    HTTPException: _http,
    RecursionError: _nested,
    Exception: _unexpected,
}
