"""What a WHEN expression can ask of an alert: the table of names, and their values as the library takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple, TypeAlias, Union

from gateway.domain.alert import JSON, Alert, Resource

Plain: TypeAlias = Union[  # noqa: UP007 - recursive
    bool, int, float, str, datetime, list["Plain"], dict[str, "Plain"], None
]

_DEEPEST = 100
"""Levels of JSON. What the parser lets through has at most 66; the library converts by recursion in C++."""
_LEAST_INTEGER, _GREATEST_INTEGER = -(2**63), 2**63 - 1


class ExpressionFailed(Exception):
    """No answer for this alert. `reason`: one line for people, without a full stop."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Size(NamedTuple):
    """Of a value. `total`: characters and items, all told. `items`: values inside lists and maps, at any depth.
    `longest`: characters of its longest text.
    """

    total: int
    items: int
    longest: int


class Facts:
    """One alert as expressions see it: each name turned into the library's values when an expression first asks for
    it, and only once for all routes. For one thread at a time.

    `reasons`: why it is told again, the words of `Reason`; None where nobody compared. `now`: aware; None where there
    is no clock. `kept`: what the engine keeps of the alert from one expression to the next.
    """

    __slots__ = ("_values", "alert", "kept", "now", "reasons")

    def __init__(self, alert: Alert, *, reasons: Sequence[str] | None = None, now: datetime | None = None) -> None:
        self.alert = alert
        self.reasons = reasons
        self.now = now
        self.kept: dict[object, object] = {}
        self._values: dict[str, tuple[Plain, Size]] = {}

    def value(self, name: str) -> Plain:
        """ExpressionFailed when there is nothing to know."""
        return self._found(name)[0]

    def size(self, name: str) -> Size:
        return self._found(name)[1]

    def _found(self, name: str) -> tuple[Plain, Size]:
        found = self._values.get(name)
        if found is None:
            scale = _Scale()
            value = FIELDS[name].read(self, scale)
            found = self._values[name] = value, scale.size()
        return found


class _Scale:
    """Copies values as the library can take them, and sums up how large they are."""

    __slots__ = ("_items", "_longest", "_total")

    def __init__(self) -> None:
        self._total = self._items = self._longest = 0

    def size(self) -> Size:
        return Size(self._total + self._items, self._items, self._longest)

    def text(self, text: str) -> str:
        """Lone surrogates, which the library cannot take, become question marks."""
        length = len(text)
        self._total += length
        self._longest = max(self._longest, length)
        return text if text.isascii() else text.encode("utf-8", "replace").decode()

    def texts(self, texts: Iterable[str]) -> list[Plain]:
        found: list[Plain] = [self.text(text) for text in texts]
        self._items += len(found)
        return found

    def map(self, items: Mapping[str, JSON], depth: int = 0) -> dict[str, Plain]:
        self._items += len(items)
        return {self.text(key): self.json(value, depth + 1) for key, value in items.items()}

    def json(self, value: JSON, depth: int = 0) -> Plain:
        """An integer that does not fit 64 bits becomes a double, as every number of JSON may."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int) and not _LEAST_INTEGER <= value <= _GREATEST_INTEGER:
            return _double(value)
        if not isinstance(value, dict | list):
            return value
        if depth > _DEEPEST:
            raise ExpressionFailed(f"a value of the alert is nested more than {_DEEPEST} levels deep")
        if isinstance(value, dict):
            return self.map(value, depth)
        self._items += len(value)
        return [self.json(item, depth + 1) for item in value]

    def resource(self, resource: Resource) -> Plain:
        info, state = self.text(resource.info), self.text(resource.state)
        return {"info": info, "state": state, "details": self.json(resource.details), "extra": self.map(resource.extra)}

    def resources(self, resources: Sequence[Resource]) -> Plain:
        self._items += len(resources)
        return [self.resource(resource) for resource in resources]


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


@dataclass(frozen=True, slots=True)
class Field:
    """`kind`: as in `cel_kinds`. `declared`: its type for the library, "dyn" where it has none that fits."""

    kind: str
    declared: str
    read: Callable[[Facts, _Scale], Plain]


def _text(read: Callable[[Alert], str]) -> Field:
    return Field("text", "string", lambda facts, scale: scale.text(read(facts.alert)))


def _count(read: Callable[[Alert], int]) -> Field:
    return Field("int", "int", lambda facts, _: read(facts.alert))


def _map(read: Callable[[Alert], Mapping[str, JSON]]) -> Field:
    return Field("map", "map", lambda facts, scale: scale.map(read(facts.alert)))


def _score(facts: Facts, _scale: _Scale) -> Plain:
    return None if facts.alert.score is None else float(facts.alert.score)


def _seen_at(facts: Facts, _scale: _Scale) -> Plain:
    return facts.alert.seen_at


def _reasons(facts: Facts, scale: _Scale) -> Plain:
    if facts.reasons is None:
        raise ExpressionFailed("change.reasons is not known here: the alert was not compared with an earlier state")
    return scale.texts(map(str, facts.reasons))


def _now(facts: Facts, _scale: _Scale) -> Plain:
    if facts.now is None:
        raise ExpressionFailed("now is not known here: the expression is worked out without a clock")
    return facts.now.astimezone(UTC)


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "alert.source": _text(lambda alert: alert.source),
        "alert.event_type": _text(lambda alert: alert.event_type),
        "alert.environment": _text(lambda alert: alert.environment),
        "alert.alert_id": _text(lambda alert: alert.alert_id),
        "alert.key": _text(lambda alert: alert.key),
        "alert.severity": _text(lambda alert: alert.severity.value),
        "alert.score": Field("double", "dyn", _score),
        "alert.summary": _text(lambda alert: alert.summary),
        "alert.alert_type": _text(lambda alert: alert.alert_type),
        "alert.provider": _text(lambda alert: alert.provider),
        "alert.rule": _text(lambda alert: alert.rule),
        "alert.details": _text(lambda alert: alert.details),
        "alert.last_seen": _text(lambda alert: alert.last_seen),
        "alert.seen_at": Field("time", "timestamp", _seen_at),
        "alert.policy_labels": Field("list", "list of strings", lambda facts, s: s.texts(facts.alert.policy_labels)),
        "alert.resources": Field("list", "list of maps", lambda facts, s: s.resources(facts.alert.resources)),
        "alert.open_count": _count(lambda alert: alert.open_count),
        "alert.suppressed_count": _count(lambda alert: alert.suppressed_count),
        "alert.closed": Field("boolean", "bool", lambda facts, _: facts.alert.is_closed),
        "alert.extra": _map(lambda alert: alert.extra),
        "alert.envelope_extra": _map(lambda alert: alert.envelope_extra),
        "change.reasons": Field("list", "list of strings", _reasons),
        "now": Field("time", "timestamp", _now),
    }
)

ROOTS: frozenset[str] = frozenset(name.partition(".")[0] for name in FIELDS)
RESOURCE_FIELDS: Mapping[str, str | None] = MappingProxyType(
    {"info": "text", "state": "text", "details": None, "extra": "map"}
)
"""Keys of an item of `alert.resources` -> kind; None where it may be anything that JSON can say."""
