"""Logs of our own and of libraries: one JSON object a line, and of an exception its kind alone."""

import json
import logging
import subprocess
import sys

import pytest

from backend.kit.logging import formatter

SECRET = "value-of-a-row"


def written(code: str) -> list[dict[str, str]]:
    """What a process of its own writes; this one's loggers belong to pytest."""
    start = "import logging, structlog\nfrom backend.kit import logging as ours\nours.configure('INFO')\n"
    ran = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=True, timeout=300)
    assert ran.stdout == ""
    return [json.loads(line) for line in ran.stderr.splitlines()]


@pytest.mark.parametrize("log", ["logging.getLogger('library').exception", "structlog.get_logger().exception"])
def test_the_text_of_an_exception_is_not_written(log: str) -> None:
    (line,) = written(f"try:\n    raise ValueError({SECRET!r})\nexcept ValueError:\n    {log}('it failed')\n")
    assert SECRET not in json.dumps(line)
    assert (line["event"], line["error"], line["level"]) == ("it failed", "ValueError", "error")
    assert line["timestamp"].endswith("Z")


def test_a_library_s_line_that_holds_a_line_is_one_line_and_has_the_request_s_id() -> None:
    (line,) = written(
        "structlog.contextvars.bind_contextvars(request_id='abc12345')\n"
        "logging.getLogger('library').warning('first\\n{\"event\": \"forged\"}')\n"
        "logging.getLogger('library').info('chatter')\n"
    )
    assert line["event"].startswith("first\n")
    assert (line["logger"], line["request_id"]) == ("library", "abc12345")


def test_a_record_with_a_traceback_s_text_is_said_by_its_kind() -> None:
    error = ValueError(SECRET)
    record = logging.LogRecord("library", logging.ERROR, __file__, 1, "it failed", None, (ValueError, error, None))
    text = formatter().format(record)
    assert SECRET not in text
    assert json.loads(text)["error"] == "ValueError"
