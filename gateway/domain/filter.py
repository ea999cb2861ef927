"""Which alerts a route takes, and why: the filter keys of a route file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from gateway.domain.alert import Alert
from gateway.domain.condition import FIELDS, AtLeast, Condition, Match, Reading
from gateway.domain.pattern import covers, glob, is_glob
from gateway.domain.severity import Severity, at_least

_MIN = "MIN_SEVERITY"
_POSITIVE_KEYS = ("SOURCES", "ENVIRONMENTS", "ALERT_TYPES", "SEVERITIES", _MIN, *tuple(FIELDS)[4:])
FILTER_KEYS: tuple[str, ...] = _POSITIVE_KEYS + tuple(f"NOT_{name}" for name in FIELDS)

_DEFAULTS = {"EVENT_TYPES": ("ALERT",)}
_BANDS = tuple(severity.value for severity in Severity if severity is not Severity.UNKNOWN)


class FilterMistakes(Exception):
    """`mistakes`: every mistake of a route's filter keys, as (key, what is wrong with it in words)."""

    def __init__(self, mistakes: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {message}" for key, message in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Decision:
    """`key`: of the condition that decided, "" when taken. `reason`: a plain sentence."""

    taken: bool
    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Filter:
    """All conditions must hold. Made by `parse_filter`; without any condition it takes everything there is."""

    conditions: tuple[Condition, ...]

    def takes(self, reading: Reading) -> bool:
        return all(condition.holds(reading) for condition in self.conditions)

    def decide(self, alert: Alert) -> Decision:
        """As `takes`, with the first condition that refuses: exclusions speak first."""
        reading = Reading(alert)
        for condition in self.conditions:
            if not condition.holds(reading):
                return Decision(taken=False, key=condition.key, reason=condition.refusal(alert))
        return Decision(taken=True, key="", reason=self.describe())

    def sparing(self) -> Filter:
        """The same for a route that changes things: one resource that NOT_RESOURCES names keeps no alert away, and is
        left out of it.
        """
        return Filter(tuple([_sparing(condition) for condition in self.conditions]))

    def describe(self) -> str:
        """The conditions in words: `environment is 44412345678075; severity at least high; event type is ALERT`."""
        ordered = sorted(self.conditions, key=lambda condition: FILTER_KEYS.index(condition.key))
        return "; ".join(condition.words() for condition in ordered) or "everything"


def _sparing(condition: Condition) -> Condition:
    if isinstance(condition, Match) and condition.key == "NOT_RESOURCES":
        return replace(condition, spares=True)
    return condition


def parse_filter(values: Mapping[str, Sequence[str]]) -> Filter:
    """Filter keys and their lists, as written. FilterMistakes names everything that is wrong, all at once."""
    mistakes = [(key, message) for key, items in values.items() for message in _mistakes_of(key, items)]
    if mistakes:
        raise FilterMistakes(mistakes)
    conditions = tuple(_conditions(values))
    impossible = list(_contradictions(conditions))
    if impossible:
        raise FilterMistakes(impossible)
    return Filter(conditions)


def _mistakes_of(key: str, items: Sequence[str]) -> Iterator[str]:
    if key not in FILTER_KEYS:
        yield f"there is no such filter key.{_nearest(key, FILTER_KEYS)}"
        return
    if not items:
        yield "no value is given; leave the key out to accept everything"
    if any(not item.strip() for item in items):
        yield "an item of the list is empty"
    if key == _MIN and len(items) > 1:
        yield f"takes one severity, not {len(items)}; SEVERITIES takes a list"
    for item in items:
        if item.strip():
            yield from _mistake_in(key, item.strip())


def _mistake_in(key: str, item: str) -> Iterator[str]:
    known = _BANDS if key == _MIN else tuple(Severity)
    if key == _MIN or key.endswith("SEVERITIES"):
        if item.lower() not in known:
            yield f"there is no severity {item!r}.{_nearest(item.lower(), known)} There are {', '.join(known)}"
    elif "*" in item and not FIELDS[key.removeprefix("NOT_")].globs:
        takers = ", ".join(name for name, field in FIELDS.items() if field.globs)
        yield f"{item!r} has a *, but patterns are only for {takers}; write the value in full"


def _nearest(word: str, known: Sequence[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else ""


def _conditions(values: Mapping[str, Sequence[str]]) -> Iterator[Condition]:
    """Exclusions first; a route without a key gets its default."""
    for name in FIELDS:
        if f"NOT_{name}" in values:
            yield _match(name, values[f"NOT_{name}"], negated=True)
    if _MIN in values:
        yield AtLeast(Severity(values[_MIN][0].strip().lower()))
    for name in FIELDS:
        if name in values:
            yield _match(name, values[name])
        elif name in _DEFAULTS:
            yield _match(name, _DEFAULTS[name], implied=True)


def _match(name: str, items: Sequence[str], *, negated: bool = False, implied: bool = False) -> Match:
    subject, written = FIELDS[name], tuple(dict.fromkeys(item.strip() for item in items))
    folded = dict.fromkeys(subject.fold(item) for item in written)
    globs = tuple(glob(item) for item in folded if subject.globs and is_glob(item))
    exact = frozenset(folded) - {compiled.pattern for compiled in globs}
    return Match(name, written, exact, globs, negated=negated, implied=implied)


def _contradictions(conditions: Sequence[Condition]) -> Iterator[tuple[str, str]]:
    """Conditions that no alert can meet together: a route that can never take anything is a mistake."""
    matches = {condition.key: condition for condition in conditions if isinstance(condition, Match)}
    excluded = dict(_all_excluded(matches))
    yield from excluded.items()
    floor = next((condition.floor for condition in conditions if isinstance(condition, AtLeast)), Severity.LOW)
    severities = [matches[key] for key in ("SEVERITIES", "NOT_SEVERITIES") if key in matches]
    left = [s for s in Severity if at_least(s, floor) and all((s in m.exact) is not m.negated for m in severities)]
    if not left and "NOT_SEVERITIES" not in excluded:
        key = "NOT_SEVERITIES" if floor is Severity.LOW else _MIN
        yield key, "together with the other severity keys it leaves none: no alert could ever be taken"


def _all_excluded(matches: Mapping[str, Match]) -> Iterator[tuple[str, str]]:
    for name in FIELDS:
        wanted, unwanted = matches.get(name), matches.get(f"NOT_{name}")
        if wanted and unwanted and all(_covered(pattern, unwanted) for pattern in _patterns(wanted)):
            default = " (the default)" if wanted.implied else ""
            yield unwanted.key, f"excludes everything that {name}{default} asks for: no alert could ever be taken"


def _patterns(match: Match) -> tuple[str, ...]:
    return (*match.exact, *(compiled.pattern for compiled in match.globs))


def _covered(pattern: str, unwanted: Match) -> bool:
    return any(covers(wide, pattern) for wide in _patterns(unwanted))
