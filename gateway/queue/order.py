"""Who is first of an incident on a route.

Of the deliveries of one (route, key) that are pending or sending, one is the *head*; the others wait with `head = 0`
and are in no index that a claim reads, so a busy incident costs a claim nothing. Every function here keeps that so.
An empty key is no incident: such a delivery is always its own head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.domain.delivery import Primary
from gateway.queue.book import Book, Rows
from gateway.queue.primaries import names_of

NEWER_STATE = "a newer state of this alert took its place"

Incident = tuple[str, str]

OCCUPIED = Rows(
    """
WITH asked (route, key) AS ({rows})
SELECT route, key FROM asked WHERE EXISTS (
    SELECT 1 FROM delivery AS d WHERE d.route = asked.route AND d.key = asked.key AND d.state < 2)
""",
    "tt",
)
PROMOTE = Rows(
    """
UPDATE delivery SET head = 1 WHERE id IN (
    SELECT (SELECT w.id FROM delivery AS w
            WHERE w.route = gone.route AND w.key = gone.key AND w.state < 2 AND w.head = 0 ORDER BY w.id LIMIT 1)
    FROM delivery AS gone WHERE gone.id IN ({marks}) AND gone.key <> '')
RETURNING route, key
""",
    "i",
)
SUPERSEDE = """
UPDATE delivery SET state = 5, head = 0, finished_us = ?, reason = ?
WHERE route = ? AND key = ? AND state < 2 AND state = 0 AND id < ?
RETURNING CASE WHEN cluster <> '' AND hold = '' AND first_us = 0 THEN due_us END
"""
WAITING = "SELECT id, supersede FROM delivery WHERE route = ? AND key = ? AND state < 2 AND head = 0"
HEAD = "SELECT id, state FROM delivery WHERE route = ? AND key = ? AND state < 2 AND head = 1"
# Never tried: it waits for the hours of its route, or for another route to fail.
UNTRIED = """
SELECT id, head, stands_in_for, due_us FROM delivery
WHERE route = ? AND key = ? AND state < 2 AND state = 0 AND first_us = 0 AND (hold <> '' OR stands_in_for <> '')
"""
# Never sent: parked before it was tried, or by the last gate, which asked a person about it ('approval').
PARKED = """
SELECT id, head FROM delivery WHERE route = ? AND key = ? AND state = 2 AND (first_us = 0 OR hold = 'approval')
"""
LIVE = """
SELECT id, alert, state, first_us, hold <> '' OR stands_in_for <> '',
       CASE WHEN cluster <> '' AND hold = '' AND first_us = 0 THEN due_us END
