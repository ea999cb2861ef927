"""Deliveries that stand in for those of other routes: given up when all of these have settled, due at once when one of
them can deliver no more. They may stand in for stand-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from gateway.queue.book import Book, Rows
from gateway.queue.order import give_up
from gateway.queue.primaries import Wait, waits_of, written

STANDING_IN = Rows("SELECT alert FROM delivery WHERE alert IN ({marks}) AND state = 0 AND stands_in_for <> ''", "i")
RESERVES = """
SELECT id, route, state, head, CASE WHEN first_us = 0 THEN due_us END, stands_in_for FROM delivery
WHERE alert = ? AND stands_in_for <> ''
"""
_WAIT = "UPDATE delivery SET stands_in_for = ?, due_us = coalesce(?, due_us) WHERE id = ?"
NOT_NEEDED = "the route it stands in for delivered"
CANCELLED = "the route it stands in for was cancelled"

_Deliveries = Sequence[tuple[int, str]]
"""Each as (alert row, route)."""


class _Reserve(NamedTuple):
    """`due_us` None: it was tried, and keeps its time."""

    row: int
    route: str
    state: int
    head: int
    due_us: int | None
    waits: tuple[Wait, ...]


def settle(book: Book, settled: _Deliveries, reason: str = NOT_NEEDED) -> None:
    """Each of these routes has delivered the alert, or has nothing to deliver any more."""
    for alert, over in _in_reserve(book, settled):
        left = _reserves(book, alert)
        while ended := [each for each in left if all(wait.route in over for wait in each.waits)]:
            over |= {each.route for each in ended}
            give_up(book, [(each.row, each.head) for each in ended if not each.state], reason)
            left = [each for each in left if each not in ended]
        for each in left:
            _wait(book, each, [wait for wait in each.waits if wait.route not in over])


def hand_on(book: Book, failed: _Deliveries) -> list[tuple[str, int]]:
    """Each of these routes can deliver the alert no more: its stand-ins are due now, and theirs earlier than they were.
    (route, due) of those whose time is another one.
    """
    now_us, moved = book.now_us(), list[tuple[str, int]]()
    for alert, routes in _in_reserve(book, failed):
        moved += _move(book, alert, partial(_at_us, dict.fromkeys(routes, now_us)))
    return moved


def _at_us(at_us: Mapping[str, int], wait: Wait) -> int:
    return min(wait.at_us, at_us.get(wait.route, wait.at_us))


def retime(book: Book, alert: int, route: str, due_us: int) -> None:
    """The route is to deliver the alert at another time: whoever stands in for it has its own time from then."""
    for _ in _in_reserve(book, [(alert, route)]):
        _move(book, alert, lambda wait: due_us + wait.late_us if wait.route == route else wait.at_us)


def _move(book: Book, alert: int, at_us: Callable[[Wait], int]) -> list[tuple[str, int]]:
    """(route, due) of those that are due at another time, because a route is late at another, or stands in itself for
    one that is.
    """
    due_us = dict[str, int]()
    for each in _reserves(book, alert):
        if each.state or each.due_us is None:
            continue
        waits = [wait._replace(at_us=at_us(wait)) for wait in each.waits]
        waits = [w._replace(at_us=due_us[w.route] + w.late_us) if w.route in due_us else w for w in waits]
        if tuple(waits) != each.waits and (found_us := _wait(book, each, waits)) != each.due_us:
            due_us[each.route] = found_us
    return list(due_us.items())


def _wait(book: Book, reserve: _Reserve, waits: Sequence[Wait]) -> int:
    """The time at which it is due: when the first of these routes is late."""
    due_us = min(wait.at_us for wait in waits)
    book.db.execute(_WAIT, (written(waits), None if reserve.due_us is None else due_us, reserve.row))
    return due_us


def _in_reserve(book: Book, deliveries: _Deliveries) -> Iterator[tuple[int, set[str]]]:
    """Of the alerts for which somebody stands in: each with its routes."""
    routes: dict[int, set[str]] = {}
    for alert, route in deliveries:
        routes.setdefault(alert, set()).add(route)
    found = {alert for (alert,) in book.many(STANDING_IN, [(alert,) for alert in routes])}
    yield from [(alert, routes[alert]) for alert in sorted(found)]


def _reserves(book: Book, alert: int) -> list[_Reserve]:
    """As they were made: whoever stands in for a stand-in comes after it."""
    found = sorted(book.db.execute(RESERVES + book.for_update, (alert,)).fetchall())
    return [
        _Reserve(row, route, state, head, due_us, waits_of(text)) for row, route, state, head, due_us, text in found
    ]
