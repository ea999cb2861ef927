"""What an operator asks for, read from a query string or from a JSON filter: the same names in both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from gateway.domain.delivery import State
from gateway.domain.query import PAGE, AlertSelection, IncidentSelection, Selection
from gateway.domain.severity import Severity
from gateway.web.refusal import Refusal, nearest

Given: TypeAlias = Mapping[str, Sequence[str]]

LARGEST_PAGE = 500

DELIVERY_WORDS = ("ids", "state", "route", "alert", "environment", "severity", "type", "rule", "since", "until")
ALERT_WORDS = (
    "source", "environment", "alert_id", "key", "severity", "type", "rule", "held", "since", "until",
)  # fmt: skip
INCIDENT_WORDS = ("source", "environment", "rule", "key", "open")
APPROVAL_WORDS = ("key", "decided", "limit")
PAGE_WORDS = ("limit", "cursor")
_ALIASES = {"alert_type": "type", "id": "ids", "states": "state", "routes": "route"}
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

_UNITS_US = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_AGO = re.compile(r"-?(\d{1,9})(ms|s|m|h|d)(?: ago)?")


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list: at most `limit` rows, after those that `cursor` stands for."""

    limit: int = PAGE
    cursor: str = ""


def given(pairs: Iterable[tuple[str, str]], known: tuple[str, ...]) -> dict[str, list[str]]:
    """Parameters by name; lists may be written with commas or by repetition. A name that is not known is refused."""
    values: dict[str, list[str]] = {}
    for written, value in pairs:
        name = _ALIASES.get(written, written)
        if name not in known:
            raise Refusal(400, f"there is no parameter {written[:60]!r}", hint=nearest(written, known))
        values.setdefault(name, []).append(value)
    return values


def delivery_selection(values: Given, now_us: int) -> Selection:
    return Selection(
        ids=_many(values, "ids"),
        states=tuple(_state(word) for word in _many(values, "state")),
        routes=_many(values, "route"),
        alert=_one(values, "alert"),
        environment=_one(values, "environment"),
        severity=_severity(_one(values, "severity")),
        alert_type=_one(values, "type"),
        rule=_one(values, "rule"),
        since_us=moment(values, "since", now_us),
        until_us=moment(values, "until", now_us),
    )


def alert_selection(values: Given, now_us: int) -> AlertSelection:
    return AlertSelection(
        source=_one(values, "source"),
        environment=_one(values, "environment"),
        alert_id=_one(values, "alert_id"),
        key=_one(values, "key"),
        severity=_severity(_one(values, "severity")),
        alert_type=_one(values, "type"),
        rule=_one(values, "rule"),
        held=_boolean(values, "held"),
        since_us=moment(values, "since", now_us),
        until_us=moment(values, "until", now_us),
    )


def incident_selection(values: Given) -> IncidentSelection:
    return IncidentSelection(
        source=_one(values, "source"),
        environment=_one(values, "environment"),
        rule=_one(values, "rule"),
        key=_one(values, "key"),
        open=_boolean(values, "open"),
    )


def window(values: Given) -> Window:
    text = _one(values, "limit")
    limit = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if text and not 1 <= limit <= LARGEST_PAGE:
        raise Refusal(400, f"limit is {text[:60]!r}", hint=f"a number from 1 to {LARGEST_PAGE}")
    return Window(limit or PAGE, _one(values, "cursor"))


def moment_us(text: str, now_us: int) -> int:
    """Microseconds since the epoch of an ISO 8601 time (UTC where it names no zone), or of `2h`, `-2h`, `2h ago`.

    ValueError when it is neither.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return max(0, now_us - int(ago[1]) * _UNITS_US[ago[2]])
    # A + that was not percent-encoded arrives as a blank: 2024-05-01T10:00:00 02:00
    zoned = re.sub(r" (\d\d:?\d\d)$", r"+\1", text) if "T" in text else text
    moment = datetime.fromisoformat(zoned)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000)


def span_us(text: str, name: str) -> int:
    """Microseconds of `30m`, `2h`, `3d`."""
    span = _AGO.fullmatch(text.strip())
    if span is None or text.strip() != f"{span[1]}{span[2]}":
        raise Refusal(400, f"{name} is {text[:60]!r}", hint="how long: 30m, 2h, 3d")
    return int(span[1]) * _UNITS_US[span[2]]


def single(values: Given, name: str) -> str:
    """Empty where it is not given."""
    return _one(values, name)


def is_set(values: Given, name: str) -> bool:
    return bool(_boolean(values, name))


def _many(values: Given, name: str) -> tuple[str, ...]:
    words = [word.strip() for value in values.get(name, ()) for word in value.split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


def _one(values: Given, name: str) -> str:
    written = values.get(name, ())
    if len(written) > 1:
        raise Refusal(400, f"{name} is given {len(written)} times", hint="it takes one value")
    return written[0].strip() if written else ""


def _state(word: str) -> State:
    try:
        return State(word.lower())
    except ValueError:
        raise Refusal(400, f"there is no state {word[:60]!r}", hint=nearest(word, tuple(State))) from None


def _severity(word: str) -> str:
    if word and word.lower() not in tuple(Severity):
        raise Refusal(400, f"there is no severity {word[:60]!r}", hint=nearest(word, tuple(Severity)))
    return word.lower()


def _boolean(values: Given, name: str) -> bool | None:
    word = _one(values, name).lower()
    if word and word not in _BOOLEANS:
        raise Refusal(400, f"{name} is {word[:60]!r}", hint="true or false")
    return _BOOLEANS.get(word)


def moment(values: Given, name: str, now_us: int) -> int | None:
    """None where it is not given."""
    text = _one(values, name)
    if not text:
        return None
    try:
        return moment_us(text, now_us)
    except (ValueError, OverflowError):
        hint = "an ISO 8601 time like 2024-05-01T10:00:00Z, or how long ago: 30m, 2h, 3d"
        raise Refusal(400, f"{name} is {text[:60]!r}", hint=hint) from None
