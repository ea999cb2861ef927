"""Storing alerts and their deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.domain.delivery import Claim, NewAlert, NewDelivery, State, Stored
from gateway.domain.telling import Decision
from gateway.queue.book import Book, Value, for_rows, pieces, storable
from gateway.queue.clusters import join
from gateway.queue.incidents import SAME, Memory
from gateway.queue.order import Incident, occupied, supersede
from gateway.queue.schema import CODES
from gateway.queue.told import Log

_MOST_REASON, _MOST_DECISIONS = 300, 200
_MOST_TEXT = 1000  # characters of a search column; the body keeps everything
_LAST_ROWS = """
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alert'), 0),
       coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'delivery'), 0)
"""
KNOWN = "SELECT digest, id, held, routes FROM alert WHERE digest IN ({marks})"
_INSERT_ALERTS = """
INSERT INTO alert (id, digest, source, received_us, body_size, before, decisions, key, environment, alert_id,
                   alert_type, severity, score, rule, summary, held, routes, revision) VALUES {marks}
"""
_INSERT_BODIES = "INSERT INTO body (alert, bytes) VALUES {marks}"
_INSERT_DELIVERIES = """
INSERT INTO delivery (id, alert, route, key, state, head, fresh, supersede, due_us, attempts, token, claimed_us,
                      lease_until_us, first_us, created_us, remembers, cluster, hold, stands_in_for, reason)
