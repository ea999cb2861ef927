"""Structured logs: one line for each event, JSON for machines or columns for a terminal."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from datetime import UTC, datetime
from time import time
from types import TracebackType
from typing import Any, Literal, TextIO, TypeAlias

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from gateway.telemetry.mask import masker

LogFormat: TypeAlias = Literal["auto", "json", "console"]
Level: TypeAlias = Literal["debug", "info", "warning", "error"]
EventDict: TypeAlias = MutableMapping[str, Any]  # structlog's own type for what passes through processors

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_FRAMES = 12
_OURS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "alert",
        "delivery",
        "route",
        "routes",
        "source",
        "severity",
        "outcome",
        "attempt",
        "status",
    }
)  # ids and names that we make; looking for secrets in them would cost and find nothing


def configure(log_format: LogFormat, level: Level, stream: TextIO, secrets: Iterable[str] = ()) -> FilteringBoundLogger:
    """Set up structlog and the standard library's logging for the whole process; may be called again.

    `auto` is `console` on a terminal and `json` elsewhere. `secrets` are masked in whatever is logged. Libraries are
    heard from warnings up. The logger that comes back writes one line with each call and never raises for a stream
    that is closed or full.
    """
    structlog.configure(
        processors=_processors(log_format, stream, secrets),
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: LineLogger(stream),
        cache_logger_on_first_use=True,
    )
    logger: FilteringBoundLogger = structlog.get_logger().bind()
    _hear_libraries(logger)
    return logger


class LineLogger:
    """Writes lines. A full disk or a reader that went away must not stop a delivery, so it swallows OSError, and
    ValueError, which a closed stream raises.
    """

    def __init__(self, stream: TextIO) -> None:
        self._write, self._flush = stream.write, stream.flush

    def msg(self, line: str) -> None:
        try:
            self._write(line + "\n")
            self._flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = msg


def _processors(log_format: LogFormat, stream: TextIO, secrets: Iterable[str]) -> list[Processor]:
    if log_format == "console" or (log_format == "auto" and stream.isatty()):
        return [_Finishing(secrets), _console_renderer(colors=stream.isatty())]
    return [_Finishing(secrets), _render_json]


def _console_renderer(*, colors: bool) -> Processor:
    plain = structlog.dev.plain_traceback
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain, pad_event_to=22)


_encode = json.JSONEncoder(default=str, separators=(",", ":")).encode
_quote = json.encoder.encode_basestring_ascii


def _render_json(_: object, __: str, event: EventDict) -> str:
    """ASCII only: no line separator, bidirectional control or lone surrogate of an attacker's gets through."""
    writer_of = _WRITERS.get
    return "{" + ",".join([f'"{key}":{writer_of(type(value), _json)(value)}' for key, value in event.items()]) + "}"


def _json(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ",".join([_WRITERS.get(type(item), _json)(item) for item in value]) + "]"
    return _quote(value) if isinstance(value, str) else _encode(value)


# Nearly everything is one of these, and the encoder's own set-up costs more than the text.
_WRITERS: Mapping[type, Callable[[Any], str]] = {str: _quote, int: str}


class _Finishing:
    """Level, time, masking and the error in one pass: this runs for every alert, and each pass costs a microsecond."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._mask = masker(secrets)
        self._second = (0, "")  # together, because more than one thread may log

    def __call__(self, _: object, level: str, event: EventDict) -> EventDict:
        if "exc_info" in event:
            _name_error(event)
        for key, value in event.items():
            if key in _OURS:
                continue
            kind = type(value)
            if kind is str:
                event[key] = self._mask(value)
            elif kind is not int and kind is not float:
                event[key] = self._masked(value)
        event["level"] = level
        event["timestamp"] = self._timestamp(time())
        return event

    def _timestamp(self, now_s: float) -> str:
        """UTC to the millisecond. All but the fraction stays the same for a second."""
        (second, text), now = self._second, int(now_s)
        if now != second:
            text = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._second = (now, text)
        return f"{text}{int((now_s - now) * 1000):03d}Z"

    def _masked(self, value: object) -> object:
        if value is None or isinstance(value, int | float):
            return value
        return [self._masked(item) for item in value] if isinstance(value, list | tuple) else self._mask(str(value))


def _name_error(event: EventDict) -> None:
    """An exception as its type and the places it came through. Its text is left out: it may carry a URL or a body."""
    info = event.pop("exc_info")
    if info:
        error, trace = _as_error(info)
        event["error"], event["trace"] = type(error).__name__, places(trace)


def _as_error(info: object) -> tuple[BaseException | None, TracebackType | None]:
    if isinstance(info, BaseException):
        return info, info.__traceback__
    if isinstance(info, tuple):
        return info[1], info[2]
    error = sys.exc_info()[1]
    return error, error.__traceback__ if error else None


def places(trace: TracebackType | None) -> list[str]:
    """`file:line function` of the innermost frames, outermost first, without source text and locals."""
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    return [f"{'/'.join(frame.filename.rsplit('/', 2)[-2:])}:{frame.lineno} {frame.name}" for frame in frames]


class LibraryHandler(logging.Handler):
    """Carries what libraries log over to our log."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        report = self._logger.error if record.levelno >= logging.ERROR else self._logger.warning
        try:
            report("library.reported", logger=record.name, message=record.getMessage(), exc_info=record.exc_info)
        except (TypeError, ValueError):  # arguments that do not fit the text
            self.handleError(record)


def _hear_libraries(logger: FilteringBoundLogger) -> None:
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryHandler(logger))
    root.setLevel(logging.WARNING)
