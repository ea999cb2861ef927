"""What was received and what became of it, oldest first: for a backtest, which reads all there is page by page."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from gateway.domain.approval import SOURCE as APPROVALS
from gateway.domain.query import AlertSelection
from gateway.domain.recording import MOST_BYTES_ON_A_PAGE, Recording, RecordingPage
from gateway.domain.snapshot import decode
from gateway.ports import UnknownCursor
from gateway.queue.book import Book, Rows
from gateway.queue.choosing import Where, alert_span, exactly, received, same_text

SIZES = "SELECT a.id, a.body_size FROM alert AS a"
READ = Rows(
    """
SELECT a.id, a.source, a.received_us, b.bytes, a.before, a.decisions
FROM alert AS a JOIN body AS b ON b.alert = a.id WHERE a.id IN ({marks})
""",
    "i",
)
# A stand-in that never went out told nobody anything.
ROUTES = Rows(
    """
SELECT alert, route FROM delivery WHERE alert IN ({marks}) AND (stands_in_for = '' OR state = 3) ORDER BY alert, route
""",
    "i",
)


def recordings(book: Book, selection: AlertSelection, limit: int, after: str) -> RecordingPage:
    """Of the selection: source, environment and times. Raises UnknownCursor when `after` is no id of this store."""
    where = _which(book, selection, after)
    statement = f"{SIZES} WHERE {where.text} ORDER BY a.id LIMIT ?"
    chosen: list[tuple[int]] = []
    left_bytes, more = MOST_BYTES_ON_A_PAGE, False
    for alert, size in book.db.execute(statement, (*where.values, limit + 1)):
        if len(chosen) == limit or left_bytes <= 0:
            more = True
            break
        chosen.append((alert,))
        left_bytes -= size
    rows = sorted(book.many(READ, chosen), key=itemgetter(0))
    routes = _routes(book, [row[0] for row in rows])
    found = tuple(_recording(book, row, routes.get(row[0], ())) for row in rows)
    return RecordingPage(found, found[-1].id if more else "")


def _which(book: Book, selection: AlertSelection, after: str) -> Where:
    row = book.alert_row(after) if after else alert_span(book, selection.since_us, selection.until_us)[0] - 1
    if row is None:
        raise UnknownCursor(after)
    return (
        Where("a.id > ? AND a.source <> ?", (row, APPROVALS))
        + exactly("a.source", selection.source)
        + same_text("a.environment", selection.environment)
        + received(selection.since_us, selection.until_us)
    )


def _routes(book: Book, alerts: Sequence[int]) -> Mapping[int, Sequence[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for alert, route in book.many(ROUTES, [(alert,) for alert in alerts]):
        found[alert].append(route)
    return found


def _recording(book: Book, row: tuple[Any, ...], routes: Sequence[str]) -> Recording:
    alert, source, received_us, body, before, decisions = row
    said = json.loads(decisions) if decisions else ()
    return Recording(
        book.alert_name(alert),
        source,
        received_us,
        body,
        tuple(routes),
        tuple((route, word, reason) for route, word, reason in said),
        stood=before is not None,
        before=decode(before) if before else None,
    )
