"""Turning a selection into statements whose plans are known.

Deliveries are listed by (alert, route). A selection by state or route is answered from the index (state, route, alert):
one short query for each such pair, put together here, because one query over several pairs would have to sort them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.domain.delivery import State
from gateway.domain.query import Selection
from gateway.queue.book import Book, Value, storable
from gateway.queue.routes import routes_in_state
from gateway.queue.schema import CODES, STATES

LAST = 2**62
END: tuple[int, str] = (LAST, "")


@dataclass(frozen=True, slots=True)
class Where:
    """A condition and the values for its question marks."""

    text: str
    values: tuple[Value, ...] = ()

    def __add__(self, other: Where) -> Where:
        return Where(self.text + other.text, self.values + other.values)


def same_text(column: str, wanted: str) -> Where:
    """Equal without case. `lower` folds ASCII only, on columns whose order is that of bytes; `folded` is our own."""
    if not wanted:
        return Where("")
    if wanted.isascii():
        return Where(f" AND lower({column}) = lower(?)", (wanted,))
    return Where(f" AND folded({column}) = folded(?)", (storable(wanted),))


def exactly(column: str, wanted: str) -> Where:
    return Where(f" AND {column} = ?", (storable(wanted),)) if wanted else Where("")


def alert_span(book: Book, since_us: int | None, until_us: int | None) -> tuple[int, int]:
    """The first and last row of the alerts received in that time, from the index of times alone. Exact also where the
    clock was set back, since rows outside are still compared by time.
    """
    if since_us is None and until_us is None:
        return (1, LAST)
    low, high = (0 if since_us is None else since_us), (LAST if until_us is None else until_us)
    first, last = book.db.execute(
        "SELECT min(id), max(id) FROM alert WHERE received_us >= ? AND received_us < ?", (low, high)
    ).fetchone()
    return (1, 0) if first is None else (first, last)


def received(since_us: int | None, until_us: int | None) -> Where:
    where = Where("")
    if since_us is not None:
        where += Where(" AND +a.received_us >= ?", (since_us,))
    if until_us is not None:
        where += Where(" AND +a.received_us < ?", (until_us,))
    return where


def of_alert(selection: Selection) -> Where:
    return (
        same_text("a.environment", selection.environment)
        + same_text("a.severity", selection.severity)
        + same_text("a.alert_type", selection.alert_type)
        + same_text("a.rule", selection.rule)
        + received(selection.since_us, selection.until_us)
    )


def reads_as(state: State, route: str, stopped: frozenset[str]) -> State:
    """What waits for a route that is stopped reads as parked."""
    return State.PARKED if state is State.PENDING and route in stopped else state


def slices(book: Book, selection: Selection, stopped: frozenset[str]) -> Iterator[Where]:
    """The parts of the table that can hold what is selected; they do not overlap."""
    if selection.ids:
        yield from _by_id(book, selection, stopped)
    elif selection.alert:
        row = book.alert_row(selection.alert)
        yield Where(" AND d.alert = ?", (row,)) + _states_and_routes(selection, stopped)
    elif selection.states or selection.routes:
        yield from _by_state(book, selection, stopped)
    else:
        yield Where("")


def _by_id(book: Book, selection: Selection, stopped: frozenset[str]) -> Iterator[Where]:
    row = book.alert_row(selection.alert) if selection.alert else None
    for place in sorted({place for place in map(book.delivery_place, selection.ids) if place}):
        if not selection.alert or place[0] == row:
            yield Where(" AND d.alert = ? AND d.route = ?", place) + _states_and_routes(selection, stopped)


def _states_and_routes(selection: Selection, stopped: frozenset[str]) -> Where:
    where = Where("")
    if selection.routes:
        where += Where(f" AND d.route IN ({_marks(selection.routes)})", tuple(selection.routes))
    if not selection.states:
        return where
    names = tuple(sorted(stopped))
    parts = [_state(state, names) for state in selection.states]
    texts = " OR ".join(part.text for part in parts)
    return where + Where(f" AND ({texts})", tuple(value for part in parts for value in part.values))


def _state(state: State, stopped: tuple[str, ...]) -> Where:
    if state is State.PENDING and stopped:
        return Where(f"(d.state = 0 AND d.route NOT IN ({_marks(stopped)}))", stopped)
    if state is State.PARKED and stopped:
        return Where(f"(d.state = 2 OR d.state = 0 AND d.route IN ({_marks(stopped)}))", stopped)
    return Where("d.state = ?", (CODES[state],))


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))


def _by_state(book: Book, selection: Selection, stopped: frozenset[str]) -> Iterator[Where]:
    wanted = frozenset(selection.states or STATES)
    for state in STATES:
        if state not in wanted and not (state is State.PENDING and State.PARKED in wanted):
            continue
        routes = selection.routes or routes_in_state(book, CODES[state])
        for route in dict.fromkeys(routes):
            if reads_as(state, route, stopped) in wanted:
                yield Where(" AND d.state = ? AND d.route = ?", (CODES[state], route))
