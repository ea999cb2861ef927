"""Storing alerts and their deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from gateway.domain.delivery import Claim, NewAlert, NewDelivery, Stored
from gateway.queue.book import Book, Value, for_rows, pieces, storable
from gateway.queue.order import Incident, occupied, supersede

_MOST_TEXT = 1000  # characters of a search column; the body keeps everything
_LAST_ROWS = """
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alert'), 0),
       coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'delivery'), 0)
"""
KNOWN = "SELECT digest, id, held, routes FROM alert WHERE digest IN ({marks})"
_INSERT_ALERTS = """
INSERT INTO alert (id, digest, source, received_us, body_size, key, environment, alert_id, alert_type, severity, score,
                   rule, summary, held, routes, revision) VALUES {marks}
"""
_INSERT_BODIES = "INSERT INTO body (alert, bytes) VALUES {marks}"
_INSERT_DELIVERIES = """
INSERT INTO delivery (id, alert, route, key, state, head, fresh, supersede, due_us, attempts, token, claimed_us,
                      lease_until_us, first_us, created_us) VALUES {marks}
"""
_REREAD = """
UPDATE alert SET (key, environment, alert_id, alert_type, severity, score, rule, summary, held, routes, revision)
    = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?
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
    return stored


def _known(book: Book, digests: Sequence[bytes]) -> dict[bytes, Stored]:
    rows = book.db.execute(for_rows(KNOWN, len(digests)), digests)
    return {
        digest: Stored(book.alert_name(row), duplicate=True, held=held is not None, routes=tuple(json.loads(routes)))
        for digest, row, held, routes in rows
    }


def _sheet(book: Book, alerts: Sequence[NewAlert]) -> _Sheet:
    last_alert, last_delivery = book.db.execute(_LAST_ROWS).fetchone()
    taken = occupied(book, [(d.route, alert.key) for alert in alerts if alert.key for d in alert.deliveries])
    return _Sheet(last_alert + 1, last_delivery + 1, book.now_us(), taken)


def _write(book: Book, statement: str, rows: Sequence[tuple[Value, ...]]) -> None:
    for part in pieces(rows):
        values = [value for row in part for value in row]
        book.db.execute(for_rows(statement, len(part), len(part[0])), values)


def _enter(book: Book, sheet: _Sheet, arrival: Arrival) -> Stored:
    alert, row = arrival.alert, sheet.next_alert
    sheet.next_alert += 1
    sheet.alerts.append((row, alert.digest, alert.source, alert.received_us, len(alert.body), *_reading(alert)))
    sheet.bodies.append((row, alert.body))
    return _enter_deliveries(book, sheet, row, arrival)


def _reading(alert: NewAlert) -> tuple[Value, ...]:
    texts = (alert.key, alert.environment, alert.alert_id, alert.alert_type, alert.severity)
    return (
        *[storable(text[:_MOST_TEXT]) for text in texts],
        None if alert.score is None else float(alert.score),
        storable(alert.rule[:_MOST_TEXT]),
        storable(alert.summary[:_MOST_TEXT]),
        None if alert.held is None else storable(alert.held[:_MOST_TEXT]),
        _as_json(tuple(delivery.route for delivery in alert.deliveries)),
        alert.revision,
    )


@lru_cache(maxsize=1024)
def _as_json(routes: tuple[str, ...]) -> str:
    return json.dumps(routes)


def _enter_deliveries(book: Book, sheet: _Sheet, row: int, arrival: Arrival) -> Stored:
    claims: list[Claim] = []
    waiting: list[str] = []
    for delivery in arrival.alert.deliveries:
        head = _is_head(book, sheet, arrival.alert, delivery)
        lease_us = arrival.lease_us.get(delivery.route) if head and delivery.claim else None
        if lease_us is not None:
            claims.append(_claim_of(book, sheet, row, arrival.alert, delivery.route))
        elif head:
            waiting.append(delivery.route)
        sheet.deliveries.append(_delivery(sheet, row, arrival.alert.key, delivery, head=head, lease_us=lease_us))
        sheet.next_delivery += 1
    routes = tuple(delivery.route for delivery in arrival.alert.deliveries)
    held = arrival.alert.held is not None
    return Stored(book.alert_name(row), held=held, routes=routes, claims=tuple(claims), waiting=tuple(waiting))


def _is_head(book: Book, sheet: _Sheet, alert: NewAlert, delivery: NewDelivery) -> bool:
    incident = (delivery.route, alert.key)
    if incident not in sheet.taken:
        return True
    if not delivery.supersede:
        return False
    supersede(book, incident)
    return not occupied(book, [incident])


def _delivery(
    sheet: _Sheet, alert: int, key: str, delivery: NewDelivery, *, head: bool, lease_us: int | None
) -> tuple[Value, ...]:
    now = sheet.now_us
    what = (sheet.next_delivery, alert, delivery.route, key)
    if lease_us is None:
        return (*what, 0, int(head), 1, int(delivery.supersede), now, 0, 0, 0, 0, 0, now)
    return (*what, 1, 1, 1, int(delivery.supersede), now, 1, 1, now, now + lease_us, now, now)


def _claim_of(book: Book, sheet: _Sheet, alert_row: int, alert: NewAlert, route: str) -> Claim:
    return Claim(
        row=sheet.next_delivery,
        token=1,
        delivery_id=book.delivery_name(alert_row, route),
        alert_id=book.alert_name(alert_row),
        route=route,
        source=alert.source,
        body=alert.body,
        received_us=alert.received_us,
        due_us=sheet.now_us,
        claimed_us=sheet.now_us,
        first_us=sheet.now_us,
        attempt=1,
        try_number=1,
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
    book.db.execute(_REREAD, (*_reading(rereading.alert), row))
    sheet = _sheet(book, [rereading.alert])
    stored = _enter_deliveries(book, sheet, row, Arrival(rereading.alert, {}))
    _write(book, _INSERT_DELIVERIES, sheet.deliveries)
    return stored
