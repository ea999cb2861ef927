"""The deliveries of alerts that are being stored: who is told, when, and what is handed out at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.domain.delivery import Claim, NewAlert, NewDelivery, State, Stored
from gateway.domain.telling import Decision
from gateway.queue.approvals import ASK
from gateway.queue.book import Book, Rows, Value, storable
from gateway.queue.clusters import Groups
from gateway.queue.holds import end_held
from gateway.queue.incidents import SAME
from gateway.queue.order import NEWER_STATE, GaveWay, end_parked, end_stand_ins, give_way, occupied, relieve, supersede
from gateway.queue.primaries import waits_for, written
from gateway.queue.schema import CODES
from gateway.queue.stand_ins import settle
from gateway.queue.told import Log, undelivered

_INSERT = Rows(
    """
INSERT INTO delivery (id, alert, route, key, state, head, fresh, supersede, due_us, attempts, token, claimed_us,
                      lease_until_us, first_us, created_us, remembers, cluster, hold, stands_in_for, reason)
{rows}
""",
    "iittiiiiiiiiiiiitttt",
)


class Entry(NamedTuple):
    """One alert on its way in. `lease_us`: route -> lease of what is handed out at once. `row`: the alert's. `before`:
    the incident's state before it, as `Memory.enter` tells it. `outdated`: a newer state is known already, so
    that nothing gives way to this one.
    """

    alert: NewAlert
    lease_us: Mapping[str, int]
    row: int
    before: bytes | None
    outdated: bool = False


@dataclass(slots=True)
class _Entered:
    """What becomes of one alert's deliveries, as they are entered. `due_us`: by route, also of those in reserve."""

    due_us: dict[str, int] = field(default_factory=dict)
    took: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    later: list[tuple[str, int]] = field(default_factory=list)
    decided: list[Decision] = field(default_factory=list)


class _Place(NamedTuple):
    """`head`: it is the first of its incident. `with_group_us`: when what gave way would have gone with its group, None
    when it waited for none. `freed`: something gave way, and another of the incident may go on in its place.
    """

    head: bool
    due_us: int
    with_group_us: int | None = None
    freed: bool = False


