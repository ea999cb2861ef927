"""Storing alerts and their deliveries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.domain.delivery import NewAlert, Stored
from gateway.domain.telling import Decision, Word
from gateway.queue.book import Book, Rows, Value, storable
from gateway.queue.entering import Entering, Entry
from gateway.queue.incidents import Memory

_MOST_REASON, _MOST_DECISIONS = 300, 200
_OUTDATED = "an older state than the one known"
_MOST_TEXT = 1000  # characters of a search column; the body keeps everything
KNOWN = Rows("SELECT digest, id, held, routes FROM alert WHERE digest IN ({marks})", "b")
_INSERT_ALERTS = Rows(
    """
INSERT INTO alert (id, digest, source, received_us, body_size, before, decisions, key, environment, alert_id,
                   alert_type, severity, score, rule, summary, held, routes, revision) {rows}
""",
    "ibtiibttttttfttttt",
)
_INSERT_BODIES = Rows("INSERT INTO body (alert, bytes) {rows}", "ib")
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


def put(book: Book, arrivals: Sequence[Arrival]) -> list[Stored]:
    stored: list[Stored] = []
    for apart in _apart(arrivals):
        for part in book.rounds(apart):
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
    entries = _remembered(book, [arrival for arrival in arrivals if arrival.alert.digest not in known])
    deliveries = Entering(book, entries)
    stored = {entry.alert.digest: deliveries.enter(entry) for entry in entries}
    book.many(_INSERT_ALERTS, [_row(entry, stored[entry.alert.digest]) for entry in entries])
    book.many(_INSERT_BODIES, [(entry.row, entry.alert.body) for entry in entries])
    deliveries.write()
    return [known.get(arrival.alert.digest) or stored[arrival.alert.digest] for arrival in arrivals]


def _known(book: Book, digests: Sequence[bytes]) -> dict[bytes, Stored]:
    rows = book.many(KNOWN, [(digest,) for digest in digests])
    return {
        digest: Stored(book.alert_name(row), duplicate=True, held=held is not None, routes=tuple(json.loads(routes)))
        for digest, row, held, routes in rows
    }


def _remembered(book: Book, arrivals: Sequence[Arrival]) -> list[Entry]:
    """All in the memory of incidents before anything is decided: what one brings may decide about another."""
    memory, now_us = Memory(book, [arrival.alert.key for arrival in arrivals if arrival.alert.key]), book.now_us()
    entries = [
        Entry(arrival.alert, arrival.lease_us, row, memory.enter(arrival.alert, row, now_us))
        for row, arrival in zip(book.numbers("alert", len(arrivals)), arrivals, strict=True)
    ]
    memory.write()
    return entries


def _row(entry: Entry, stored: Stored) -> tuple[Value, ...]:
    alert = entry.alert
    what = (entry.row, alert.digest, alert.source, alert.received_us, len(alert.body))
    return (*what, *_reading(alert, entry.before, stored))


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


@dataclass(frozen=True, slots=True)
class Rereading:
    alert_id: str
    alert: NewAlert


def readmit(book: Book, asked: Sequence[Rereading]) -> list[Stored | None]:
    return [_readmit(book, rereading) for rereading in asked]


def _readmit(book: Book, rereading: Rereading) -> Stored | None:
    """The new reading of a held alert. Body, source, digest and time of receipt stay as they were received."""
    row = book.alert_row(rereading.alert_id)
    held = book.db.execute("SELECT received_us FROM alert WHERE id = ? AND held IS NOT NULL", (row,)).fetchone()
    if row is None or held is None:
        return None
    entry = _remembered_late(book, rereading.alert, row, held[0])
    deliveries = Entering(book, [entry])
    stored = deliveries.enter(entry)
    book.db.execute(_REREAD, (*_reading(entry.alert, entry.before, stored), row))
    deliveries.write()
    return stored


def _remembered_late(book: Book, alert: NewAlert, row: int, received_us: int) -> Entry:
    """It counts for the time when it was received: what came since is newer, also another that is read late."""
    memory = Memory(book, [alert.key])
    if memory.reaches(alert.key, received_us):
        return Entry(_for_those_sent_everything(alert), {}, row, None, outdated=True)
    before = memory.enter(alert, row, received_us)
    memory.write()
    return Entry(alert, {}, row, before)


def _for_those_sent_everything(alert: NewAlert) -> NewAlert:
    """Without what measures or only wants the latest state, and without what would wait and not be true then."""
    kept = tuple(d for d in alert.deliveries if d.terms is None and not d.supersede and not d.hold)
    others = [d.route for d in alert.deliveries if d not in kept]
    said = tuple(decision for decision in alert.decisions if decision.route not in others)
    outdated = tuple(Decision(route, Word.OUTDATED, _OUTDATED) for route in others)
    return alert._replace(deliveries=kept, decisions=said + outdated)
