"""What the store remembers of incidents and of receivers, kept in memory for a configuration that sends nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

from gateway.domain.alert import Alert
from gateway.domain.delivery import NewDelivery
from gateway.domain.snapshot import OPEN
from gateway.domain.telling import Circumstances, Decision, State, Told, decide

Incident: TypeAlias = tuple[str, str]
"""A route and an incident's key."""

_Place: TypeAlias = tuple[str, str]
"""A source and an environment."""


class Ledger:
    def __init__(self) -> None:
        self._states: dict[str, bytes] = {}
        self._told: dict[Incident, Told] = {}
        self._heard: dict[Incident, Told] = {}
        self._passed: dict[Incident, State] = {}
        self._findings = Findings()

    def knows(self, key: str) -> bool:
        return key in self._states

    def assume(self, routes: Iterable[str], alert: Alert, state: State, at_us: int) -> None:
        """The incident stood so before anything was entered, and the receivers of these routes were told of it."""
        self.meet(alert, state)
        told = {(route, alert.key): Told(state, at_us) for route in routes}
        self._told.update(told)
        self._heard.update(told)

    def meet(self, alert: Alert, state: State) -> bool:
        """Remember how an incident stands; whether that is another state than before."""
        if self._states.get(alert.key) == state.digest:
            return False
        self._states[alert.key] = state.digest
        self._findings.enter(alert, state)
        return True

    def decide(
        self,
        alert: Alert,
        delivery: NewDelivery,
        state: State,
        at_us: int,
        *,
        moved: bool,
        replaces: bool = False,
    ) -> Decision | None:
        """Whether the receiver is told, and remember that; None for one that is told everything. `replaces` as in
        `Circumstances`.
        """
        terms = delivery.terms
        if terms is None or not delivery.is_decided:
            return None
        incident = (delivery.route, alert.key)
        circumstances = Circumstances(at_us, moved, partial(self._inhibited, alert, delivery), replaces)
        decision, after = decide(delivery.route, terms, self._told.get(incident), state, circumstances)
        if after is not None:
            if incident not in self._told and after.asked_us is None:
                self._passed[incident] = after.state
            self._told[incident] = after
        return decision

    def _inhibited(self, alert: Alert, delivery: NewDelivery) -> str:
        """By findings of which this receiver is told."""
        inhibitor = delivery.terms.inhibitor if delivery.terms else None
        if not inhibitor or not inhibitor.dominated_by(alert.rule):
            return ""
        beside = self._findings.beside(alert, lambda rule: inhibitor.mutes(rule, alert.rule))
        found: dict[str, set[str]] = defaultdict(set)
        for rule, key, infos in beside:
            found[rule] |= infos & self._open_to(delivery.route, key)
        muting = inhibitor.decide(alert, found)
        return muting.reason if muting.inhibited else ""

    def _open_to(self, route: str, key: str) -> frozenset[str]:
        """What is open of an incident as far as this receiver is told."""
        told = self._told.get((route, key))
        return open_in(told.state) if told and told.asked_us is not None else frozenset()

    def expected(self, incident: Incident) -> Told | None:
        """What this receiver knows when everything that waits for it is told."""
        return self._told.get(incident)

    def hear(self, incident: Incident, told: Told) -> None:
        """The receiver was told so much."""
        self._heard[incident] = told

    def take_back(self, incident: Incident) -> None:
        """What this receiver was to be told told it nothing. What comes next is measured from what it heard; where it
        never heard of the incident, from what was first passed over, or it is new.
        """
        told, passed = self._told.pop(incident, None), self._passed.get(incident)
        if incident in self._heard:
            heard = self._heard[incident]
            self._told[incident] = heard._replace(flaps=told.flaps) if told else heard
            return
        if told and passed:
            self._told[incident] = told._replace(state=passed, asked_us=None)


class Findings:
    """Which resources are open with which rule, in each environment of each source."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[_Place, str]] = {}
        self._open: dict[_Place, dict[str, dict[str, frozenset[str]]]] = defaultdict(dict)

    def enter(self, alert: Alert, state: State) -> None:
        """The newest state of an incident takes the place of the one before."""
        self._leave(alert.key)
        if infos := open_in(state):
            place = (alert.source, alert.environment)
            self._places[alert.key] = place, alert.rule
            self._open[place].setdefault(alert.rule, {})[alert.key] = infos

    def beside(self, alert: Alert, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str, frozenset[str]]]:
        """(rule, incident, open resources) of the wanted rules, in the alert's own environment and source."""
        for rule, found in self._open.get((alert.source, alert.environment), {}).items():
            if wanted(rule):
                yield from ((rule, key, infos) for key, infos in found.items())

    def _leave(self, key: str) -> None:
        if key not in self._places:
            return
        place, rule = self._places.pop(key)
        rules = self._open[place]
        del rules[rule][key]
        if not rules[rule]:
            del rules[rule]


def open_in(state: State) -> frozenset[str]:
    return frozenset(info for info, listed in state.snapshot.resources if listed == OPEN)
