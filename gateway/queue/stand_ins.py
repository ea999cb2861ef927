"""Deliveries that stand in for those of other routes, and are given up when all of these have settled."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.queue.book import Book, for_rows, pieces
from gateway.queue.order import give_up

STANDING_IN = """
SELECT id, head, alert, stands_in_for FROM delivery WHERE alert IN ({marks}) AND state = 0 AND stands_in_for <> ''
"""
_LEFT = "UPDATE delivery SET stands_in_for = ? WHERE id = ?"
NOT_NEEDED = "the route it stands in for delivered"


def settle(book: Book, settled: Sequence[tuple[int, str]]) -> None:
    """Each as (alert row, route): it has delivered, or has nothing to deliver any more."""
    routes: dict[int, set[str]] = {}
    for alert, route in settled:
        routes.setdefault(alert, set()).add(route)
    for part in pieces(list(routes)):
        for row, head, alert, names in book.db.execute(for_rows(STANDING_IN, len(part)), part).fetchall():
            left = [name for name in names.split(",") if name not in routes[alert]]
            if not left:
                give_up(book, [(row, head)], NOT_NEEDED)
            elif len(left) < len(names.split(",")):
                book.db.execute(_LEFT, (",".join(left), row))
