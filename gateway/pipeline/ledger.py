"""What the store remembers of incidents and of receivers, kept in memory for a configuration that sends nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from gateway.domain.alert import Alert
from gateway.domain.delivery import NewDelivery
from gateway.domain.snapshot import OPEN
from gateway.domain.telling import Circumstances, Decision, State, Told, decide

Incident: TypeAlias = tuple[str, str]
"""A route and an incident's key."""


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

    def decide(self, alert: Alert, delivery: NewDelivery, state: State, at_us: int, *, moved: bool) -> Decision | None:
        """Whether the receiver is told, and remember that; None for one that is told everything."""
        terms = delivery.terms
        if terms is None or not delivery.is_decided:
            return None
        incident = (delivery.route, alert.key)
        inhibitor = terms.inhibitor
        muting = inhibitor.decide(alert, self._findings.beside(alert)) if inhibitor else None
        inhibited = muting.reason if muting and muting.inhibited else ""
        circumstances = Circumstances(at_us, moved, lambda: inhibited)
        decision, after = decide(delivery.route, terms, self._told.get(incident), state, circumstances)
        if after is not None:
            if incident not in self._told and after.asked_us is None:
                self._passed[incident] = after.state
            self._told[incident] = after
        return decision

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
        if incident in self._heard:
            self._told[incident] = self._heard[incident]
            return
        told, passed = self._told.pop(incident, None), self._passed.get(incident)
        if told and passed:
            self._told[incident] = told._replace(state=passed, asked_us=None)


class _Finding(NamedTuple):
    place: tuple[str, str]
    rule: str
    infos: tuple[str, ...]


_Rules: TypeAlias = dict[str, Counter[str]]


class Findings:
    """Which resources are open with which rule, in each environment of each source."""

    def __init__(self) -> None:
        self._by_key: dict[str, _Finding] = {}
        self._open: dict[tuple[str, str], _Rules] = defaultdict(dict)

    def enter(self, alert: Alert, state: State) -> None:
        """The newest state of an incident takes the place of the one before."""
        infos = tuple(info for info, listed in state.snapshot.resources if listed == OPEN)
        self._leave(self._by_key.pop(alert.key, None))
        if infos:
            found = self._by_key[alert.key] = _Finding((alert.source, alert.environment), alert.rule, infos)
            self._open[found.place].setdefault(found.rule, Counter()).update(infos)

    def beside(self, alert: Alert) -> Mapping[str, Collection[str]]:
        """Rule -> open resources, in the alert's own environment and source."""
        return self._open.get((alert.source, alert.environment), {})

    def _leave(self, found: _Finding | None) -> None:
        if found is None:
            return
        rules = self._open[found.place]
        left = rules[found.rule]
        left.subtract(found.infos)
        for info in found.infos:
            if left[info] <= 0:
                del left[info]
        if not left:
            del rules[found.rule]