FROM delivery WHERE route = ? AND key = ? AND state < 2
"""
_GIVE_UP = "UPDATE delivery SET state = 5, head = 0, finished_us = ?, reason = ? WHERE id = ?"
_SET_HEAD = "UPDATE delivery SET head = ? WHERE id = ?"
_NO_ROW = 2**63 - 1


def occupied(book: Book, incidents: Sequence[Incident]) -> set[Incident]:
    """Those of the incidents that have something pending or sending."""
    return set(book.many(OCCUPIED, incidents))


def promote(book: Book, gone: Sequence[int]) -> set[Incident]:
    """Heads that finished or were parked, by row, make room for the next oldest; the incidents that have a new head."""
    return set(book.many(PROMOTE, [(row,) for row in gone]))


def supersede(book: Book, incident: Incident, *, younger: int = _NO_ROW) -> int | None:
    """What waits and is older than the row `younger` gives way. One that is being sent stays. When the first of these
    would have gone with its group, None when none would.
    """
    gone = book.db.execute(SUPERSEDE, (book.now_us(), NEWER_STATE, *incident, younger)).fetchall()
    return min((due_us for (due_us,) in gone if due_us is not None), default=None)


def relieve(book: Book, incident: Incident, stands_in_for: Sequence[Primary]) -> int | None:
    """A newer state takes the place of what only waits for a time: of all such, or as another stand-in for that route
    of its like. When the first of these would have been due, None when there was none.
    """
    found = book.db.execute(UNTRIED + book.for_update, incident).fetchall()
    like = {primary.route for primary in stands_in_for}
    gone = [row for row in found if not like or not like.isdisjoint(names_of(row[2]))]
    give_up(book, [(row, head) for row, head, *_ in gone], NEWER_STATE)
    return min((due_us for *_, due_us in gone), default=None)


class GaveWay(NamedTuple):
    """`deliveries`: as (alert row, route). `with_group_us`: when the first of them would have gone with its group, None
    when none would.
    """

    deliveries: tuple[tuple[int, str], ...]
    with_group_us: int | None


def give_way(book: Book, incident: Incident, *, latest: bool, tried: bool) -> GaveWay | None:
    """All that waits gives way to a newer state: on a route that wants the `latest` only whatever it is, else what only
    waits for a time. None, and nothing gives way, when something would stay; with `tried` False also when something was
    tried: an attempt may have reached its receiver.
    """
    found = book.db.execute(LIVE + book.for_update, incident).fetchall()
    for _, _, state, first_us, waits_for_a_time, _ in found:
        if state or (first_us and not (tried and latest)) or not (latest or waits_for_a_time):
            return None
    book.db.executemany(_GIVE_UP, [(book.now_us(), NEWER_STATE, row) for row, *_ in found])
    with_group_us = min((due_us for *_, due_us in found if due_us is not None), default=None)
    return GaveWay(tuple((alert, incident[0]) for _, alert, *_ in found), with_group_us)


def end_stand_ins(book: Book, incident: Incident) -> None:
    """The route took a newer state by itself: it tells nothing older in another's stead."""
    found = book.db.execute(UNTRIED + book.for_update, incident).fetchall()
    give_up(book, [(row, head) for row, head, stands_in_for, _ in found if stands_in_for], NEWER_STATE)


def end_parked(book: Book, incident: Incident) -> None:
    """What was parked before it was sent gives way to what is parked now: one is enough to look at."""
    if incident[1]:
        give_up(book, book.db.execute(PARKED + book.for_update, incident).fetchall(), NEWER_STATE)


def give_up(book: Book, rows: Sequence[tuple[int, int]], reason: str) -> None:
    """Each as (row, whether it is the head)."""
    if rows:
        book.db.executemany(_GIVE_UP, [(book.now_us(), reason, row) for row, _ in rows])
        promote(book, [row for row, head in rows if head])


def rejoin(book: Book, row: int, incident: Incident) -> bool:
    """A head that was being sent waits again. It gives way to a newer state that was to take its place, or lets an
    older one (made pending again meanwhile) go first; True when another is the head now.
    """
    if not incident[1]:
        return False
    youngest: tuple[int, int] | None = book.db.execute(WAITING + " ORDER BY id DESC LIMIT 1", incident).fetchone()
    if youngest is None:
        return False
    if youngest[0] > row and youngest[1]:
        supersede(book, incident, younger=youngest[0])
        return _be_head(book, youngest[0])
    oldest: tuple[int, int] = book.db.execute(WAITING + " ORDER BY id LIMIT 1", incident).fetchone()
    if oldest[0] > row:
        return False
    book.db.execute(_SET_HEAD, (0, row))
    return _be_head(book, oldest[0])


def _be_head(book: Book, row: int) -> bool:
    book.db.execute(_SET_HEAD, (1, row))
    return True


def place(book: Book, row: int, incident: Incident) -> bool:
    """Whether a delivery that is to be pending again becomes the head; a younger head that only waits steps back."""
    head: tuple[int, int] | None = book.db.execute(HEAD + book.for_update, incident).fetchone() if incident[1] else None
    if head is None:
        return True
    if head[1] or head[0] < row:
        return False
    book.db.execute(_SET_HEAD, (0, head[0]))
    return True
