"""The silences that operators made. Those that are over stay as long as the alerts of their time.

`expires_us` is when one is over: an end before its time moves it, and `value` says how long it was to last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.domain.delivery import silence_hold
from gateway.domain.query import Page
from gateway.domain.silence import Silence, from_json, to_json
from gateway.ports import UnknownCursor
from gateway.queue.book import Book
from gateway.queue.holds import release

_PUT = """
INSERT INTO silence (id, value, expires_us) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET value = excluded.value, expires_us = excluded.expires_us
"""
UNEXPIRED = "SELECT value, expires_us FROM silence WHERE expires_us > ? ORDER BY expires_us, id LIMIT 1000"
PAST = "SELECT value, expires_us FROM silence WHERE id < ? AND expires_us > ? ORDER BY id DESC LIMIT ?"
END = "UPDATE silence SET expires_us = ?1 WHERE id = ?2 AND expires_us > ?1"
_AFTER_ALL = "~"  # ids have letters and digits only


def put(book: Book, silences: Sequence[Silence]) -> list[None]:
    for silence in silences:
        book.db.execute(_PUT, (silence.id, to_json(silence), silence.over_us))
    return [None] * len(silences)


def end(book: Book, ids: Sequence[str]) -> list[tuple[str, ...] | None]:
    return [_end(book, one) for one in ids]


def _end(book: Book, silence_id: str) -> tuple[str, ...] | None:
    if not book.db.execute(END, (book.now_us(), silence_id)).rowcount:
        return None
    return release(book, silence_hold(silence_id))


def unexpired(book: Book) -> tuple[Silence, ...]:
    """At most 1,000, those first that end first."""
    return tuple(_silence(*row) for row in book.db.execute(UNEXPIRED, (book.now_us(),)))


def past(book: Book, since_us: int, limit: int, cursor: str) -> Page:
    """Those that were not over at that time, the youngest first. Raises UnknownCursor when it can be none of ours."""
    if cursor and not (cursor.isascii() and cursor.isalnum()):
        raise UnknownCursor(cursor)
    rows = book.db.execute(PAST, (cursor or _AFTER_ALL, since_us, limit + 1)).fetchall()
    found = tuple(_silence(*row) for row in rows[:limit])
    return Page(silences=found, next=found[-1].id if len(rows) > limit else "")


def _silence(value: str, over_us: int) -> Silence:
    silence = from_json(value)
    return silence if over_us == silence.expires_us else replace(silence, ended_us=over_us)
