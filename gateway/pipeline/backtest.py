"""What a configuration would have sent of the alerts that were recorded, beside what was sent. Nothing is sent.

The rules are the gateway's own, hours and silences are those of each alert's arrival, and of when what waited is due;
every receiver is taken to be in good health. An incident that stood before the first recording counts as told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.domain.alert import Alert, Resource
from gateway.domain.condition import Reading
from gateway.domain.delivery import NewDelivery
from gateway.domain.optix import Unreadable, parse
from gateway.domain.recording import Entry, Recording
from gateway.domain.route import RouteTable
from gateway.domain.severity import severity_of
from gateway.domain.silence import Silence
from gateway.domain.snapshot import Snapshot, digest_of, snapshot_of
from gateway.domain.telling import State
from gateway.pipeline.choosing import Chooser
from gateway.pipeline.comparison import Comparison, Outcome, Report
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.ledger import Ledger
from gateway.pipeline.outbox import Outbox
from gateway.pipeline.past_silences import PastSilences
from gateway.pipeline.waiting import Wait, wait_of


def backtest(routes: Sequence[ConfiguredRoute], entries: Iterable[Entry], *, examples: int = 0) -> Report:
    """`entries`: alerts in the order in which they came, each silence before the alerts that it may have silenced. Of
    alerts, one is in memory at a time, and those that wait. `examples`: kept of each route.
    """
    run = Backtest(routes, examples)
    for entry in entries:
        if isinstance(entry, Silence):
            run.silences.add(entry)
        else:
            run.enter(entry)
    return run.report()


class Backtest:
    def __init__(self, routes: Sequence[ConfiguredRoute], examples: int) -> None:
        self.silences = PastSilences()
        self._routes = {route.name: route for route in routes}
        table = RouteTable([(route.name, route.filter) for route in routes])
        self._chooser, self._unsilenced = Chooser(routes, table, self.silences), Chooser(routes, table)
        self._ledger, self._comparison = Ledger(), Comparison(routes, examples)
        self._outbox = Outbox(self._ledger, self._wait)
        self._alerts = self._unreadable = self._first_us = self._last_us = 0

    def enter(self, recording: Recording) -> None:
        self._alerts += 1
        self._first_us, self._last_us = self._first_us or recording.received_us, recording.received_us
        self._outbox.until(recording.received_us)
        alert = parse(recording.source, recording.body)
        if isinstance(alert, Unreadable):
            self._unreadable += 1
        else:
            self._comparison.note(recording, self._decided(recording, alert))

    def report(self) -> Report:
        """Of all that was entered; nothing can be entered after it."""
        self._outbox.finish(self._last_us)
        routes = self._comparison.changes(self._outbox.posts)
        return Report(self._alerts, self._unreadable, self._first_us, self._last_us, routes, len(self.silences))

    def _decided(self, recording: Recording, alert: Alert) -> Outcome:
        at_us, state = recording.received_us, _state_of(alert)
        choice = self._chooser.choose(alert, at_us)
        if recording.stood and not self._ledger.knows(alert.key):
            self._assume(recording, alert, state)
        moved = self._ledger.meet(alert, state)
        if moved:
            taking = {made.route for made in choice.deliveries if made.approve_by_us or not made.parked}
            self._outbox.end_held(alert.key, taking, at_us)
        said = {decision.route: decision for decision in choice.decisions}
        due_us: dict[str, int] = {}
        for delivery in choice.deliveries:
            if delivery.stands_in_for:
                continue  # every receiver takes what it is sent, so nobody has to stand in
            replaces = self._gives_way(delivery, alert.key, state, at_us)
            decision = self._ledger.decide(alert, delivery, state, at_us, moved=moved, replaces=replaces)
            if decision and not (decision.makes_delivery and delivery.route in said):
                said[delivery.route] = decision
            if decision and not decision.makes_delivery:
                self._outbox.leave_room(delivery.route, alert.key)
            else:
                due_us[delivery.route] = self._outbox.put(delivery, alert, len(recording.body), at_us)
        return Outcome(alert, frozenset(due_us), said)

    def _wait(self, route: str, alert: Alert, at_us: int) -> Wait | None:
        return wait_of(self._routes[route], Reading(alert), self.silences.active(at_us), at_us)

    def _gives_way(self, delivery: NewDelivery, key: str, state: State, at_us: int) -> bool:
        """Whether another state waited, is not true any more and went: the receiver knows what it was told."""
        incident = (delivery.route, key)
        expected = self._ledger.expected(incident)
        if not delivery.is_decided or (expected and expected.state.digest == state.digest):
            return False
        gone = self._outbox.give_way(delivery, key, at_us)
        if gone:
            self._ledger.take_back(incident)
        return gone

    def _assume(self, recording: Recording, alert: Alert, state: State) -> None:
        """The incident stood before the first recording: whoever would have been told of that, was, whatever is
        silenced now.
        """
        if recording.before is not None:
            alert = _as_it_was(alert, recording.before)
            state = State(recording.before, digest_of(recording.before))
        choice = self._unsilenced.choose(alert, recording.received_us)
        told = [delivery.route for delivery in choice.deliveries if delivery.is_decided]
        self._ledger.assume(told, alert, state, recording.received_us)
        for route in told:
            self._outbox.assume((route, alert.key))


def _state_of(alert: Alert) -> State:
    snapshot = snapshot_of(alert)
    return State(snapshot, digest_of(snapshot))


def _as_it_was(alert: Alert, before: Snapshot) -> Alert:
    """The alert with an earlier score and earlier resources: all that a state holds."""
    resources = tuple(Resource(info, state) for info, state in before.resources)
    return replace(alert, score=before.score, severity=severity_of(before.score), resources=resources)
