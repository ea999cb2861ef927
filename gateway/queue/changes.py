"""What operators do to single deliveries."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.queue.approvals import is_waiting
from gateway.queue.book import Book
from gateway.queue.order import place, promote
from gateway.queue.stand_ins import CANCELLED, settle
from gateway.queue.told import undelivered

_FIND = """
SELECT id, key, state, head, CASE WHEN remembers = 1 THEN route ELSE '' END FROM delivery WHERE alert = ? AND route = ?
"""
_REPLAY = """
UPDATE delivery SET state = 0, head = ?, fresh = 0, due_us = ?, attempts = 0, first_us = 0, finished_us = NULL,
                    reason = 'replayed' WHERE id = ?
"""
_CANCEL = "UPDATE delivery SET state = 6, head = 0, finished_us = ?, reason = 'cancelled' WHERE id = ?"
_SENDING = 1
_LIVE = 2
_UNFINISHED = 3

Place = tuple[int, str]


def replay(book: Book, asked: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    return [tuple(name for name in names if replay_one(book, book.delivery_place(name))) for names in asked]


def cancel(book: Book, asked: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    return [tuple(name for name in names if cancel_one(book, book.delivery_place(name))) for names in asked]


def replay_one(book: Book, at: Place | None) -> bool:
    """Whether it changed; what waits for approval does not. What may have been cut off or reached by earlier attempts
    (shrink, progress) still holds.
    """
    found = _find(book, at)
    if at is None or found is None or found[2] < _LIVE or (found[2] == _LIVE and is_waiting(book, found[0])):
        return False
    row, key, *_ = found
    head = place(book, row, (at[1], key))
    book.db.execute(_REPLAY, (int(head), book.now_us(), row))
    return True


def cancel_one(book: Book, at: Place | None) -> bool:
    """Whether it changed: what is being sent cannot be called back, and what is finished stays what it became. Who was
    to stand in for it tells nobody either.
    """
    found = _find(book, at)
    if at is None or found is None or found[2] == _SENDING or found[2] >= _UNFINISHED:
        return False
    book.db.execute(_CANCEL, (book.now_us(), found[0]))
    if found[3]:
        promote(book, [found[0]])
    if found[4]:
        undelivered(book, [(found[4], found[1])])
    settle(book, [at], CANCELLED)
    return True


def _find(book: Book, at: Place | None) -> tuple[int, str, int, int, str] | None:
    found: tuple[int, str, int, int, str] | None = (
        book.db.execute(_FIND + book.for_update, at).fetchone() if at else None
    )
    return found
