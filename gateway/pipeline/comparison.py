"""What routes would have been told of recorded alerts, beside what they were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import NamedTuple

from gateway.domain.alert import Alert
from gateway.domain.recording import Recording
from gateway.domain.telling import DELIVERED_WORDS, Decision
from gateway.domain.text import cut, one_line
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.outbox import Post

_SHOWN = 120


class Example(NamedTuple):
    """An alert that a route would newly be told of, or no longer. `before` and `after`: why, for people."""

    route: str
    told: bool
    alert: str
    received_us: int
    severity: str
    summary: str
    before: str
    after: str


@dataclass(slots=True)
class RouteChange:
    """One route. All but the messages of `post` are counts of alerts.

    `told`: a delivery would have been made; `was_told`: one was. `newly` and `no_longer`: by how many alerts these
    differ. `left_out`: the word of the decision -> alerts that it left out; `was_left_out`: as recorded. `refused`: the
    filter key -> alerts that were told and that this key refuses now. `configured` False: the route was recorded and is
    not there any more.
    """

    name: str
    configured: bool = True
    told: int = 0
    was_told: int = 0
    newly: int = 0
    no_longer: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    was_left_out: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    post: Post = field(default_factory=Post)
    examples: list[Example] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return bool(self.newly or self.no_longer)


@dataclass(frozen=True, slots=True)
class Report:
    """`first_us` and `last_us`: when the first and the last alert came, 0 without any. `unreadable`: of the alerts,
    those that no route can be asked about. `silences`: how many are known of that time.
    """

    alerts: int
    unreadable: int
    first_us: int
    last_us: int
    routes: tuple[RouteChange, ...]
    silences: int = 0

    @property
    def differs(self) -> bool:
        return any(route.differs for route in self.routes)

    def examples(self, most: int) -> tuple[Example, ...]:
        """From every route in turn, so that none is crowded out."""
        turns = zip_longest(*(route.examples for route in self.routes))
        return tuple(islice((example for turn in turns for example in turn if example), most))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one alert. `told`: the routes for which a delivery would have been made. `said`: route -> the last
    word on it, where one had to be said.
    """

    alert: Alert
    told: frozenset[str]
    said: Mapping[str, Decision]


class Comparison:
    """`examples`: how many are kept of each route."""

    def __init__(self, routes: Sequence[ConfiguredRoute], examples: int) -> None:
        self._routes, self._examples = {route.name: route for route in routes}, examples
        self._changes = {route.name: RouteChange(route.name) for route in routes}

    def note(self, recording: Recording, found: Outcome) -> None:
        were = frozenset(recording.routes)
        for name in found.told:
            self._changes[name].told += 1
        for name in were:
            self._change(name).was_told += 1
        for name in found.told - were:
            self._changes[name].newly += 1
            self._show(recording, found, name, told=True)
        for name in were - found.told:
            self._lose(recording, found, name)
        self._count_words(recording, found)

    def changes(self, posts: Mapping[str, Post]) -> tuple[RouteChange, ...]:
        """By name; `posts`: what each route sent."""
        for name, change in self._changes.items():
            change.post = posts.get(name) or change.post
        return tuple(sorted(self._changes.values(), key=lambda change: change.name))

    def _count_words(self, recording: Recording, found: Outcome) -> None:
        for name, decision in found.said.items():
            if name not in found.told:
                self._changes[name].left_out[decision.word] += 1
        for name, word, _ in recording.decisions:
            if word not in DELIVERED_WORDS:
                self._change(name).was_left_out[word] += 1

    def _change(self, name: str) -> RouteChange:
        """Of a route that may be recorded only."""
        change = self._changes.get(name)
        if change is None:
            change = self._changes[name] = RouteChange(name, configured=False)
        return change

    def _lose(self, recording: Recording, found: Outcome, name: str) -> None:
        change = self._changes[name]
        change.no_longer += 1
        if change.configured and name not in found.said:
            key = self._routes[name].filter.decide(found.alert).key
            change.refused[key or "no stand-in"] += 1
        self._show(recording, found, name, told=False)

    def _show(self, recording: Recording, found: Outcome, name: str, *, told: bool) -> None:
        change = self._changes[name]
        if len(change.examples) >= self._examples:
            return
        alert, recorded = found.alert, [(word, reason) for route, word, reason in recording.decisions if route == name]
        before = _worded(*recorded[-1]) if recorded else "not taken" if told else "told"
        summary = cut(one_line(alert.summary), _SHOWN)
        known = (recording.id, recording.received_us, alert.severity.value, summary)
        change.examples.append(Example(name, told, *known, before, self._why(found, name, told=told)))

    def _why(self, found: Outcome, name: str, *, told: bool) -> str:
        decision, route = found.said.get(name), self._routes.get(name)
        if decision:
            return _worded(decision.word, decision.reason)
        if told:
            return "told"
        if route is None:
            return "there is no such route"
        refusal = route.filter.decide(found.alert)
        return "it no longer stands in for another route" if refusal.taken else f"{refusal.key}: {refusal.reason}"


def _worded(word: str, reason: str) -> str:
    return f"{word}: {reason}" if reason else word
