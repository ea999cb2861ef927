"""What is kept of a route, and what waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from gateway.domain.delivery import RouteState, RouteStatus
from gateway.queue.book import Book, storable

_COLUMNS = (
    "status, cause, reason, since_us, failures, failing_since_us, hold_until_us, probe_at_us, probe_wait_s,"
    " recovered_us"
)
_PUT = f"""
INSERT INTO route_state (route, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (route) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", "))}
"""  # noqa: S608 - names
_PING = "INSERT INTO meta (name, value) VALUES ('ping', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_FIRST_FRESH = (
    "SELECT due_us FROM delivery WHERE route = ? AND state = 0 AND head = 1 AND fresh = 1 ORDER BY id LIMIT 1"
)
_FIRST_RETRY = "SELECT min(due_us) FROM delivery WHERE route = ? AND state = 0 AND head = 1 AND fresh = 0"
ROUTES_IN_STATE = """
WITH RECURSIVE seen (route) AS (
    SELECT min(route) FROM delivery WHERE state = ?1
    UNION ALL
    SELECT (SELECT min(route) FROM delivery WHERE state = ?1 AND route > seen.route) FROM seen
    WHERE seen.route IS NOT NULL)
SELECT route FROM seen WHERE route IS NOT NULL
"""
"""One step through the index for each route, however many deliveries it has."""


def put_route_state(book: Book, states: Sequence[RouteState]) -> list[None]:
    for state in states:
        values = [storable(value) if isinstance(value, str) else value for value in astuple(state)]
        book.db.execute(_PUT, values)
    return [None] * len(states)


def route_states(book: Book) -> dict[str, RouteState]:
    rows = book.db.execute(f"SELECT route, {_COLUMNS} FROM route_state")  # noqa: S608 - names
    return {route: RouteState(route, RouteStatus(status), *rest) for route, status, *rest in rows}


def next_due(book: Book, routes: Sequence[str]) -> dict[str, int]:
    waits = {route: _wait_us(book, route) for route in routes}
    return {route: wait for route, wait in waits.items() if wait is not None}


def _wait_us(book: Book, route: str) -> int | None:
    """A delivery never tried is due whatever its time says: a clock that was set back must not hold it."""
    if _first(book, _FIRST_FRESH, route) is not None:
        return 0
    retry = _first(book, _FIRST_RETRY, route)
    return None if retry is None else max(0, retry - book.now_us())


def oldest_due_us(book: Book, routes: Sequence[str]) -> dict[str, int]:
    now = book.now_us()
    waits: dict[str, int] = {}
    for route in routes:
        fresh, retry = _first(book, _FIRST_FRESH, route), _first(book, _FIRST_RETRY, route)
        ages = [max(0, now - fresh)] if fresh is not None else []
        ages += [now - retry] if retry is not None and retry <= now else []
        if ages:
            waits[route] = max(ages)
    return waits


def _first(book: Book, statement: str, route: str) -> int | None:
    row: tuple[int | None] | None = book.db.execute(statement, (route,)).fetchone()
    return row[0] if row else None


def waiting_routes(book: Book) -> tuple[str, ...]:
    return tuple(sorted({route for state in (0, 1, 2) for route in routes_in_state(book, state)}))


def routes_in_state(book: Book, state: int) -> list[str]:
    return [route for (route,) in book.db.execute(ROUTES_IN_STATE, (state,))]


def ping(book: Book, asked: Sequence[None]) -> list[None]:
    book.db.execute(_PING, (str(book.now_us()),))
    return [None] * len(asked)
