"""Deleting what is old and finished, in slices, and giving the room back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.queue.book import Book
from gateway.queue.clusters import FORGET as FORGET_CLUSTERS

_OLD = """
SELECT a.received_us, a.id FROM alert AS a
WHERE a.received_us >= ?1 AND a.received_us < ?3 AND (a.received_us > ?1 OR a.id > ?2) AND {finished}
ORDER BY a.received_us, a.id LIMIT ?4
"""
_FINISHED = "a.held IS NULL AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.alert = a.id AND d.state < 3)"
OLD = _OLD.format(finished=_FINISHED)
_DELETE = f"DELETE FROM alert AS a WHERE a.id = ? AND {_FINISHED}"  # noqa: S608 - no value in it
OLD_INCIDENTS = "SELECT key FROM incident WHERE last_us < ? ORDER BY last_us LIMIT ?"
_FORGET_INCIDENT = "DELETE FROM incident WHERE key = ? AND last_us < ?"
_FORGET = ("DELETE FROM told WHERE key = ?", "DELETE FROM change WHERE key = ?")
FORGET_SILENCES = "DELETE FROM silence WHERE expires_us < ?"
_SLACK_PAGES = 1000  # free pages are used again before the file grows: only what is beyond goes back
_PAGES_A_STEP = 500

Moment = tuple[int, int]
FIRST: Moment = (-(2**62), 0)


def old(book: Book, after: Moment, before_us: int, limit: int) -> tuple[Moment, ...]:
    """(received, row) of alerts that may go, oldest first."""
    return tuple(book.db.execute(OLD, (*after, before_us, limit)).fetchall())


def delete(book: Book, asked: Sequence[Sequence[Moment]]) -> list[int]:
    """How many went. Each is looked at again: a replay may have come between."""
    return [sum(book.db.execute(_DELETE, (row,)).rowcount for _, row in moments) for moments in asked]


class Forgotten(NamedTuple):
    """Incidents that nobody heard of since `before_us`, as far as is known."""

    keys: Sequence[str]
    before_us: int


def old_incidents(book: Book, before_us: int, limit: int) -> Forgotten:
    return Forgotten([key for (key,) in book.db.execute(OLD_INCIDENTS, (before_us, limit))], before_us)


def forget(book: Book, asked: Sequence[Forgotten]) -> list[int]:
    """With all that receivers were told of them, and silences that were over by then; how many incidents. Should one
    come back after so long, it is a new one.
    """
    return [_forget(book, forgotten) for forgotten in asked]


def _forget(book: Book, forgotten: Forgotten) -> int:
    before_us = forgotten.before_us
    keys = [(key,) for key in forgotten.keys if book.db.execute(_FORGET_INCIDENT, (key, before_us)).rowcount]
    for statement in _FORGET if keys else ():
        book.db.executemany(statement, keys)
    book.db.execute(FORGET_CLUSTERS, (before_us,))
    book.db.execute(FORGET_SILENCES, (before_us,))
    return len(keys)


def shrink(book: Book, asked: Sequence[None]) -> list[None]:
    (free,) = book.db.execute("PRAGMA freelist_count").fetchone()
    # A page each: sqlite3 steps a statement without columns only once, whatever number of pages it asks for.
    for _ in range(min(free - _SLACK_PAGES, _PAGES_A_STEP)):
        book.db.execute("PRAGMA incremental_vacuum(1)").close()
    return [None] * len(asked)
