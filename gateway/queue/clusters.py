"""Groups of deliveries that wait to go out as one message."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.delivery import Member
from gateway.domain.grouping import Grouping, flush_at_us
from gateway.queue.book import Book

_FIND = "SELECT first_us, waiting, flushed_us FROM cluster WHERE route = ? AND name = ?"
_PUT = """
INSERT INTO cluster (route, name, first_us, waiting) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (route, name) DO UPDATE SET first_us = ?3, waiting = ?4
"""
_FULL = (
    "UPDATE delivery SET due_us = ? WHERE route = ? AND cluster = ? AND state = 0 AND cluster <> '' AND attempts = 0"
)
_FLUSHED = "UPDATE cluster SET waiting = 0, flushed_us = ? WHERE route = ? AND name = ?"
OTHERS = """
SELECT id FROM delivery WHERE route = ? AND cluster = ? AND state = 0 AND cluster <> '' AND head = 1 AND due_us <= ?
    AND id <> ? ORDER BY id LIMIT ?
"""
MEMBERS = """
SELECT d.id, d.token, d.alert, d.route, a.source, b.bytes, iif(t.told_us IS NULL, NULL, t.known)
FROM delivery AS d JOIN alert AS a ON a.id = d.alert JOIN body AS b ON b.alert = d.alert
    LEFT JOIN told AS t ON t.route = d.route AND t.key = d.key
WHERE d.id = ?
"""
FORGET = "DELETE FROM cluster WHERE waiting = 0 AND flushed_us < ?"
MOST_MEMBERS = 500


def join(book: Book, route: str, name: str, grouping: Grouping, now_us: int) -> int:
    """Enter one more member; when it is due. A full group is due now, and so are those that wait in it."""
    found: tuple[int, int, int | None] | None = book.db.execute(_FIND, (route, name)).fetchone()
    first_us, waiting, flushed_us = found or (now_us, 0, None)
    if not waiting:
        first_us = now_us
    book.db.execute(_PUT, (route, name, first_us, waiting + 1))
    due_us = flush_at_us(grouping, first_us, flushed_us, waiting + 1)
    if due_us <= now_us:
        book.db.execute(_FULL, (now_us, route, name))
    return max(due_us, now_us)


def flush(book: Book, route: str, name: str, leader: int, now_us: int) -> list[int]:
    """The rows that go out together with their leader."""
    rows = [row for (row,) in book.db.execute(OTHERS, (route, name, now_us, leader, MOST_MEMBERS))]
    book.db.execute(_FLUSHED, (now_us, route, name))
    return rows


def members(book: Book, rows: Sequence[int]) -> tuple[Member, ...]:
    return tuple(_member(book, row) for row in rows)


def _member(book: Book, row: int) -> Member:
    found = book.db.execute(MEMBERS, (row,)).fetchone()
    _, token, alert, route, source, body, before = found
    return Member(row, token, book.delivery_name(alert, route), book.alert_name(alert), source, body, before)
