"""Structured logs, one JSON object a line on standard error, without personal data.

Log calls name ids and codes; never a name, a phone number, a token, a body or a score. What libraries log by the
standard library comes out in the same form; of an exception only its kind is said, since a driver's text may quote a
row.
"""

import logging
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

__all__ = ["configure", "formatter"]

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(level: str = "INFO") -> None:
    """Set up structlog and the standard library's loggers for this process."""
    structlog.configure(
        processors=[*_SHARED, _kind_only, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter())
    # Libraries log addresses and sometimes statements: their warnings are wanted, their chatter is not.
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def formatter() -> logging.Formatter:
    """What makes a library's record a line like ours; also for servers that set up their own handlers."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.add_logger_name],
        processors=[
            _kind_only,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )


def _kind_only(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Of an exception its kind, and not its text."""
    raised = event.pop("exc_info", None)
    event.pop("stack_info", None)
    record = event.get("_record")
    if isinstance(record, logging.LogRecord):
        raised, record.exc_info, record.exc_text = raised or record.exc_info, None, None
    if raised is True:
        raised = sys.exc_info()
    error = raised[1] if isinstance(raised, tuple) else raised
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
    return event
