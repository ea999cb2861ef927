"""The silences that operators made."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.delivery import silence_hold
from gateway.domain.silence import Silence, from_json, to_json
from gateway.queue.book import Book
from gateway.queue.holds import release

_PUT = """
INSERT INTO silence (id, value, expires_us) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET value = excluded.value, expires_us = excluded.expires_us
"""
_ALL = "SELECT value FROM silence WHERE expires_us > ? ORDER BY expires_us, id LIMIT 1000"
_END = "DELETE FROM silence WHERE id = ?"
_EXPIRED = "DELETE FROM silence WHERE expires_us <= ?"


def put(book: Book, silences: Sequence[Silence]) -> list[None]:
    for silence in silences:
        book.db.execute(_EXPIRED, (book.now_us(),))
        book.db.execute(_PUT, (silence.id, to_json(silence), silence.expires_us))
    return [None] * len(silences)


def end(book: Book, ids: Sequence[str]) -> list[tuple[str, ...] | None]:
    return [_end(book, one) for one in ids]


def _end(book: Book, silence_id: str) -> tuple[str, ...] | None:
    if not book.db.execute(_END, (silence_id,)).rowcount:
        return None
    return release(book, silence_hold(silence_id))


def unexpired(book: Book) -> tuple[Silence, ...]:
    """At most 1,000, those first that end first."""
    return tuple(from_json(value) for (value,) in book.db.execute(_ALL, (book.now_us(),)))
