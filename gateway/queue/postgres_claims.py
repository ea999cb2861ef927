"""Handing out deliveries where several replicas do: each takes what no other holds."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.delivery import Claims
from gateway.queue.book import Book
from gateway.queue.claims import ANY_TIME, Wish, handed_out
from gateway.queue.postgres_book import PostgresBook
from gateway.queue.postgres_locks import TRY_GROUPS

# The rows are chosen and locked before anything is changed, and once: `id IN (SELECT … LIMIT n FOR UPDATE SKIP LOCKED)`
# may be run again and take more than n. What is locked and not taken is free again at the commit.
TAKE = """
WITH fresh AS MATERIALIZED (
    SELECT id, 0 AS kind, id AS place FROM delivery
    WHERE route = $1 AND state = 0 AND head = 1 AND fresh = 1 AND (cluster = '' OR cluster = ANY($2::text[]))
    ORDER BY delivery.id LIMIT $3 FOR UPDATE SKIP LOCKED
), retry AS MATERIALIZED (
    SELECT id, 1 AS kind, due_us AS place FROM delivery
    WHERE route = $1 AND state = 0 AND head = 1 AND fresh = 0 AND due_us <= $4 AND (due_us <= $5 OR first_us > 0)
        AND (cluster = '' OR cluster = ANY($2::text[]))
    ORDER BY delivery.due_us LIMIT $6 FOR UPDATE SKIP LOCKED
), chosen AS MATERIALIZED (
    SELECT * FROM fresh UNION ALL SELECT * FROM retry ORDER BY 2 {order}, 3, 1 LIMIT $7
)
UPDATE delivery AS d SET state = 1, token = token + 1, attempts = attempts + 1, claimed_us = $5, lease_until_us = $8,
    first_us = CASE WHEN first_us = 0 THEN $5 ELSE first_us END
FROM chosen WHERE d.id = chosen.id RETURNING d.id, chosen.kind, chosen.place
"""
FRESH_FIRST, RETRIES_FIRST = TAKE.format(order="ASC"), TAKE.format(order="DESC")
LEFT = """
SELECT EXISTS (SELECT 1 FROM delivery WHERE route = $1 AND state = 0 AND head = 1 AND fresh = 1),
       (SELECT min(due_us) FROM delivery WHERE route = $1 AND state = 0 AND head = 1 AND fresh = 0)
"""


def claim(book: Book, wishes: Sequence[Wish]) -> list[Claims]:
    assert isinstance(book, PostgresBook)  # noqa: S101 - its store has no other
    return [_claim(book, wish) for wish in wishes]


def _claim(book: PostgresBook, wish: Wish) -> Claims:
    now = book.now_us()
    rows = _taken(book, wish, now)
    claims = tuple(handed_out(book, rows, wish, now)) if rows else ()
    fresh, next_due = book.db.run(LEFT, [wish.route]).fetchone()
    return Claims(
        claims=claims,
        more=fresh or (next_due is not None and next_due <= now),
        next_us=None if next_due is None else max(0, next_due - now),
    )


def _taken(book: PostgresBook, wish: Wish, now: int) -> list[int]:
    """The rows, in the order in which they are handed out. A group belongs to one replica at a time, or it would go
    out in several messages.
    """
    latest = ANY_TIME if wish.early else now
    groups = [group for (group,) in book.db.run(TRY_GROUPS, [wish.route, latest])]
    statement = RETRIES_FIRST if wish.retries_first else FRESH_FIRST
    most = (wish.fresh, latest, now, wish.retries, wish.limit, now + wish.lease_us)
    found = book.db.run(statement, [wish.route, groups, *most]).fetchall()
    back = -1 if wish.retries_first else 1
    return [row for row, *_ in sorted(found, key=lambda each: (back * each[1], each[2], each[0]))]