VALUES {marks}
"""
_REREAD = """
UPDATE alert SET (before, decisions, key, environment, alert_id, alert_type, severity, score, rule, summary, held,
                  routes, revision)
    = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A `put` that waits for its commit."""

    alert: NewAlert
    lease_us: Mapping[str, int]


@dataclass(slots=True)
class _Sheet:
    """What one round of inserts will write. Rows are numbered here, so that a round needs no answer row by row."""

    next_alert: int
    next_delivery: int
    now_us: int
    taken: set[Incident]
    memory: Memory
    log: Log
    alerts: list[tuple[Value, ...]] = field(default_factory=list)
    bodies: list[tuple[Value, ...]] = field(default_factory=list)
    deliveries: list[tuple[Value, ...]] = field(default_factory=list)


def put(book: Book, arrivals: Sequence[Arrival]) -> list[Stored]:
    stored: list[Stored] = []
    for apart in _apart(arrivals):
        for part in pieces(apart):
            stored += _put_round(book, part)
    return stored


def _apart(arrivals: Sequence[Arrival]) -> Iterator[Sequence[Arrival]]:
    """The arrivals in runs in which no body and no incident comes twice: inside a run nothing depends on the rest."""
    start = 0
    seen: set[object] = set()
    for at, arrival in enumerate(arrivals):
        names: set[object] = {arrival.alert.digest, arrival.alert.key or arrival.alert.digest}
        if not seen.isdisjoint(names):
            yield arrivals[start:at]
            start, seen = at, set()
        seen |= names
    yield arrivals[start:]


def _put_round(book: Book, arrivals: Sequence[Arrival]) -> list[Stored]:
    known = _known(book, [arrival.alert.digest for arrival in arrivals])
    new = [arrival.alert for arrival in arrivals if arrival.alert.digest not in known]
    sheet = _sheet(book, new)
    stored = [known.get(arrival.alert.digest) or _enter(book, sheet, arrival) for arrival in arrivals]
    _write(book, _INSERT_ALERTS, sheet.alerts)
    _write(book, _INSERT_BODIES, sheet.bodies)
    _write(book, _INSERT_DELIVERIES, sheet.deliveries)
    sheet.memory.write()
    sheet.log.write()
    return stored


def _known(book: Book, digests: Sequence[bytes]) -> dict[bytes, Stored]:
    rows = book.db.execute(for_rows(KNOWN, len(digests)), digests)
    return {
        digest: Stored(book.alert_name(row), duplicate=True, held=held is not None, routes=tuple(json.loads(routes)))
        for digest, row, held, routes in rows
    }


def _sheet(book: Book, alerts: Sequence[NewAlert]) -> _Sheet:
    last_alert, last_delivery = book.db.execute(_LAST_ROWS).fetchone()
    incidents = [(d.route, alert.key) for alert in alerts if alert.key for d in alert.deliveries]
    remembered = [(d.route, alert.key) for alert in alerts if alert.key for d in alert.deliveries if d.terms]
    return _Sheet(
        last_alert + 1,
        last_delivery + 1,
        book.now_us(),
        occupied(book, incidents),
        Memory(book, [alert.key for alert in alerts if alert.key]),
        Log(book, remembered),
    )


def _write(book: Book, statement: str, rows: Sequence[tuple[Value, ...]]) -> None:
    for part in pieces(rows):
        values = [value for row in part for value in row]
        book.db.execute(for_rows(statement, len(part), len(part[0])), values)


def _enter(book: Book, sheet: _Sheet, arrival: Arrival) -> Stored:
    alert, row = arrival.alert, sheet.next_alert
    sheet.next_alert += 1
    before = sheet.memory.enter(alert, row, sheet.now_us)
    stored = _enter_deliveries(book, sheet, row, arrival, before)
    reading = _reading(alert, before, stored)
    sheet.alerts.append((row, alert.digest, alert.source, alert.received_us, len(alert.body), *reading))
    sheet.bodies.append((row, alert.body))
    return stored


def _reading(alert: NewAlert, before: bytes | None, stored: Stored) -> tuple[Value, ...]:
    texts = (alert.key, alert.environment, alert.alert_id, alert.alert_type, alert.severity)
    return (
        before,
        _decisions(alert, stored),
        *[storable(text[:_MOST_TEXT]) for text in texts],
        None if alert.score is None else float(alert.score),
        storable(alert.rule[:_MOST_TEXT]),
        storable(alert.summary[:_MOST_TEXT]),
        None if alert.held is None else storable(alert.held[:_MOST_TEXT]),
        _as_json(stored.routes),
        alert.revision,
    )


@lru_cache(maxsize=1024)
def _as_json(routes: tuple[str, ...]) -> str:
    return json.dumps(routes)


def _decisions(alert: NewAlert, stored: Stored) -> str:
    """Of the routes whose filter took it, and of as many as will be read; "" where all were simply told."""
    decisions = (*alert.decisions, *stored.decided)
    if not decisions:
        return ""
    return json.dumps([(d.route, d.word, d.reason[:_MOST_REASON]) for d in decisions[:_MOST_DECISIONS]])


def _enter_deliveries(book: Book, sheet: _Sheet, row: int, arrival: Arrival, before: bytes | None) -> Stored:
    entered = _Entered()
    for delivery in arrival.alert.deliveries:
        decision = sheet.log.decide(arrival.alert, delivery, sheet.now_us, moved=before != SAME)
        if decision is not None:
            entered.decided.append(decision)
            if not decision.makes_delivery:
                continue
        _enter_delivery(book, sheet, row, arrival, delivery, before, entered)
    return Stored(
        book.alert_name(row),
        held=arrival.alert.held is not None,
        routes=tuple(entered.routes),
        claims=tuple(entered.claims),
        waiting=tuple(entered.waiting),
        later=tuple(entered.later),
        decided=tuple(entered.decided),
    )


@dataclass(slots=True)
class _Entered:
    """What becomes of one alert's deliveries, as they are entered."""

    routes: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    later: list[tuple[str, int]] = field(default_factory=list)
    decided: list[Decision] = field(default_factory=list)