class Entering:
    """The deliveries of one round of arrivals, in which no incident comes twice. Rows are numbered here, so that a
    round needs no answer row by row; `write` puts all on paper at the end.
    """

    def __init__(self, book: Book, entries: Sequence[Entry]) -> None:
        alerts = [entry.alert for entry in entries]
        incidents = [(d.route, alert.key) for alert in alerts if alert.key for d in alert.deliveries]
        remembered = [(d.route, alert.key) for alert in alerts if alert.key for d in alert.deliveries if d.is_decided]
        self._book, self._now_us = book, book.now_us()
        self._freed = {entry.row: _end_held(book, entry) for entry in entries}
        numbers = iter(book.numbers("delivery", sum(len(alert.deliveries) for alert in alerts)))
        self._numbers, self._next_row = numbers, next(numbers, 0)
        self._taken = occupied(book, incidents)
        self._log, self._groups = Log(book, remembered), Groups(book, self._now_us)
        self._rows: list[tuple[Value, ...]] = []
        self._requests: list[tuple[Value, ...]] = []

    def enter(self, entry: Entry) -> Stored:
        entered = _Entered(waiting=self._freed[entry.row])
        for given in entry.alert.deliveries:
            delivery = _for_those_told(given, entered.due_us)
            if delivery is None:
                continue
            delivery = _late(delivery, entered.due_us)
            decision, gave_way = self._decide(entry, delivery)
            entered.decided += [decision] if decision else []
            if decision is None or decision.makes_delivery:
                self._enter(entry, delivery, self._place(entry, delivery, gave_way), entered)
            elif gave_way:
                settle(self._book, gave_way.deliveries, NEWER_STATE)
        return Stored(
            self._book.alert_name(entry.row),
            held=entry.alert.held is not None,
            routes=tuple(entered.took),
            claims=tuple(entered.claims),
            waiting=tuple(entered.waiting),
            later=tuple(entered.later),
            decided=tuple(entered.decided),
        )

    def write(self) -> None:
        self._book.many(_INSERT, self._rows)
        if self._requests:
            self._book.db.executemany(ASK, self._requests)
        self._log.write()

    def _enter(self, entry: Entry, delivery: NewDelivery, place: _Place, entered: _Entered) -> None:
        alert, now_us, head = entry.alert, self._now_us, place.head
        due_us = max(now_us, place.due_us, self._join(delivery, place))
        at_once = head and due_us <= now_us
        alone = delivery.claim and not delivery.group
        lease_us = entry.lease_us.get(delivery.route) if at_once and alone else None
        if lease_us is not None:
            entered.claims.append(self._claim(entry, delivery))
        elif at_once or place.freed:
            entered.waiting.append(delivery.route)
        elif head:
            entered.later.append((delivery.route, due_us - now_us))
        entered.due_us[delivery.route] = due_us
        entered.took += [] if delivery.stands_in_for else [delivery.route]
        waits = written(waits_for(delivery.stands_in_for, entered.due_us, delivery.due_us - place.due_us))
        self._rows.append(self._row(entry.row, alert.key, delivery, waits, head=head, due_us=due_us, lease_us=lease_us))
        if delivery.approve_by_us:
            self._requests.append((self._next_row, alert.key, now_us, delivery.approve_by_us))
        self._next_row = next(self._numbers, 0)

    def _decide(self, entry: Entry, delivery: NewDelivery) -> tuple[Decision | None, GaveWay | None]:
        """Whether the receiver is told, None for one that is told everything; and what gave way to that. What waits
        does, because it is not true any more: the decision is made from what the receiver truly knows.
        """
        incident, moved = (delivery.route, entry.alert.key), entry.before != SAME
        decision = self._log.decide(entry.alert, delivery, self._now_us, moved=moved)
        if decision is None or entry.alert.state is None or incident not in self._taken:
            return decision, None
        if self._log.awaits(incident, entry.alert.state):
            end_stand_ins(self._book, incident)
            return decision, None
        tells = decision.makes_delivery
        gave_way = give_way(self._book, incident, latest=delivery.supersede, tried=not tells)
        if gave_way is None:
            return decision, None
        self._taken.discard(incident)
        self._log.take_back(incident)
        return self._log.decide(entry.alert, delivery, self._now_us, moved=moved, replaces=True), gave_way

    def _place(self, entry: Entry, delivery: NewDelivery, gave_way: GaveWay | None) -> _Place:
        """Where it stands among those of its incident, once all that give way to it have."""
        incident = (delivery.route, entry.alert.key)
        if entry.outdated:
            return _Place(not delivery.parked and incident not in self._taken, delivery.due_us)
        if delivery.parked:
            end_parked(self._book, incident)
            return _Place(head=False, due_us=delivery.due_us)
        if incident not in self._taken:
            with_group_us = gave_way.with_group_us if gave_way else None
            return _Place(head=True, due_us=delivery.due_us, with_group_us=with_group_us)
        due_us, with_group_us, earlier_us = delivery.due_us, None, None
        if delivery.supersede:
            with_group_us = supersede(self._book, incident)
        else:
            earlier_us = relieve(self._book, incident, delivery.stands_in_for)
            due_us = due_us if earlier_us is None else min(due_us, earlier_us)
        head = not occupied(self._book, [incident])
        return _Place(head, due_us, with_group_us, freed=earlier_us is not None and not head)

    def _join(self, delivery: NewDelivery, place: _Place) -> int:
        """When its group is due; 0 when it waits for none."""
        if not delivery.group or delivery.hold or delivery.parked or not delivery.terms or not delivery.terms.grouping:
            return 0
        grouping, earlier_us = delivery.terms.grouping, place.with_group_us
        since_us = self._now_us if earlier_us is None else earlier_us - grouping.wait_us
        return self._groups.join((delivery.route, delivery.group), grouping, since_us, first=place.head)

    def _row(
        self,
        alert: int,
        key: str,
        delivery: NewDelivery,
        waits: str,
        *,
        head: bool,
        due_us: int,
        lease_us: int | None,
    ) -> tuple[Value, ...]:
        now_us = self._now_us
        what = (self._next_row, alert, delivery.route, key)
        rest = (
            int(bool(delivery.terms)),
            delivery.group,
            delivery.hold,
            waits,
            storable(delivery.parked),
        )
        supersedes = int(delivery.supersede)
        if lease_us is not None:
            return (*what, 1, 1, 1, supersedes, now_us, 1, 1, now_us, now_us + lease_us, now_us, now_us, *rest)
        state = CODES[State.PARKED] if delivery.parked else 0
        # What waits for its time is found by its time, as a retry is; a fresh one is due whatever its time says.
        fresh = int(due_us <= now_us)
        return (*what, state, int(head), fresh, supersedes, due_us, 0, 0, 0, 0, 0, now_us, *rest)

    def _claim(self, entry: Entry, delivery: NewDelivery) -> Claim:
        alert, now_us = entry.alert, self._now_us
        told = self._log.entry((delivery.route, alert.key)) if delivery.terms else None
        return Claim(
            row=self._next_row,
            token=1,
            delivery_id=self._book.delivery_name(entry.row, delivery.route),
            alert_id=self._book.alert_name(entry.row),
            route=delivery.route,
            source=alert.source,
            body=alert.body,
            received_us=alert.received_us,
            due_us=now_us,
            claimed_us=now_us,
            first_us=now_us,
            attempt=1,
            try_number=1,
            before=told.known if told else entry.before,
            reference=told.reference if told else "",
            remembers=told is not None,
        )


def _late(delivery: NewDelivery, due_us: Mapping[str, int]) -> NewDelivery:
    """Nobody is late who waits for an hour or for a group: the time of a stand-in runs from its end."""
    if not delivery.stands_in_for:
        return delivery
    return delivery._replace(due_us=min(due_us[route] + late_us for route, late_us in delivery.stands_in_for))


def _end_held(book: Book, entry: Entry) -> list[str]:
    """What waits for a time is over where a newer state goes nowhere: on routes that do not take that. Of what takes it
    each decides. The routes on which something else of the incident may go on in its place.
    """
    alert = entry.alert
    if alert.key and entry.before and alert.state:
        taking = {d.route for d in alert.deliveries if not d.stands_in_for and (d.approve_by_us or not d.parked)}
        ended = end_held(book, alert.key, taking, over=alert.state.snapshot.is_closed)
        undelivered(book, [(route, alert.key) for route in ended])
        return sorted({route for route, _ in occupied(book, [(route, alert.key) for route in ended])}) if ended else []
    return []


def _for_those_told(delivery: NewDelivery, routes: Collection[str]) -> NewDelivery | None:
    """A stand-in for those of its routes that are told of the alert; None when there is none, or when its own route
    has it from elsewhere.
    """
    if not delivery.stands_in_for:
        return delivery
    told = tuple(primary for primary in delivery.stands_in_for if primary.route in routes)
    if not told or delivery.route in routes:
        return None
    return delivery._replace(stands_in_for=told)
