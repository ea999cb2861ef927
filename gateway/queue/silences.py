"""Silences, and the deliveries that wait for one to end."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.delivery import WINDOW_HOLD, silence_hold
from gateway.domain.silence import Silence, from_json, to_json
from gateway.queue.book import Book

_PUT = "INSERT OR REPLACE INTO silence (id, value, expires_us) VALUES (?, ?, ?)"
_ALL = "SELECT value FROM silence WHERE expires_us > ? ORDER BY expires_us, id LIMIT 1000"
_END = "DELETE FROM silence WHERE id = ?"
_EXPIRED = "DELETE FROM silence WHERE expires_us <= ?"
RELEASE = """
UPDATE delivery SET due_us = ?, hold = '' WHERE hold = ? AND state = 0 AND hold <> '' RETURNING route
"""

HELD_BY_WINDOW = "SELECT 1 FROM delivery WHERE hold = ? AND state = 0 AND hold <> '' LIMIT 1"
END_WINDOW = """
UPDATE delivery SET due_us = ?1, hold = '' WHERE hold = ?2 AND state = 0 AND hold <> '' AND route = ?3 AND due_us > ?1
"""


def put(book: Book, silences: Sequence[Silence]) -> list[None]:
    for silence in silences:
        book.db.execute(_EXPIRED, (book.now_us(),))
        book.db.execute(_PUT, (silence.id, to_json(silence), silence.expires_us))
    return [None] * len(silences)


def end(book: Book, ids: Sequence[str]) -> list[tuple[str, ...] | None]:
    return [_end(book, one) for one in ids]


def _end(book: Book, silence_id: str) -> tuple[str, ...] | None:
    if not book.db.execute(_END, (silence_id,)).rowcount:
        return None
    freed = book.db.execute(RELEASE, (book.now_us(), silence_hold(silence_id))).fetchall()
    return tuple(sorted({route for (route,) in freed}))


def any_windows(book: Book) -> bool:
    return book.db.execute(HELD_BY_WINDOW, (WINDOW_HOLD,)).fetchone() is not None


def end_windows(book: Book, asked: Sequence[Sequence[str]]) -> list[None]:
    """What waits for the hours of these routes, which are open, is due now."""
    for routes in asked:
        book.db.executemany(END_WINDOW, [(book.now_us(), WINDOW_HOLD, route) for route in routes])
    return [None] * len(asked)


def unexpired(book: Book) -> tuple[Silence, ...]:
    """At most 1,000, those first that end first."""
    return tuple(from_json(value) for (value,) in book.db.execute(_ALL, (book.now_us(),)))
