"""Which routes take an alert. However many routes there are, only those that could take it are asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.domain.alert import Alert
from gateway.domain.condition import Match, Reading
from gateway.domain.filter import Filter


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one route says to an alert. `key`: of the condition that decided, "" when taken."""

    route: str
    taken: bool
    key: str
    reason: str


class RouteTable:
    """Routes in a fixed order, indexed at construction. Each stands under the one condition that fewest share."""

    def __init__(self, routes: Sequence[tuple[str, Filter]]) -> None:
        self._routes = tuple(routes)
        self._indexes: dict[str, _Index] = defaultdict(_Index)
        self._unindexed: list[int] = []
        crowds = Counter(
            entry for _, filter_ in self._routes for match in _indexable(filter_) for entry in _entries(match)
        )
        for position, (_, filter_) in enumerate(self._routes):
            self._file(position, filter_, crowds)

    def taking(self, alert: Alert) -> tuple[str, ...]:
        """The names of the routes that take the alert, in the table's order."""
        reading, routes = Reading(alert), self._routes
        return tuple([routes[at][0] for at in self._candidates(reading) if routes[at][1].takes(reading)])

    def explain(self, alert: Alert) -> tuple[Verdict, ...]:
        """What every route says, in the table's order."""
        decided = ((name, filter_.decide(alert)) for name, filter_ in self._routes)
        return tuple(Verdict(name, decision.taken, decision.key, decision.reason) for name, decision in decided)

    def _file(self, position: int, filter_: Filter, crowds: Counter[_Entry]) -> None:
        matches = _indexable(filter_)
        if not matches:
            self._unindexed.append(position)
            return
        best = min(matches, key=lambda match: max(crowds[entry] for entry in _entries(match)))
        for entry in _entries(best):
            self._indexes[best.name].add(entry, position)

    def _candidates(self, reading: Reading) -> list[int]:
        """Positions of every route that could take the alert, sorted, each once."""
        found = set(self._unindexed)
        for name, index in self._indexes.items():
            for value in reading.values(name):
                index.find(value, found)
        return sorted(found)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a value must be (`whole`) or begin with."""

    name: str
    text: str
    whole: bool


def _entries(match: Match) -> Iterator[_Entry]:
    for text in match.exact:
        yield _Entry(match.name, text, whole=True)
    for glob in match.globs:
        yield _Entry(match.name, glob.prefix, whole=False)


def _indexable(filter_: Filter) -> list[Match]:
    """The conditions that a lookup can stand for: wanted values, of which every pattern begins with literal text."""
    wanted = [condition for condition in filter_.conditions if isinstance(condition, Match) and not condition.negated]
    return [match for match in wanted if all(glob.prefix for glob in match.globs)]


class _Index:
    """Values and prefixes of one field -> positions of the routes that ask for them."""

    __slots__ = ("_by_length", "_whole")

    def __init__(self) -> None:
        self._whole: dict[str, list[int]] = {}
        self._by_length: dict[int, dict[str, list[int]]] = {}

    def add(self, entry: _Entry, position: int) -> None:
        table = self._whole if entry.whole else self._by_length.setdefault(len(entry.text), {})
        table.setdefault(entry.text, []).append(position)

    def find(self, value: str, found: set[int]) -> None:
        """Add the positions that this value leads to."""
        found.update(self._whole.get(value, ()))
        for length, table in self._by_length.items():
            found.update(table.get(value[:length], ()))
