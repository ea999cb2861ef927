"""Groups of deliveries that wait to go out as one message.

Whoever of a group is due goes with all others of it: those that were never tried together, those that failed together
apart from them, so that nobody shares the last attempts of others.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.delivery import Member
from gateway.domain.grouping import MOST_BYTES, MOST_MEMBERS, Grouping, flush_at_us
from gateway.queue.book import Book, Rows

WAITING = """
SELECT count(*), min(created_us), (SELECT flushed_us FROM cluster WHERE route = ?1 AND name = ?2) FROM (
    SELECT created_us FROM delivery WHERE route = ?1 AND cluster = ?2 AND state = 0 AND cluster <> ''
        AND head = 1 AND first_us = 0 AND hold = '' ORDER BY id DESC LIMIT ?3) AS last
"""
"""As many as fill the group are counted, the last ones: of more it is known that they are due."""

_FLUSHED = """
INSERT INTO cluster (route, name, flushed_us) VALUES (?1, ?2, ?3)
ON CONFLICT (route, name) DO UPDATE SET flushed_us = excluded.flushed_us
"""
OTHERS = """
SELECT id FROM delivery WHERE route = ?1 AND cluster = ?2 AND state = 0 AND cluster <> '' AND head = 1 AND first_us = ?3
    AND (due_us <= ?4 OR first_us = 0 AND hold = '') ORDER BY id LIMIT ?5
"""
MEMBERS = """
SELECT d.id, d.token, d.alert, d.route, a.source, b.bytes, CASE WHEN t.told_us IS NOT NULL THEN t.known END
FROM delivery AS d JOIN alert AS a ON a.id = d.alert JOIN body AS b ON b.alert = d.alert
    LEFT JOIN told AS t ON t.route = d.route AND t.key = d.key
WHERE d.id = ?
"""
# A later state of an incident that this message tells of: the group's next message is for it.
LATER = """
UPDATE delivery SET due_us = CASE WHEN due_us < ?3 THEN ?3 ELSE due_us END, fresh = 0
WHERE route = ?1 AND cluster = ?2 AND state = 0 AND cluster <> '' AND head = 0 AND first_us = 0 AND hold = ''
"""
FORGET = "DELETE FROM cluster WHERE flushed_us < ?"
SIZES = Rows(
    "SELECT d.id, a.body_size FROM delivery AS d JOIN alert AS a ON a.id = d.alert WHERE d.id IN ({marks})", "i"
)
_FOLLOW = "UPDATE delivery SET due_us = ? WHERE id = ? AND due_us > ?"


class Groups:
    """The groups that one round of arrivals joins. What is held for the route's hours waits for those, not for its
    group, and is not counted; nor is what waits for an earlier state of its incident.
    """

    def __init__(self, book: Book, now_us: int) -> None:
        self._book, self._now_us = book, now_us
        self._found: dict[tuple[str, str], tuple[int, int, int | None]] = {}  # waiting, since when, told when

    def join(self, group: tuple[str, str], grouping: Grouping, since_us: int, *, first: bool) -> int:
        """Enter one more member; when it is due: at once, if it fills the group. `group`: route and name. `since_us`:
        since when its incident waits. `first`: of its incident.
        """
        count, first_us, flushed_us = self._found.get(group) or self._waiting(*group, grouping.most)
        count, first_us = count + first, min(first_us, since_us)
        self._found[group] = count, first_us, flushed_us
        return max(self._now_us, flush_at_us(grouping, first_us, flushed_us, count))

    def _waiting(self, route: str, name: str, most: int) -> tuple[int, int, int | None]:
        count, first_us, flushed_us = self._book.db.execute(WAITING, (route, name, most)).fetchone()
        # A clock that was set back must not make a group wait for the time it showed before.
        told_us = None if flushed_us is None else min(flushed_us, self._now_us)
        return count, self._now_us if first_us is None else min(first_us, self._now_us), told_us


def flush(book: Book, group: tuple[str, str], since_us: int, now_us: int, interval_us: int) -> list[int]:
    """The rows that go out with one that was first tried at `since_us`, 0 when it never was. `interval_us`: how long
    what comes after them waits.
    """
    rows = [row for (row,) in book.db.execute(OTHERS + book.skip_locked, (*group, since_us, now_us, MOST_MEMBERS))]
    book.db.execute(_FLUSHED, (*group, now_us))
    book.db.execute(LATER, (*group, now_us + interval_us))
    return rows


def fitting(book: Book, first: int, others: Sequence[int]) -> list[int]:
    """The first row and of the others, oldest first, as many as one message may carry."""
    sizes: dict[int, int] = dict(book.many(SIZES, [(row,) for row in (first, *others)]))
    chosen, left_bytes = [first], MOST_BYTES - sizes[first]
    for row in sorted(others):
        left_bytes -= sizes[row]
        if left_bytes < 0:
            break
        chosen.append(row)
    return chosen


def follow(book: Book, rows: Sequence[int], now_us: int) -> None:
    """What had no room goes in the next message, at once."""
    book.db.executemany(_FOLLOW, [(now_us, row, now_us) for row in rows])


def members(book: Book, rows: Sequence[int]) -> tuple[Member, ...]:
    return tuple(_member(book, row) for row in rows)


def _member(book: Book, row: int) -> Member:
    found = book.db.execute(MEMBERS, (row,)).fetchone()
    _, token, alert, route, source, body, before = found
    return Member(row, token, book.delivery_name(alert, route), book.alert_name(alert), source, body, before)
