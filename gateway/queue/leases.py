"""Deliveries that are being sent: their leases, renewed, or run out and taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.domain.delivery import AttemptRecord, Claim
from gateway.queue.attempts import write_attempts
from gateway.queue.book import Book, Rows
from gateway.queue.claims import ANY_TIME
from gateway.queue.handing_back import parts
from gateway.queue.order import rejoin

SENDING = "SELECT id, token, route, key, due_us, claimed_us, lease_until_us FROM delivery WHERE state = 1"
SENT_FOR = Rows(SENDING + " AND id IN ({marks})", "i")
OUT_OF_TIME = "SELECT id FROM delivery WHERE state = 1 AND lease_until_us < ? LIMIT ?"
RENEW = Rows(
    """
WITH held (number, token, until_us) AS ({rows})
UPDATE delivery SET lease_until_us = held.until_us FROM held
WHERE delivery.id = held.number AND delivery.token = held.token AND delivery.state = 1
""",
    "iii",
)
_INTERRUPT = "UPDATE delivery SET state = 0, fresh = 0, due_us = ?, reason = ? WHERE id = ?"


class Lost(NamedTuple):
    """Deliveries whose lease may have run out: `before_us`, as seen by whoever looked."""

    rows: Sequence[int]
    before_us: int
    reason: str = "no result came before the lease ran out"


def out_of_time(book: Book, limit: int) -> Lost:
    now = book.now_us()
    return Lost([row for (row,) in book.db.execute(OUT_OF_TIME, (now, limit))], now)


def recover(book: Book) -> Lost:
    """What an earlier process was sending when it ended."""
    rows = [row for row, *_ in book.db.execute(SENDING)]
    return Lost(rows, ANY_TIME, "the gateway stopped before this attempt had ended")


def interrupt(book: Book, asked: Sequence[Lost]) -> list[tuple[str, ...]]:
    """What was lost waits again, due at once; the routes concerned. A result or a longer lease may have come between.

    The attempt stays charged: a delivery that kills the process must not be tried for ever.
    """
    return [_interrupt(book, lost) for lost in asked]


def _interrupt(book: Book, lost: Lost) -> tuple[str, ...]:
    now, routes = book.now_us(), set[str]()
    found = sorted(book.many(SENT_FOR, [(row,) for row in lost.rows], book.for_update))
    for row, token, route, key, due_us, claimed_us, until_us in found:
        if until_us >= lost.before_us:
            continue
        book.db.execute(_INTERRUPT, (now, lost.reason, row))
        record = AttemptRecord(due_us, claimed_us, claimed_us, now, "interrupted", lost.reason)
        write_attempts(book, [(row, token, record)])
        rejoin(book, row, (route, key))
        routes.add(route)
    return tuple(sorted(routes))


def renew(book: Book, asked: Sequence[tuple[Sequence[Claim], int]]) -> list[None]:
    """Each as (claims, microseconds from now until their leases end)."""
    until_us = [(book.now_us() + lease_us, claims) for claims, lease_us in asked]
    held = [(row, token, until) for until, claims in until_us for claim in claims for row, token in parts(claim)]
    book.many(RENEW, held)
    return [None] * len(asked)