def _enter_delivery(
    book: Book,
    sheet: _Sheet,
    row: int,
    arrival: Arrival,
    delivery: NewDelivery,
    before: bytes | None,
    entered: _Entered,
) -> None:
    alert = arrival.alert
    head = _is_head(book, sheet, alert, delivery)
    due_us = _due_us(book, sheet, delivery)
    at_once = head and not delivery.parked and due_us <= sheet.now_us
    lease_us = arrival.lease_us.get(delivery.route) if at_once and delivery.claim else None
    if lease_us is not None:
        entered.claims.append(_claim_of(book, sheet, row, alert, delivery, before))
    elif at_once:
        entered.waiting.append(delivery.route)
    elif head and not delivery.parked:
        entered.later.append((delivery.route, due_us - sheet.now_us))
    entered.routes.append(delivery.route)
    sheet.deliveries.append(_delivery(sheet, row, alert.key, delivery, head=head, due_us=due_us, lease_us=lease_us))
    sheet.next_delivery += 1


def _due_us(book: Book, sheet: _Sheet, delivery: NewDelivery) -> int:
    due_us = max(delivery.due_us, sheet.now_us)
    if delivery.group and delivery.terms and delivery.terms.grouping:
        return max(due_us, join(book, delivery.route, delivery.group, delivery.terms.grouping, sheet.now_us))
    return due_us


def _is_head(book: Book, sheet: _Sheet, alert: NewAlert, delivery: NewDelivery) -> bool:
    if delivery.parked:
        return False
    incident = (delivery.route, alert.key)
    if incident not in sheet.taken:
        return True
    if not delivery.supersede:
        return False
    supersede(book, incident)
    return not occupied(book, [incident])


def _delivery(
    sheet: _Sheet, alert: int, key: str, delivery: NewDelivery, *, head: bool, due_us: int, lease_us: int | None
) -> tuple[Value, ...]:
    now = sheet.now_us
    what = (sheet.next_delivery, alert, delivery.route, key)
    rest = (int(bool(delivery.terms)), delivery.group, delivery.hold, delivery.stands_in_for, storable(delivery.parked))
    if lease_us is not None:
        return (*what, 1, 1, 1, int(delivery.supersede), now, 1, 1, now, now + lease_us, now, now, *rest)
    state = CODES[State.PARKED] if delivery.parked else 0
    # What waits for its time is found by its time, as a retry is; a fresh one is due whatever its time says.
    fresh = int(due_us <= now)
    return (*what, state, int(head), fresh, int(delivery.supersede), due_us, 0, 0, 0, 0, 0, now, *rest)


def _claim_of(
    book: Book, sheet: _Sheet, alert_row: int, alert: NewAlert, delivery: NewDelivery, before: bytes | None
) -> Claim:
    entry = sheet.log.entry((delivery.route, alert.key)) if delivery.terms else None
    return Claim(
        row=sheet.next_delivery,
        token=1,
        delivery_id=book.delivery_name(alert_row, delivery.route),
        alert_id=book.alert_name(alert_row),
        route=delivery.route,
        source=alert.source,
        body=alert.body,
        received_us=alert.received_us,
        due_us=sheet.now_us,
        claimed_us=sheet.now_us,
        first_us=sheet.now_us,
        attempt=1,
        try_number=1,
        before=entry.known if entry else before,
        reference=entry.reference if entry else "",
        remembers=entry is not None,
    )


@dataclass(frozen=True, slots=True)
class Rereading:
    alert_id: str
    alert: NewAlert


def readmit(book: Book, asked: Sequence[Rereading]) -> list[Stored | None]:
    return [_readmit(book, rereading) for rereading in asked]


def _readmit(book: Book, rereading: Rereading) -> Stored | None:
    """The new reading of a held alert. Body, source, digest and time of receipt stay as they were received."""
    row = book.alert_row(rereading.alert_id)
    held = book.db.execute("SELECT 1 FROM alert WHERE id = ? AND held IS NOT NULL", (row,)).fetchone()
    if row is None or held is None:
        return None
    sheet = _sheet(book, [rereading.alert])
    before = sheet.memory.enter(rereading.alert, row, sheet.now_us)
    stored = _enter_deliveries(book, sheet, row, Arrival(rereading.alert, {}), before)
    book.db.execute(_REREAD, (*_reading(rereading.alert, before, stored), row))
    _write(book, _INSERT_DELIVERIES, sheet.deliveries)
    sheet.memory.write()
    sheet.log.write()
    return stored
