"""One condition of a filter: which field of an alert it looks at, what it wants there, and how it says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from gateway.domain.alert import Alert
from gateway.domain.pattern import Glob, fold, fold_type
from gateway.domain.severity import Severity, at_least
from gateway.domain.text import code_points, cut, one_line

_SHOWN = 160
"""Code points of a list or of a field's value in a reason: it is one line for people."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a key looks at. `noun`: for one value. `several`: an alert may have many, and one that fits is enough."""

    noun: str
    read: Callable[[Alert], Iterable[str]]
    fold: Callable[[str], str] = fold
    globs: bool = False
    several: bool = False


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "SOURCES": Field("source", lambda alert: (alert.source,)),
        "ENVIRONMENTS": Field("environment", lambda alert: (alert.environment,), globs=True),
        "ALERT_TYPES": Field("alert type", lambda alert: (alert.alert_type,), fold=fold_type),
        "SEVERITIES": Field("severity", lambda alert: (alert.severity.value,)),
        "PROVIDERS": Field("provider", lambda alert: (alert.provider,)),
        "RULES": Field("rule", lambda alert: (alert.rule,), globs=True),
        "POLICY_LABELS": Field("policy label", lambda alert: alert.policy_labels, several=True),
        "STATES": Field("state", lambda alert: (r.state for r in alert.resources), several=True),
        "RESOURCES": Field("resource", lambda alert: (r.info for r in alert.resources), globs=True, several=True),
        "EVENT_TYPES": Field("event type", lambda alert: (alert.event_type,), globs=True),
    }
)


class Reading:
    """One alert as conditions see it: each field folded when first asked for, and only once for all routes."""

    __slots__ = ("_folded", "alert")

    def __init__(self, alert: Alert) -> None:
        self.alert = alert
        self._folded: dict[str, tuple[str, ...]] = {}

    def values(self, name: str) -> tuple[str, ...]:
        """The folded values of a field, each once; () when the alert has none."""
        found = self._folded.get(name)
        if found is None:
            source = FIELDS[name]
            folded = dict.fromkeys(map(source.fold, source.read(self.alert)))
            found = self._folded[name] = tuple(value for value in folded if value)
        return found


@dataclass(frozen=True, slots=True)
class Match:
    """A list of wanted values (`negated`: unwanted ones). `name`: the field's key, without NOT_. `written`: the values
    as the operator wrote them. `implied`: nobody wrote it, it is the default. `spares`: it refuses no alert, because
    what it names is left out of whatever is done.
    """

    name: str
    written: tuple[str, ...]
    exact: frozenset[str]
    globs: tuple[Glob, ...] = ()
    negated: bool = False
    implied: bool = False
    spares: bool = False

    @property
    def key(self) -> str:
        return f"NOT_{self.name}" if self.negated else self.name

    def holds(self, reading: Reading) -> bool:
        return self.spares or self.fits(reading.values(self.name))

    def fits(self, values: tuple[str, ...]) -> bool:
        """Whether a wanted value is among them, or no unwanted one. `values`: as `Reading.values` gives them."""
        found = not self.exact.isdisjoint(values) or self._globbed(values)
        return found is not self.negated

    def _globbed(self, values: tuple[str, ...]) -> bool:
        return any(glob.matches(value) for glob in self.globs for value in values)

    def refusal(self, alert: Alert) -> str:
        setting = f"{self.key}={_listed(self.written)}" + (" (default)" if self.implied else "")
        return f"{setting}: {_found(FIELDS[self.name], alert)}"

    def words(self) -> str:
        subject, choices = FIELDS[self.name], [f"like {v}" if _is_like(v, self) else v for v in self.written]
        if self.spares:
            return f"each {subject.noun} that is {_either(choices, 'or')} is left out"
        if subject.several:
            return f"{'no' if self.negated else 'a'} {subject.noun} is {_either(choices, 'or')}"
        if not self.negated:
            return f"{subject.noun} is {_either(choices, 'or')}"
        refused = f"not {choices[0]}" if len(choices) == 1 else f"neither {_either(choices, 'nor')}"
        return f"{subject.noun} is {refused}"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """MIN_SEVERITY. An alert whose severity is unknown passes."""

    floor: Severity
    key: str = field(default="MIN_SEVERITY", init=False)

    def holds(self, reading: Reading) -> bool:
        return at_least(reading.alert.severity, self.floor)

    def refusal(self, alert: Alert) -> str:
        return f"{self.key}={self.floor}: {_found(FIELDS['SEVERITIES'], alert)}"

    def words(self) -> str:
        return f"severity at least {self.floor}"


Condition: TypeAlias = Match | AtLeast


def _is_like(written: str, match: Match) -> bool:
    return FIELDS[match.name].globs and ("*" in written or "?" in written)


def _found(subject: Field, alert: Alert) -> str:
    """What the alert has there, as a clause: `severity is medium (score 79)`, `the alert has no rule`."""
    values = [value for value in subject.read(alert) if value.strip()]
    if not values:
        return f"the alert has no {subject.noun}"
    if subject.noun == "severity" and alert.score is not None:
        values = [f"{alert.severity} (score {alert.score})"]
    return f"{subject.noun} is {_listed(values)}" if len(values) == 1 else f"{subject.noun}s are {_listed(values)}"


def _listed(values: Sequence[str]) -> str:
    return cut(one_line(", ".join(dict.fromkeys(values))), _SHOWN, code_points)


def _either(choices: Sequence[str], word: str) -> str:
    if len(choices) == 1:
        return choices[0]
    return f"{', '.join(choices[:-1])} {word} {choices[-1]}"
