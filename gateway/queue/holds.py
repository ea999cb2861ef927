"""Deliveries that are held until a silence or their route is over its silent time."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.domain.delivery import WINDOW_HOLD
from gateway.queue.approvals import OF_INCIDENT
from gateway.queue.book import Book
from gateway.queue.order import give_up
from gateway.queue.stand_ins import retime, settle

RELEASE = """
UPDATE delivery SET due_us = ? WHERE hold = ? AND state = 0 AND hold <> '' RETURNING alert, route
"""
HELD_BY_WINDOW = "SELECT 1 FROM delivery WHERE hold = ? AND state = 0 AND hold <> '' LIMIT 1"
END_WINDOW = """
UPDATE delivery SET due_us = ?1 WHERE hold = ?2 AND state = 0 AND hold <> '' AND route = ?3 AND due_us > ?1
"""
HELD = """
SELECT id, head, alert, route FROM delivery
WHERE key = ? AND state = 0 AND (hold <> '' OR cluster <> '') AND first_us = 0
"""
OVER = "it was closed before its time came"
OUTDATED = "the alert became another before its time came"


def release(book: Book, hold: str) -> tuple[str, ...]:
    """What this held is due now; the routes."""
    now_us = book.now_us()
    freed = book.db.execute(RELEASE, (now_us, hold)).fetchall()
    for alert, route in freed:
        retime(book, alert, route, now_us)
    return tuple(sorted({route for _, route in freed}))


def any_windows(book: Book) -> bool:
    return book.db.execute(HELD_BY_WINDOW, (WINDOW_HOLD,)).fetchone() is not None


def end_windows(book: Book, asked: Sequence[Sequence[str]]) -> list[None]:
    """What waits for the hours of these routes, which are open, is due now."""
    for routes in asked:
        book.db.executemany(END_WINDOW, [(book.now_us(), WINDOW_HOLD, route) for route in routes])
    return [None] * len(asked)


def end_held(book: Book, key: str, taking: Collection[str], *, over: bool) -> list[str]:
    """What of an incident waits for a time, a group or an approval gives way, but for that of the routes that are
    `taking` its newer state; of these, when it is `over`, only what needs approval. The routes.
    """
    reason = OVER if over else OUTDATED
    found = [row for row in book.db.execute(HELD + book.for_update, (key,)).fetchall() if row[3] not in taking]
    asked = book.db.execute(OF_INCIDENT + book.for_update, (key,)).fetchall()
    found += [row for row in asked if over or row[3] not in taking]
    give_up(book, [(row, head) for row, head, *_ in found], reason)
    settle(book, [(alert, route) for *_, alert, route in found], reason)
    return [route for *_, route in found]
