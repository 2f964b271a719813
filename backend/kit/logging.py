"""Structured logs, one JSON object a line on standard error, without personal data.

Log calls name ids and codes; never a name, a phone number, a token, a body or a score.
"""

import logging
import sys

import structlog

__all__ = ["configure"]


def configure(level: str = "INFO") -> None:
    """Set up structlog and the standard library's loggers for this process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log addresses and sometimes statements: their warnings are wanted, their chatter is not.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format='{"logger":"%(name)s","event":"%(message)s"}')
