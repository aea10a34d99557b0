"""Logs on standard error: one JSON object a line, or text for people. Nothing personal and no secret stands in a line.

Each line says of which request, action, receipt and trace it is, where there is one: `bind_request` and `bind_action`
bind that to the task that is at work on it, and the tasks that it starts inherit it. What a line may hold beside that
is in `FIELDS`.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Final

import structlog
from structlog.contextvars import bind_contextvars, merge_contextvars
from structlog.typing import EventDict, Processor, WrappedLogger

from contracts.canonical import new_id
from server.observability import tracing
from server.workspace.settings.observability import LogsPart

FIELDS: Final[Mapping[str, str]] = {
    "action": "the id of an action",
    "receipt": "the id of a receipt",
    "request": "the id that this gateway gave to a request over HTTP",
    "trace": "the id of an OpenTelemetry trace",
    "contract": "a contract or a plan that the release declares",
    "reference": "a reference to a secret as the settings have it, without a person's name",
    "connection": "a connection that the release declares",
    "tool": "a tool that the release declares, or `other`",
    "status": "the public status of an action",
    "outage": "why a system could not be asked",
    "milliseconds": "how long it took",
    "version": "the version of a contract",
    "live": "the first characters of a release's digest",
    "code": "the code of an error",
    "reason": "the code of an error, the type of an exception, or a sentence of ours without anybody's words",
    "hint": "what to do next, in words of ours",
    "next": "what to do next, in words of ours",
    "route": "a route of notices or escalations that the settings declare",
    "export": "an export that the settings declare",
    "witness": "a witness that the settings declare",
    "issuer": "the issuer of tokens that the settings declare",
    "declared": "whether a person is declared",
    "registered": "whether an agent is registered",
    "access": "what somebody may not do: read receipts, read evidence, or take decisions",
    "method": "a method of the protocol, or `other`",
    "page": "the path of a page of the console, with the names of its parts",
    "chore": "one of the chores of a gateway, by its name",
    "name": "a connection, or a part of the settings",
    "table": "a table of the store",
    "actions": "how many actions",
    "tools": "how many tools a server lists",
    "listed": "the name of a tool that a server lists",
    "lines": "how many lines could not be written",
    "megabytes": "the size of a file",
    "held_by": "processes that keep a file open, by name and number",
    "check": "a check of `/livez` or `/readyz`",
    "ok": "whether a check holds",
    "says": "what a check found, in words of ours",
    "until": "when a certificate ends, in UTC",
    "serves": "what a gateway goes on with, in words of ours",
    "library": "the name of a library's logger",
    "exception": "the type of an exception",
    "causes": "the types of what led to it",
    "at": "the places in the code, the innermost last",
}
"""Each field of a line and what it holds, beside `timestamp`, `level` and `event`. A test reads the calls that log."""
MAX_CAUSES: Final = 5
MAX_FRAMES: Final = 20
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_level = logging.INFO


class _StandardError:
    """Where lines go. One that cannot be written, since the disk is full or nobody reads, is dropped and counted.

    INVARIANT: no line that is lost ends what it tells of: loops log what went wrong, and go on.
    """

    lost = 0

    def msg(self, line: str) -> None:
        """Write one line."""
        try:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # guard: a log that cannot be written
            _StandardError.lost += 1
            return
        if lost := _StandardError.lost:
            _StandardError.lost = 0
            structlog.get_logger().warning("lines_lost", lines=lost)

    log = debug = info = warning = error = critical = exception = msg


class _Lines(logging.Handler):
    """What libraries log, as lines of ours: which library, how bad, what kind of exception, and never its text."""

    def emit(self, record: logging.LogRecord) -> None:
        """One record as one line."""
        kind = record.exc_info[0] if record.exc_info else None
        named = kind.__name__ if kind else None
        structlog.get_logger().log(record.levelno, "library", library=record.name, exception=named)


def configure(settings: LogsPart | None = None) -> None:
    """Set the log up; again is the same. A library's traceback is none of our lines."""
    global _level
    part = settings or LogsPart()
    _level = _LEVELS[part.level]
    root = logging.getLogger()
    if not any(isinstance(handler, _Lines) for handler in root.handlers):
        root.addHandler(_Lines(logging.WARNING))
    in_text: Processor = _as_text
    in_json: Processor = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            merge_contextvars,
            _with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_exception,
            _in_order,
            in_text if part.format == "text" else in_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level),
        logger_factory=lambda *_: _StandardError(),
        cache_logger_on_first_use=False,
    )


def is_verbose() -> bool:
    """Are lines of the level debug written? To ask costs less than to make one in vain."""
    return _level <= logging.DEBUG


def bind_request() -> None:
    """From now on this task, and those that it starts, are at work on a new request."""
    bind_contextvars(request=new_id("req"))


def bind_action(action: str, receipt: str | None) -> None:
    """From now on this task, and those that it starts, are at work on this action."""
    if receipt is None:
        bind_contextvars(action=action)
    else:
        bind_contextvars(action=action, receipt=receipt)


def _with_trace(logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """The trace that is current; its id is the second part of a `traceparent`."""
    if trace := tracing.carrier():
        event["trace"] = trace.split("-")[1]
    return event


def _with_exception(logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """An exception by its type, its causes and its places in the code."""
    if not (given := event.pop("exc_info", None)):
        return event
    fault = given if isinstance(given, BaseException) else sys.exc_info()[1]
    if fault is None:
        return event
    # INVARIANT: the text of an exception, and local values, can hold credentials and personal data; no log shows them
    kinds = [type(one).__name__ for one in _chain(fault)]  # guard: text of exceptions in the log
    event["exception"], event["at"] = kinds[0], [place for one in _chain(fault) for place in _places(one)]
    if kinds[1:]:
        event["causes"] = kinds[1:]
    return event


def _chain(fault: BaseException) -> list[BaseException]:
    """A fault with what led to it, and the parts of a group."""
    found: list[BaseException] = []
    left = [fault]
    while left and len(found) < MAX_CAUSES:
        one = left.pop(0)
        if one in found:
            continue
        found.append(one)
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        left += [*(one.exceptions if isinstance(one, BaseExceptionGroup) else ()), *([cause] if cause else ())]
    return found


def _places(fault: BaseException) -> list[str]:
    # by the name of the module: the path of a file can be that of a person's folder
    frames = [*traceback.walk_tb(fault.__traceback__)][-MAX_FRAMES:]
    return [f"{frame.f_globals.get('__name__', '')}:{line} {frame.f_code.co_name}" for frame, line in frames]


def _in_order(logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
    """When, how bad and what first, as people read it."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "event")}
    return {**first, **event}


def _as_text(logger: WrappedLogger, level: str, event: EventDict) -> str:
    """One line for people. Whatever is no plain word is written as JSON in ASCII, so that it commands no terminal."""
    head = f"{event.pop('timestamp')} {event.pop('level'):<7} {event.pop('event')}"
    return " ".join((head, *(f"{name}={_word(value)}" for name, value in event.items() if value is not None)))


def _word(value: object) -> str:
    text = str(value)
    plain = isinstance(value, str | int | float) and _PLAIN.fullmatch(text)
    return text if plain else json.dumps(value, default=str)
