"""Handing out deliveries, and taking them back: by their result, by release, or when their lease ran out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.domain.delivery import FINISHED, AttemptRecord, Claim, Claims, Recorded, Result, State
from gateway.queue.attempts import write_attempts
from gateway.queue.book import Book, Rows, Value, storable
from gateway.queue.clusters import fitting, flush, follow, members
from gateway.queue.handing_back import parts
from gateway.queue.order import Incident, promote, rejoin
from gateway.queue.schema import CODES
from gateway.queue.stand_ins import hand_on, settle
from gateway.queue.told import delivered, undelivered

FRESH = "SELECT id FROM delivery WHERE route = ? AND state = 0 AND head = 1 AND fresh = 1 ORDER BY id LIMIT ?"
# Before its time only what was tried may go: the rest waits for an hour, for its group or for another route to fail.
RETRIES = """
SELECT id, due_us FROM delivery WHERE route = ?1 AND state = 0 AND head = 1 AND fresh = 0 AND due_us <= ?2
    AND (due_us <= ?3 OR first_us > 0)
ORDER BY due_us LIMIT ?4
"""
NEXT_RETRY = "SELECT min(due_us) FROM delivery WHERE route = ? AND state = 0 AND head = 1 AND fresh = 0"
HASTEN = """
UPDATE delivery SET due_us = ?1 WHERE id IN (
    SELECT id FROM delivery WHERE route = ?2 AND state = 0 AND head = 1 AND fresh = 0 AND due_us > ?1 AND first_us > 0
    LIMIT ?3)
"""
ANY_TIME = 2**62
_TOLD_NOTHING = FINISHED - {State.DELIVERED}
_SETTLED = frozenset({State.DELIVERED, State.SUPERSEDED})
_GIVEN_UP = frozenset({State.DEAD, State.PARKED})
TAKE = """
UPDATE delivery SET state = 1, token = token + 1, attempts = attempts + 1, claimed_us = ?1, lease_until_us = ?2,
                    first_us = CASE WHEN first_us = 0 THEN ?1 ELSE first_us END WHERE id = ?3
"""
TAKEN = Rows(
    """
SELECT d.id, d.token, d.alert, d.route, a.source, b.bytes, a.received_us, d.due_us, d.claimed_us, d.first_us,
       d.attempts, d.shrink, d.progress, d.fresh, d.remembers, d.cluster,
       (d.hold <> '' OR d.cluster <> '' OR d.stands_in_for <> '') AND d.reason <> 'replayed',
       CASE WHEN d.stands_in_for = '' THEN a.before END, CASE WHEN t.told_us IS NOT NULL THEN t.known END, t.reference
FROM delivery AS d JOIN alert AS a ON a.id = d.alert JOIN body AS b ON b.alert = d.alert
    LEFT JOIN told AS t ON d.remembers = 1 AND t.route = d.route AND t.key = d.key
WHERE d.id IN ({marks})
""",
    "i",
)
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
    group_interval_us: int = 0


def claim(book: Book, wishes: Sequence[Wish]) -> list[Claims]:
    return [_claim(book, wish) for wish in wishes]


def _claim(book: Book, wish: Wish) -> Claims:
    now = book.now_us()
    rows, more = _choose(book, wish, now)
    book.db.executemany(TAKE, [(now, now + wish.lease_us, row) for row in rows])
    claims = tuple(handed_out(book, rows, wish, now))
    next_due: int | None = book.db.execute(NEXT_RETRY, (wish.route,)).fetchone()[0]
    return Claims(
        claims=claims,
        more=more or any(claim.beyond for claim in claims),
        next_us=None if next_due is None else max(0, next_due - now),
    )


def _choose(book: Book, wish: Wish, now: int) -> tuple[list[int], bool]:
    """The rows to hand out, and whether more is due. One more of each kind is looked for than can be taken."""
    most_fresh, most_retries = min(wish.fresh, wish.limit), min(wish.retries, wish.limit)
    fresh = [row for (row,) in book.db.execute(FRESH, (wish.route, most_fresh + 1))]
    latest = ANY_TIME if wish.early else now
    retries = book.db.execute(RETRIES, (wish.route, latest, now, most_retries + 1)).fetchall()
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


def handed_out(book: Book, rows: Sequence[int], wish: Wish, now: int) -> Iterator[Claim]:
    """A claim for each row that was taken, but one only for a group: whoever is first takes the others of it along."""
    gone, taken = set[int](), _taken(book, rows)
    for row in rows:
        if row in gone:
            continue
        claim, cluster = taken[row]
        if not cluster:
            yield claim
            continue
        others = flush(book, (wish.route, cluster), _since_us(claim), now, wish.group_interval_us)
        along = [o for o in rows if o != row and o not in gone and _goes_with(book, claim, cluster, o)]
        carried = fitting(book, row, sorted({*others, *along}))
        gone.update(carried)
        follow(book, [other for other in others if other not in carried], now)
        book.db.executemany(TAKE, [(now, now + wish.lease_us, other) for other in others if other in carried])
        # The oldest leads, so that the message has the same id when it is sent again.
        first, *rest = sorted(carried)
        leader = claim if first == row else _taken(book, [first])[first][0]
        beyond = len(others) + len(along) + 1 - len(carried)
        yield leader._replace(members=members(book, rest), beyond=beyond)


def _since_us(claim: Claim) -> int:
    """When it was first tried, 0 when it is for the first time now."""
    return 0 if claim.first_us == claim.claimed_us and claim.attempt == 1 else claim.first_us


def _goes_with(book: Book, claim: Claim, cluster: str, other: int) -> bool:
    """Whether another row that is handed out is of the same group and has been tried as often: with the same ones."""
    found: tuple[str, int] = book.db.execute("SELECT cluster, first_us FROM delivery WHERE id = ?", (other,)).fetchone()
    return found == (cluster, claim.first_us)


def _taken(book: Book, rows: Sequence[int]) -> dict[int, tuple[Claim, str]]:
    """Of each row, and the group it waited in."""
    return {found[0]: _as_claim(book, found) for found in book.many(TAKEN, [(row,) for row in rows])}


def _as_claim(book: Book, found: tuple[Any, ...]) -> tuple[Claim, str]:
    row, token, alert, route, source, body, received, due, claimed, first, attempts = found[:11]
    shrink, progress, fresh, remembers, cluster, asks, before, known, reference = found[11:]
    claim = Claim(
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
        before=known if remembers else before,
        reference=reference or "",
        remembers=bool(remembers),
        asks=bool(asks and attempts == 1 and first == claimed),
    )
    return claim, cluster


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
