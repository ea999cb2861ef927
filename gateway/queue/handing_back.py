"""Taking back deliveries that were handed out and not tried: nothing is charged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.domain.delivery import Claim, PutOff
from gateway.queue.book import Book
from gateway.queue.order import rejoin
from gateway.queue.stand_ins import retime

_RELEASE = """
UPDATE delivery SET state = 0, due_us = ?, attempts = attempts - 1,
                    first_us = CASE WHEN first_us = claimed_us THEN 0 ELSE first_us END
WHERE id = ? AND token = ? AND state = 1 RETURNING key
"""
_PUT_OFF = """
UPDATE delivery SET state = 0, fresh = 0, due_us = ?, hold = ?, reason = ?, attempts = attempts - 1,
                    first_us = CASE WHEN first_us = claimed_us THEN 0 ELSE first_us END
WHERE id = ? AND token = ? AND state = 1 RETURNING alert, key
"""


def release(book: Book, handed_back: Sequence[Sequence[Claim]]) -> list[None]:
    for claims in handed_back:
        for claim in claims:
            for row, token in parts(claim):
                _release(book, claim.route, row, token)
    return [None] * len(handed_back)


def put_off(book: Book, asked: Sequence[tuple[Claim, Sequence[PutOff]]]) -> list[tuple[tuple[str, int], ...]]:
    return [tuple(_put_off(book, claim, {wait.row: wait for wait in waits})) for claim, waits in asked]


def _put_off(book: Book, claim: Claim, waits: dict[int, PutOff]) -> Iterator[tuple[str, int]]:
    for row, token in parts(claim):
        wait = waits.get(row)
        if wait is None:
            _release(book, claim.route, row, token)
            continue
        values = (wait.until_us, wait.hold, wait.reason, row, token)
        found: tuple[int, str] | None = book.db.execute(_PUT_OFF, values).fetchone()
        if found is not None:
            alert, key = found
            retime(book, alert, claim.route, wait.until_us)
            another = rejoin(book, row, (claim.route, key))
            yield claim.route, 0 if another else wait.until_us - book.now_us()


def parts(claim: Claim) -> Iterator[tuple[int, int]]:
    """The row and the token of each of its deliveries."""
    yield claim.row, claim.token
    yield from ((member.row, member.token) for member in claim.members)


def _release(book: Book, route: str, row: int, token: int) -> None:
    key: tuple[str] | None = book.db.execute(_RELEASE, (book.now_us(), row, token)).fetchone()
    if key is not None:
        rejoin(book, row, (route, key[0]))
