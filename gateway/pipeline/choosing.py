"""Which routes get an alert, and when: what can be said of it before it is stored.

Filters come first, then WHEN, then the routes' relations to one another, then silences and windows. What a receiver
knows already is decided in the store, in the transaction of the alert.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from typing import NamedTuple

from gateway.domain.alert import Alert
from gateway.domain.approval import APPROVAL_HOLD, waits_until
from gateway.domain.cel_fields import ExpressionFailed, Facts
from gateway.domain.chain import Chain, fallback_of, select
from gateway.domain.condition import Reading
from gateway.domain.delivery import NewDelivery, Primary
from gateway.domain.grouping import bypasses, group_key
from gateway.domain.remediation import NOTHING_OPEN, left_alone, passing
from gateway.domain.route import RouteTable
from gateway.domain.silence import Silence
from gateway.domain.telling import Decision, Word
from gateway.domain.window import WhenMuted
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.waiting import Silencing, wait_of

_SECOND_US = 1_000_000


class Choice(NamedTuple):
    """`deliveries`: what is to be made, in the routes' order. `decisions`: why others are not, or wait."""

    deliveries: tuple[NewDelivery, ...]
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """A route as this step sees it. `plain`: its delivery where nothing is special about route and alert."""

    route: ConfiguredRoute
    plain: NewDelivery
    is_plain: bool


class Chooser:
    """`silencing` None: there are no silences."""

    def __init__(
        self, routes: Sequence[ConfiguredRoute], table: RouteTable, silencing: Silencing | None = None
    ) -> None:
        self._table, self._silencing = table, silencing
        self._rules = {route.name: _rule(route) for route in routes}
        self._chains: Mapping[str, Chain] = {route.name: route.chain for route in routes if route.chain != Chain()}

    def choose(self, alert: Alert, now_us: int) -> Choice:
        names = self._table.taking(alert)
        rules = self._rules
        silences = self._silencing.active(now_us) if self._silencing else ()
        if not silences and not self._chains and all(rules[name].is_plain for name in names):
            return Choice(tuple([rules[name].plain for name in names]))
        return self._weighed(alert, names, now_us, silences)

    def _weighed(self, alert: Alert, names: Sequence[str], now_us: int, silences: Sequence[Silence]) -> Choice:
        decisions, failed = self._asked(alert, names, now_us)
        unmet = {decision.route for decision in decisions}
        chosen, left_out = select([name for name in names if name not in unmet], self._chains)
        decisions += [Decision(name, Word.COVERED, reason) for name, reason in left_out.items()]
        deliveries: list[NewDelivery] = []
        reading = Reading(alert)
        for name in chosen:
            if name in failed:
                deliveries.append(self._rules[name].plain._replace(parked=failed[name]))
                decisions.append(Decision(name, Word.FAILED, failed[name]))
                continue
            delivery, decision = _asked_for(self._rules[name], reading, silences, now_us)
            deliveries += [delivery] if delivery else []
            decisions += [decision] if decision else []
        stand_ins = tuple(self._stand_ins(deliveries))
        in_reserve = {delivery.route for delivery in stand_ins}
        return Choice((*deliveries, *stand_ins), tuple(d for d in decisions if d.route not in in_reserve))

    def _asked(self, alert: Alert, names: Sequence[str], now_us: int) -> tuple[list[Decision], dict[str, str]]:
        """What WHEN says: the routes that it leaves out, and those for which it has no answer, with why. Such a route
        gets the alert parked, where somebody sees it: neither lost nor sent where it may not belong.
        """
        facts = Facts(alert, now=datetime.fromtimestamp(now_us / _SECOND_US, UTC))
        unmet: list[Decision] = []
        failed: dict[str, str] = {}
        for name in names:
            when = self._rules[name].route.when
            try:
                if when is not None and not when.holds(facts):
                    unmet.append(Decision(name, Word.UNMET, f"WHEN is false: {when.describe()}"))
            except ExpressionFailed as error:
                failed[name] = f"WHEN has no answer: {error}"
        return unmet, failed

    def _stand_ins(self, deliveries: Sequence[NewDelivery]) -> Iterator[NewDelivery]:
        """One delivery for each route in reserve, for all the routes that it stands in for, and behind all of them.
        What is parked on purpose needs none.
        """
        taken = {delivery.route for delivery in deliveries}
        needed: dict[str, list[Primary]] = {}
        asking = [delivery.route for delivery in deliveries if not delivery.parked]
        for route in asking:  # grows while it is walked: whoever stands in may have a reserve of its own
            fallback = fallback_of(route, taken, self._chains)
            if fallback in self._rules:
                asking += [] if fallback in needed else [fallback]
                needed.setdefault(fallback, []).append(Primary(route, self._chains[route].late_us))
        behind = TopologicalSorter({name: [primary.route for primary in needed[name]] for name in needed})
        for name in behind.static_order():
            if name in needed:
                yield NewDelivery(name, terms=self._rules[name].plain.terms, stands_in_for=tuple(needed[name]))


def _rule(route: ConfiguredRoute) -> _Rule:
    terms = route.terms if route.terms.remembers else None
    plain = NewDelivery(route.name, supersede=route.policy.backlog == "latest", claim=True, terms=terms)
    is_plain = route.terms.grouping is None and route.schedule is None and route.when is None
    return _Rule(route, plain, is_plain and route.approval is None and route.guard is None)


def _asked_for(
    rule: _Rule, reading: Reading, silences: Sequence[Silence], now_us: int
) -> tuple[NewDelivery | None, Decision | None]:
    """As `_timed`, and nothing goes where somebody has to agree first, or where nothing is left to change."""
    left = left_alone(reading.alert, rule.route.filter) if rule.route.guard else ""
    if rule.route.guard and not any(passing(reading.alert, rule.route.filter)):
        return None, _also(Decision(rule.route.name, Word.CLOSED, NOTHING_OPEN), left)
    delivery, decision = _timed(rule, reading, silences, now_us)
    if rule.route.approval and delivery and not delivery.hold:
        until_us = now_us + rule.route.approval.expires_us
        why = waits_until(until_us)
        delivery = delivery._replace(parked=why, hold=APPROVAL_HOLD, approve_by_us=until_us)
        decision = Decision(rule.route.name, Word.HELD, why)
    if delivery and left:
        decision = _also(decision or Decision(rule.route.name, Word.TOLD), left)
    return delivery, decision


def _also(decision: Decision, said: str) -> Decision:
    return decision._replace(reason="; ".join(filter(None, (decision.reason, said))))


def _timed(
    rule: _Rule, reading: Reading, silences: Sequence[Silence], now_us: int
) -> tuple[NewDelivery | None, Decision | None]:
    """The delivery with its time, and a decision where it is not simply sent."""
    delivery, wait = _grouped(rule, reading.alert), wait_of(rule.route, reading, silences, now_us)
    if wait is None:
        return delivery, None
    if wait.then is WhenMuted.DROP:
        return None, Decision(delivery.route, wait.word, wait.reason)
    held = delivery._replace(due_us=wait.until_us, hold=wait.hold, supersede=True)
    return held, Decision(delivery.route, Word.HELD, wait.reason)


def _grouped(rule: _Rule, alert: Alert) -> NewDelivery:
    grouping = rule.route.terms.grouping
    if grouping is None or bypasses(grouping, alert):
        return rule.plain
    return rule.plain._replace(group=group_key(grouping, alert))
