"""Handing out deliveries, and taking them back: by their result, by release, or when their lease ran out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.domain.delivery import FINISHED, AttemptRecord, Claim, Claims, Recorded, Result, State
from gateway.queue.book import Book, Value, for_rows, pieces, storable
from gateway.queue.order import Incident, promote, rejoin
from gateway.queue.schema import CODES

FRESH = "SELECT id FROM delivery WHERE route = ? AND state = 0 AND head = 1 AND fresh = 1 ORDER BY id LIMIT ?"
RETRIES = """
SELECT id, due_us FROM delivery WHERE route = ? AND state = 0 AND head = 1 AND fresh = 0 AND due_us <= ?
ORDER BY due_us LIMIT ?
"""
NEXT_RETRY = "SELECT min(due_us) FROM delivery WHERE route = ? AND state = 0 AND head = 1 AND fresh = 0"
HASTEN = """
UPDATE delivery SET due_us = ?1 WHERE id IN (
    SELECT id FROM delivery WHERE route = ?2 AND state = 0 AND head = 1 AND fresh = 0 AND due_us > ?1 LIMIT ?3)
"""
_ANY_TIME = 2**62
TAKE = """
UPDATE delivery SET state = 1, token = token + 1, attempts = attempts + 1, claimed_us = ?1, lease_until_us = ?2,
                    first_us = iif(first_us, first_us, ?1) WHERE id = ?3
"""
TAKEN = """
SELECT d.id, d.token, d.alert, d.route, a.source, b.bytes, a.received_us, d.due_us, d.claimed_us, d.first_us,
       d.attempts, d.shrink, d.progress, d.fresh
FROM delivery AS d JOIN alert AS a ON a.id = d.alert JOIN body AS b ON b.alert = d.alert WHERE d.id = ?
"""
RECORD = """
WITH result (row, token, state, head, due_us, uncharged, shrink, progress, reason, finished_us) AS (VALUES {marks})
UPDATE delivery SET state = result.state, head = result.head, fresh = 0, due_us = result.due_us,
    attempts = attempts - result.uncharged, shrink = result.shrink, progress = result.progress,
    reason = result.reason, finished_us = result.finished_us
FROM result WHERE delivery.id = result.row AND delivery.token = result.token AND delivery.state = 1
RETURNING id, route, key
"""
INSERT_ATTEMPTS = "INSERT INTO attempt (delivery, n, detail) VALUES {marks}"
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_MOST_ATTEMPTS = 100  # kept of one delivery: probing a receiver that is gone for months must not fill the disk
_FORGET_ATTEMPT = "DELETE FROM attempt WHERE delivery = ? AND n <= ?"
_RELEASE = """
UPDATE delivery SET state = 0, due_us = ?, attempts = attempts - 1,
                    first_us = iif(first_us = claimed_us, 0, first_us)
