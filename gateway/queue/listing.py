"""What operators read: short, limited queries, always fetched whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from gateway.domain.delivery import State
from gateway.domain.query import (
    AlertRow,
    AlertSelection,
    AttemptRow,
    Decided,
    DeliveryRow,
    Page,
    Selection,
    WaitsFor,
)
from gateway.domain.telling import Decision, Word
from gateway.ports import UnknownCursor
from gateway.queue.book import Book
from gateway.queue.choosing import (
    END,
    Where,
    alert_span,
    exactly,
    of_alert,
    reads_as,
    received,
    same_text,
    slices,
)
from gateway.queue.primaries import names_of
from gateway.queue.schema import STATES

MOST_COUNTED = 1_000_000

_ALERT = """
SELECT a.id, a.source, a.received_us, a.environment, a.alert_id, a.key, a.alert_type, a.severity, a.score, a.rule,
       a.summary, a.held, a.revision, a.routes, a.body_size FROM alert AS a
"""
DELIVERY = """
SELECT d.alert, d.route, d.state, d.attempts, d.created_us, d.due_us, d.finished_us, d.reason, a.severity, a.summary,
       d.hold, d.stands_in_for,
       d.state = 2 AND EXISTS (SELECT 1 FROM approval AS p WHERE p.delivery = d.id AND p.verdict = '')
