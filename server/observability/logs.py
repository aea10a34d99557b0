"""Logs: one JSON object per line on standard error, with stack frames but never their values."""

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer


class _Lines(logging.Handler):
    """What libraries log, as lines of ours: which library, how bad, what kind of exception, and never its text."""

    def emit(self, record: logging.LogRecord) -> None:
        """One record as one line."""
        kind = record.exc_info[0] if record.exc_info else None
        said = {"library": record.name, "exception": kind.__name__ if kind else None}
        structlog.get_logger().log(record.levelno, "library", **said)


def configure() -> None:
    """Set the log up; again is the same. A library's traceback is none of our lines."""
    root = logging.getLogger()
    if not any(isinstance(handler, _Lines) for handler in root.handlers):
        root.addHandler(_Lines(logging.WARNING))
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # INVARIANT: local values can hold credentials and personal data; no log shows them
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
