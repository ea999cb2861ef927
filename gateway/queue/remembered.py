"""What operators read of incidents: how they stand, how they came to it, and what each receiver was told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gateway.domain.change import compare
from gateway.domain.change_wording import words
from gateway.domain.incident import History, decode
from gateway.domain.query import (
    ChangeRow,
    IncidentDetail,
    IncidentRow,
    IncidentSelection,
    Page,
    ResourceRow,
    ToldRow,
)
from gateway.domain.snapshot import Snapshot
from gateway.domain.snapshot import decode as decode_snapshot
from gateway.ports import UnknownCursor
from gateway.queue.book import Book, storable
from gateway.queue.choosing import LAST, Where, exactly, same_text

_COLUMNS = "key, source, environment, alert_id, rule, first_us, last_us, changed_us, open"
INCIDENTS = f"SELECT {_COLUMNS} FROM incident"  # noqa: S608 - names
INCIDENT = f"SELECT {_COLUMNS}, memory FROM incident WHERE key = ?"  # noqa: S608 - names
ORDER = "ORDER BY last_us DESC, key DESC"
CHANGES = "SELECT at_us, alert, reasons, words FROM change WHERE key = ? ORDER BY id DESC"
TOLD = """
SELECT route, told_us, told_alert, reference, asked_us, CASE WHEN told_us IS NOT NULL THEN known END
FROM told WHERE key = ? ORDER BY route
"""

Place = tuple[int, str]
_FIRST_PAGE: Place = (LAST, "")
_CURSOR = re.compile(r"([1-9][0-9]{0,17})~(.+)", re.ASCII | re.DOTALL)


def incidents(book: Book, selection: IncidentSelection, limit: int, cursor: str) -> Page:
    """Those seen last come first. One that is seen again while somebody turns pages is not shown twice, but goes to the
    first page.
    """
    where = which(selection, _place(book, cursor) if cursor else _FIRST_PAGE)
    statement = f"{INCIDENTS} WHERE {where.text} {ORDER} LIMIT ?"
    rows = [IncidentRow(*row) for row in book.db.execute(statement, (*where.values, limit + 1))]
    shown = tuple(rows[:limit])
    return Page(incidents=shown, next=_cursor(book, shown[-1]) if len(rows) > limit and shown else "")


def which(selection: IncidentSelection, before: Place) -> Where:
    where = Where("last_us <= ? AND (last_us < ? OR key < ?)", (before[0], before[0], before[1]))
    if selection.open is not None:
        where += Where(" AND open > 0" if selection.open else " AND open = 0")
    return (
        where
        + exactly("key", selection.key)
        + exactly("+source", selection.source)  # nearly all have the same: its index would have them sorted
        + same_text("environment", selection.environment)
        + same_text("rule", selection.rule)
    )


def _cursor(book: Book, row: IncidentRow) -> str:
    return f"{book.store}-{row.last_seen_us}~{row.key}"


def _place(book: Book, cursor: str) -> Place:
    store, _, rest = cursor.partition("-")
    found = _CURSOR.fullmatch(rest)
    if store != book.store or found is None:
        raise UnknownCursor(cursor)
    return int(found[1]), storable(found[2])


def incident(book: Book, key: str) -> IncidentDetail | None:
    found = book.db.execute(INCIDENT, (storable(key),)).fetchone()
    if found is None:
        return None
    row, history = IncidentRow(*found[:-1]), decode(found[-1])
    now = history.snapshot
    return IncidentDetail(
        incident=row,
        score=now.score,
        severity=now.severity,
        resources=tuple(_listed(history, row.last_seen_us)),
        gone=tuple(ResourceRow(*one) for one in history.gone),
        changes=tuple(_change(book, each) for each in book.db.execute(CHANGES, (row.key,))),
        told=tuple(_told(book, each, now) for each in book.db.execute(TOLD, (row.key,))),
    )


def _listed(history: History, last_seen_us: int) -> Iterator[ResourceRow]:
    for (info, state), since_us in zip(history.snapshot.resources, history.since_us, strict=True):
        yield ResourceRow(info, state, since_us, last_seen_us)


def _change(book: Book, row: tuple[Any, ...]) -> ChangeRow:
    at_us, alert, reasons, said = row
    return ChangeRow(at_us, book.alert_name(alert), tuple(reasons.split(",")), said)


def _told(book: Book, row: tuple[Any, ...], now: Snapshot) -> ToldRow:
    route, told_us, alert, reference, asked_us, packed = row
    known = None if packed is None else decode_snapshot(packed)
    change = compare(known, now)
    return ToldRow(
        route=route,
        told_us=told_us,
        alert=book.alert_name(alert) if alert else "",
        reference=reference,
        asked_us=asked_us,
        open_count=known.open_count if known else None,
        score=known.score if known else None,
        unseen="" if change.is_unchanged else words(change),
    )