FROM delivery AS d CROSS JOIN alert AS a ON a.id = d.alert
"""
DECIDED = "SELECT decisions, before FROM alert WHERE id = ?"
ORDER = "ORDER BY d.alert DESC, d.route DESC"
_PLACE = "SELECT d.alert, d.route FROM delivery AS d CROSS JOIN alert AS a ON a.id = d.alert"

Place = tuple[int, str]


def held_count(book: Book) -> int:
    return _limited_count(book, "SELECT 1 FROM alert WHERE held IS NOT NULL", Where(""), MOST_COUNTED)


def _limited_count(book: Book, select: str, where: Where, most: int) -> int:
    row: tuple[int] = book.db.execute(
        f"SELECT count(*) FROM ({select}{where.text} LIMIT ?) AS found",  # noqa: S608 - values are bound
        (*where.values, most),
    ).fetchone()
    return row[0]


def alerts(book: Book, selection: AlertSelection, limit: int, cursor: str) -> Page:
    before = book.alert_row(cursor) if cursor else END[0]
    if before is None:
        raise UnknownCursor(cursor)
    where = _which_alerts(book, selection, before)
    statement = f"{_ALERT} WHERE {where.text} ORDER BY a.id DESC LIMIT ?"
    rows = [_alert_row(book, row) for row in book.db.execute(statement, (*where.values, limit + 1))]
    shown = tuple(rows[:limit])
    return Page(alerts=shown, next=shown[-1].id if len(rows) > limit and shown else "")


def _which_alerts(book: Book, selection: AlertSelection, before: int) -> Where:
    first, last = alert_span(book, selection.since_us, selection.until_us)
    where = Where("a.id >= ? AND a.id <= ?", (first, min(last, before - 1)))
    if selection.held is not None:
        where += Where(" AND a.held IS NOT NULL" if selection.held else " AND a.held IS NULL")
    return (
        where
        + exactly("a.source", selection.source)
        + exactly("a.key", selection.key)
        + exactly("a.alert_id", selection.alert_id)
        + same_text("a.environment", selection.environment)
        + same_text("a.severity", selection.severity)
        + same_text("a.alert_type", selection.alert_type)
        + same_text("a.rule", selection.rule)
        + received(selection.since_us, selection.until_us)
    )


def _alert_row(book: Book, row: tuple[Any, ...]) -> AlertRow:
    fields = (book.alert_name(row[0]), *row[1:13], tuple(json.loads(row[13])), row[14])
    return AlertRow(*fields)


def alert(book: Book, alert_id: str, stopped: frozenset[str]) -> tuple[AlertRow, bytes, tuple[DeliveryRow, ...]] | None:
    row = book.alert_row(alert_id)
    found = book.db.execute(f"{_ALERT} WHERE a.id = ?", (row,)).fetchone()
    if found is None:
        return None
    body: tuple[bytes] = book.db.execute("SELECT bytes FROM body WHERE alert = ?", (row,)).fetchone()
    rows = book.db.execute(f"{DELIVERY} WHERE d.alert = ? ORDER BY d.route", (row,))
    return _alert_row(book, found), body[0], tuple(_delivery_row(book, each, stopped) for each in rows)


def decided(book: Book, alert_id: str) -> Decided | None:
    found: tuple[str, bytes | None] | None = book.db.execute(DECIDED, (book.alert_row(alert_id),)).fetchone()
    if found is None:
        return None
    written, before = found
    made = json.loads(written) if written else ()
    return Decided(tuple(Decision(route, Word(word), reason) for route, word, reason in made), before)


def deliveries(book: Book, selection: Selection, stopped: frozenset[str], limit: int, cursor: str) -> Page:
    before = book.delivery_place(cursor) if cursor else END
    if before is None:
        raise UnknownCursor(cursor)
    first, last = alert_span(book, selection.since_us, selection.until_us)
    bounds = Where(
        "d.alert >= ? AND d.alert <= ? AND (d.alert < ? OR d.route < ?)",
        (first, min(last, before[0]), before[0], before[1]),
    )
    rows: list[tuple[Any, ...]] = []
    for part in slices(book, selection, stopped):
        where = bounds + part + of_alert(selection)
        statement = f"{DELIVERY} WHERE {where.text} {ORDER} LIMIT ?"
        rows += book.db.execute(statement, (*where.values, limit + 1)).fetchall()
    rows.sort(key=lambda row: row[:2], reverse=True)
    shown = tuple(_delivery_row(book, row, stopped) for row in rows[:limit])
    return Page(deliveries=shown, next=shown[-1].id if len(rows) > limit and shown else "")


def _delivery_row(book: Book, row: tuple[Any, ...], stopped: frozenset[str]) -> DeliveryRow:
    alert_row, route, code, attempts, created, due, finished, reason, severity, summary, hold, stands_in_for, asks = row
    stored = STATES[code]
    state = reads_as(stored, route, stopped)
    return DeliveryRow(
        id=book.delivery_name(alert_row, route),
        alert=book.alert_name(alert_row),
        route=route,
        state=state,
        attempts=attempts,
        created_us=created,
        due_us=due if state is State.PENDING else None,
        finished_us=finished,
        reason=reason,
        severity=severity,
        summary=summary,
        hold=hold,
        stands_in_for=",".join(names_of(stands_in_for)),
        waits_for=_waits_for(stored, asks=bool(asks)) if state is State.PARKED else "",
    )


def _waits_for(stored: State, *, asks: bool) -> WaitsFor:
    if stored is not State.PARKED:
        return "route"
    return "approval" if asks else "replay"


def delivery(
    book: Book, delivery_id: str, stopped: frozenset[str]
) -> tuple[DeliveryRow, tuple[AttemptRow, ...]] | None:
    place = book.delivery_place(delivery_id)
    found = book.db.execute(f"{DELIVERY} WHERE d.alert = ? AND d.route = ?", place).fetchone() if place else None
    if found is None:
        return None
    rows = book.db.execute(
        "SELECT n, detail FROM attempt WHERE delivery = (SELECT id FROM delivery WHERE alert = ? AND route = ?)"
        " ORDER BY n",
        place or (),
    )
    attempts = tuple(AttemptRow(n, json.loads(detail)) for n, detail in rows)
    return _delivery_row(book, found, stopped), attempts


def count(book: Book, selection: Selection, stopped: frozenset[str]) -> int:
    """Exact up to MOST_COUNTED, where counting ends."""
    first, last = alert_span(book, selection.since_us, selection.until_us)
    bounds = Where(" WHERE d.alert >= ? AND d.alert <= ?", (first, last))
    counted = 0
    for part in slices(book, selection, stopped):
        where = bounds + part + of_alert(selection)
        counted += _limited_count(book, _PLACE, where, MOST_COUNTED - counted)
    return counted


@dataclass(frozen=True, slots=True)
class Walk:
    """The next deliveries of a selection in the order they arrived: after a place, and none of a younger alert than
    `last_alert`.
    """

    selection: Selection
    stopped: frozenset[str]
    after: Place
    last_alert: int
    limit: int


def walk(book: Book, asked: Walk) -> tuple[Place, ...]:
    first, last = alert_span(book, asked.selection.since_us, asked.selection.until_us)
    bounds = Where(
        " WHERE d.alert >= ? AND d.alert <= ? AND (d.alert > ? OR d.route > ?)",
        (max(first, asked.after[0]), min(last, asked.last_alert), *asked.after),
    )
    places: list[Place] = []
    for part in slices(book, asked.selection, asked.stopped):
        where = bounds + part + of_alert(asked.selection)
        statement = f"{_PLACE}{where.text} ORDER BY d.alert, d.route LIMIT ?"
        places += book.db.execute(statement, (*where.values, asked.limit)).fetchall()
    return tuple(sorted(places)[: asked.limit])
