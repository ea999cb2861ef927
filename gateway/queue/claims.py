"""Handing out deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain.delivery import Claim, Claims
from gateway.queue.book import Book, Rows
from gateway.queue.clusters import fitting, flush, follow, members

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
