"""What attempts ended with, written down: the next state of their deliveries, and what follows for others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gateway.domain.delivery import FINISHED, Recorded, Result, State
from gateway.queue.attempts import write_attempts
from gateway.queue.book import Book, Rows, Value, storable
from gateway.queue.order import Incident, promote, rejoin
from gateway.queue.schema import CODES
from gateway.queue.stand_ins import hand_on, settle
from gateway.queue.told import delivered, undelivered

_TOLD_NOTHING = FINISHED - {State.DELIVERED}
_SETTLED = frozenset({State.DELIVERED, State.SUPERSEDED})
_GIVEN_UP = frozenset({State.DEAD, State.PARKED})
RECORD = Rows(
    """
WITH result (number, token, state, head, due_us, uncharged, shrink, progress, reason, finished_us) AS ({rows})
UPDATE delivery SET state = result.state, head = result.head, fresh = 0, due_us = result.due_us,
    attempts = attempts - result.uncharged, shrink = result.shrink, progress = result.progress,
    reason = result.reason, finished_us = result.finished_us
FROM result WHERE delivery.id = result.number AND delivery.token = result.token AND delivery.state = 1
RETURNING id, route, key, alert
""",
    "iiiiiiitti",
)
APART = "UPDATE delivery SET cluster = '' WHERE id = ?"


def record(book: Book, results: Sequence[Result]) -> list[Recorded]:
    recorded: list[Recorded] = []
    for apart in _apart(results):
        for part in book.rounds(apart):
            recorded += _record_round(book, part)
    if not any(result.members for result in results):
        return recorded
    return [_with_members(book, result, own) for result, own in zip(results, recorded, strict=True)]


def _with_members(book: Book, result: Result, own: Recorded) -> Recorded:
    others = record(book, list(_members(result)))
    later = tuple(at for one in (own, *others) for at in one.later)
    return own._replace(promoted=own.promoted or any(other.promoted for other in others), later=later)


def _members(result: Result) -> Iterator[Result]:
    """The others of its group end as it did, but for what nobody was told of."""
    for member in result.members:
        state = member.state or result.state
        yield result._replace(row=member.row, token=member.token, state=state, told=member.told, members=())


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
    changed = book.many(RECORD, [_next_state(result, now) for result in results])
    found = {row: ((route, key), alert) for row, route, key, alert in changed}
    applied = {row: incident for row, (incident, _) in found.items()}
    kept = [result for result in results if result.row in applied]
    write_attempts(book, [(result.row, result.token, result.record) for result in kept])
    promoted = promote(book, [result.row for result in kept if result.state is not State.PENDING])
    waiting = [result.row for result in kept if result.state is State.PENDING]
    promoted |= {applied[row] for row in waiting if rejoin(book, row, applied[row])}
    _note_told(book, kept, found, now)
    later = {row: _handed_on(book, *found[row], now) for row in (r.row for r in kept if r.state in _GIVEN_UP)}
    return [
        Recorded(result.row in applied, applied.get(result.row) in promoted, later.get(result.row, ()))
        for result in results
    ]


def _handed_on(book: Book, incident: Incident, alert: int, now: int) -> tuple[tuple[str, int], ...]:
    return tuple((route, due_us - now) for route, due_us in hand_on(book, [(alert, incident[0])]))


def _note_told(book: Book, kept: Sequence[Result], found: Mapping[int, tuple[Incident, int]], now: int) -> None:
    """What receivers know by these results, which stand-ins nobody needs any more, and who leaves a group."""
    news = [(*found[r.row], r.told, None if r.together else storable(r.record.reference)) for r in kept if r.told]
    if news:
        delivered(book, news, now)
    undelivered(book, [found[r.row][0] for r in kept if r.remembers and r.state in _TOLD_NOTHING])
    settle(book, [(alert, route) for r in kept if r.state in _SETTLED for (route, _), alert in [found[r.row]]])
    if apart := [(r.row,) for r in kept if r.apart]:
        book.db.executemany(APART, apart)


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
