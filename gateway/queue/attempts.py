"""What is kept of every attempt."""

from __future__ import annotations

import json
from collections.abc import Sequence

from gateway.domain.delivery import AttemptRecord
from gateway.queue.book import Book, Rows

_INSERT = Rows("INSERT INTO attempt (delivery, n, detail) {rows}", "iit")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_MOST_ATTEMPTS = 100  # kept of one delivery: probing a receiver that is gone for months must not fill the disk
_FORGET = "DELETE FROM attempt WHERE delivery = ? AND n <= ?"


def write_attempts(book: Book, attempts: Sequence[tuple[int, int, AttemptRecord]]) -> None:
    """Each as (delivery, number, record)."""
    book.many(_INSERT, [(row, n, _detail(record)) for row, n, record in attempts])
    for row, n, _ in attempts:
        if n > _MOST_ATTEMPTS:
            book.db.execute(_FORGET, (row, n - _MOST_ATTEMPTS))


def _detail(record: AttemptRecord) -> str:
    return _ENCODER.encode(
        {
            "due_us": record.due_us,
            "claimed_us": record.claimed_us,
            "started_us": record.started_us,
            "ended_us": record.ended_us,
            "outcome": record.outcome,
            "reason": record.reason,
            "status": record.status,
            "hint_s": record.hint_s,
            "headers": dict(record.headers),
            "excerpt": record.excerpt,
            "reference": record.reference,
            "revision": record.revision,
        }
    )