WHERE id = ? AND token = ? AND state = 1 RETURNING key
"""
SENDING = "SELECT id, token, route, key, due_us, claimed_us FROM delivery WHERE state = 1"
_INTERRUPT = "UPDATE delivery SET state = 0, fresh = 0, due_us = ?, reason = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Wish:
    """A `claim` that waits for its commit."""

    route: str
    fresh: int
    retries: int
    limit: int
    lease_us: int
    retries_first: bool = False
    early: bool = False


def claim(book: Book, wishes: Sequence[Wish]) -> list[Claims]:
    return [_claim(book, wish) for wish in wishes]


def _claim(book: Book, wish: Wish) -> Claims:
    now = book.now_us()
    rows, more = _choose(book, wish, now)
    book.db.executemany(TAKE, [(now, now + wish.lease_us, row) for row in rows])
    next_due: int | None = book.db.execute(NEXT_RETRY, (wish.route,)).fetchone()[0]
    return Claims(
        claims=tuple(_taken(book, row) for row in rows),
        more=more,
        next_us=None if next_due is None else max(0, next_due - now),
    )


def _choose(book: Book, wish: Wish, now: int) -> tuple[list[int], bool]:
    """The rows to hand out, and whether more is due. One more of each kind is looked for than can be taken."""
    most_fresh, most_retries = min(wish.fresh, wish.limit), min(wish.retries, wish.limit)
    fresh = [row for (row,) in book.db.execute(FRESH, (wish.route, most_fresh + 1))]
    latest = _ANY_TIME if wish.early else now
    retries = book.db.execute(RETRIES, (wish.route, latest, most_retries + 1)).fetchall()
    kinds = [fresh[:most_fresh], [row for row, _ in retries[:most_retries]]]
    first, second = reversed(kinds) if wish.retries_first else kinds
    rows = [*first, *second][: wish.limit]
    due = {*fresh, *(row for row, due_us in retries if due_us <= now)}
    return rows, not due.issubset(rows)


def hasten(book: Book, asked: Sequence[Hurry]) -> list[int]:
    return [book.db.execute(HASTEN, (hurry.now_us, hurry.route, hurry.limit)).rowcount for hurry in asked]


@dataclass(frozen=True, slots=True)
class Hurry:
    """Up to `limit` retries of the route that are due later than `now_us` become due then."""

    route: str
    now_us: int
    limit: int


def _taken(book: Book, row: int) -> Claim:
    found = book.db.execute(TAKEN, (row,)).fetchone()
    token, alert, route, source, body, received, due, claimed, first, attempts, shrink, progress, fresh = found[1:]
    return Claim(
        row=row,
        token=token,
        delivery_id=book.delivery_name(alert, route),
        alert_id=book.alert_name(alert),
        route=route,
        source=source,
        body=body,
        received_us=received,
        due_us=due,
        claimed_us=claimed,
        first_us=first,
        attempt=attempts,
        try_number=token,
        shrink=bool(shrink),
        progress=progress,
        fresh=bool(fresh),
    )


def record(book: Book, results: Sequence[Result]) -> list[Recorded]:
    recorded: list[Recorded] = []
    for apart in _apart(results):
        for part in pieces(apart):
            recorded += _record_round(book, part)
    return recorded


def _apart(results: Sequence[Result]) -> Iterator[Sequence[Result]]:
    """The results in runs in which no delivery comes twice."""
    start = 0
    seen: set[int] = set()
    for at, result in enumerate(results):
        if result.row in seen:
            yield results[start:at]
            start, seen = at, set()
        seen.add(result.row)
    yield results[start:]


def _record_round(book: Book, results: Sequence[Result]) -> list[Recorded]:
    now = book.now_us()
    values = [value for result in results for value in _next_state(result, now)]
    statement = for_rows(RECORD, len(results), 10)
    applied: dict[int, Incident] = {row: (route, key) for row, route, key in book.db.execute(statement, values)}
    kept = [result for result in results if result.row in applied]
    _write_attempts(book, [(result.row, result.token, result.record) for result in kept])
    promoted = promote(book, [result.row for result in kept if result.state is not State.PENDING])
    waiting = [result.row for result in kept if result.state is State.PENDING]
    promoted |= {applied[row] for row in waiting if rejoin(book, row, applied[row])}
    return [Recorded(result.row in applied, applied.get(result.row) in promoted) for result in results]


def _next_state(result: Result, now: int) -> tuple[Value, ...]:
    if result.state is State.SENDING:
        raise ValueError("an attempt that ended cannot be under way")
    waits = result.state is State.PENDING
    return (
        result.row,
        result.token,
        CODES[result.state],
        int(waits),
        now + result.delay_us,
        int(not result.charged),
        int(result.shrink),
        storable(result.progress),
        storable(result.record.reason),
        now if result.state in FINISHED else None,
    )


def _write_attempts(book: Book, attempts: Sequence[tuple[int, int, AttemptRecord]]) -> None:
    for part in pieces(attempts):
        values: list[Value] = [value for row, n, record in part for value in (row, n, _detail(record))]
        book.db.execute(for_rows(INSERT_ATTEMPTS, len(part), 3), values)
    for row, n, _ in attempts:
        if n > _MOST_ATTEMPTS:
            book.db.execute(_FORGET_ATTEMPT, (row, n - _MOST_ATTEMPTS))


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


def release(book: Book, handed_back: Sequence[Sequence[Claim]]) -> list[None]:
    for claims in handed_back:
        for claim in claims:
            _release(book, claim)
    return [None] * len(handed_back)


def _release(book: Book, claim: Claim) -> None:
    key: tuple[str] | None = book.db.execute(_RELEASE, (book.now_us(), claim.row, claim.token)).fetchone()
    if key is not None:
        rejoin(book, claim.row, (claim.route, key[0]))


def expire_leases(book: Book, asked: Sequence[None]) -> list[tuple[str, ...]]:
    routes = _interrupt(book, " AND lease_until_us < ?", (book.now_us(),), "no result came before the lease ran out")
    return [routes] * len(asked)


def recover(book: Book) -> tuple[str, ...]:
    """What an earlier process was sending when it ended waits again, due at once; the routes concerned."""
    return _interrupt(book, "", (), "the gateway stopped before this attempt had ended")


def _interrupt(book: Book, which: str, values: tuple[Value, ...], reason: str) -> tuple[str, ...]:
    """The attempt stays charged: a delivery that kills the process must not be tried for ever."""
    now = book.now_us()
    lost = book.db.execute(SENDING + which, values).fetchall()
    for row, token, route, key, due_us, claimed_us in lost:
        book.db.execute(_INTERRUPT, (now, reason, row))
        _write_attempts(book, [(row, token, AttemptRecord(due_us, claimed_us, claimed_us, now, "interrupted", reason))])
        rejoin(book, row, (route, key))
    return tuple(sorted({route for _, _, route, *_ in lost}))
