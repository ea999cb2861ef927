"""Routes that do not remember any more what they were told, because their receivers are sent every alert now.

What they were told before must not be taken for what they know, should they remember again.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.queue.book import Book

TOLD = "SELECT key FROM told WHERE route = ? LIMIT ?"
UNFINISHED = "SELECT id FROM delivery WHERE state IN (0, 1, 2) AND route = ? AND remembers = 1 LIMIT ?"
_FORGET = "DELETE FROM told WHERE route = ? AND key = ?"
_REMEMBER_NOT = "UPDATE delivery SET remembers = 0 WHERE id = ?"
_AT_ONCE = 500


def anything(book: Book, route: str) -> bool:
    return any(book.db.execute(statement, (route, 1)).fetchone() for statement in (UNFINISHED, TOLD))


def forget(book: Book, routes: Sequence[str]) -> list[bool]:
    """Of each route a slice, the deliveries first; whether there may be more. What another gateway is writing is passed
    over: whoever waits for nobody is in no deadlock.
    """
    return [_forget(book, route) for route in routes]


def _forget(book: Book, route: str) -> bool:
    rows = book.db.execute(UNFINISHED + book.skip_locked, (route, _AT_ONCE)).fetchall()
    book.db.executemany(_REMEMBER_NOT, rows)
    told = book.db.execute(TOLD + book.skip_locked, (route, _AT_ONCE)).fetchall()
    book.db.executemany(_FORGET, [(route, key) for (key,) in told])
    return _AT_ONCE in (len(rows), len(told))
