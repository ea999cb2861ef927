"""The notification log: what each receiver was last told of each incident, and what it gave us for it.

`state` is what the receiver knows once everything waiting for it is delivered; `known` what it was truly told. Where
`told_us` is NULL it never was, and `known` is the state that was first passed over, if any: from it later changes are
measured, also after a delivery that told nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from gateway.domain.delivery import NewAlert, NewDelivery
from gateway.domain.snapshot import decode, encode
from gateway.domain.telling import Circumstances, Decision, State, Told, decide
from gateway.queue.book import Book, Rows, Value
from gateway.queue.inhibitions import inhibited
from gateway.queue.order import Incident

RECALL = Rows(
    """
WITH asked (route, key) AS ({rows})
SELECT told.route, told.key, digest, asked_us, flaps, CASE WHEN told_us IS NOT NULL THEN known END, reference
FROM asked
JOIN told ON told.route = asked.route AND told.key = asked.key
""",
    "tt",
)
STATE = "SELECT state FROM told WHERE route = ? AND key = ?"
_EXPECT = Rows(
    """
WITH entry (route, key, digest, state, asked_us, flaps) AS ({rows})
INSERT INTO told (route, key, digest, state, asked_us, flaps, known_digest, known)
SELECT route, key, digest, state, asked_us, flaps, CASE WHEN asked_us IS NULL THEN digest END,
       CASE WHEN asked_us IS NULL THEN state END FROM entry WHERE true
ON CONFLICT (route, key) DO UPDATE SET digest = excluded.digest, state = excluded.state, asked_us = excluded.asked_us,
    flaps = excluded.flaps
""",
    "ttbbit",
)
# The row may be gone: the first delivery was dead once, or the whole incident is forgotten, which stays so.
DELIVERED = Rows(
    """
WITH news (route, key, state, digest, at_us, alert, reference) AS ({rows})
INSERT INTO told (route, key, digest, state, asked_us, known_digest, known, told_us, told_alert, reference)
SELECT route, key, digest, state, at_us, digest, state, at_us, alert,
    coalesce(reference, (SELECT t.reference FROM told AS t WHERE t.route = news.route AND t.key = news.key), '')
FROM news WHERE EXISTS (SELECT 1 FROM incident WHERE incident.key = news.key)
ON CONFLICT (route, key) DO UPDATE SET known_digest = excluded.known_digest, known = excluded.known,
    told_us = excluded.told_us, told_alert = excluded.told_alert, reference = excluded.reference
RETURNING route, key, digest <> known_digest
""",
    "ttbbiit",
)
# Another delivery of the incident may still be on its way; then what it will tell counts.
_TAKE_BACK = """
UPDATE told SET digest = known_digest, state = known, asked_us = told_us
WHERE route = ?1 AND key = ?2 AND known IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM delivery WHERE route = ?1 AND key = ?2 AND state < 2)
"""
_SETTLE = _TAKE_BACK + " AND digest <> known_digest"
_FORGET = """
DELETE FROM told WHERE route = ?1 AND key = ?2 AND known IS NULL
      AND NOT EXISTS (SELECT 1 FROM delivery WHERE route = ?1 AND key = ?2 AND state < 2)
"""


class Entry(NamedTuple):
    """`known` None: it never was told."""

    digest: bytes
    asked_us: int | None
    flaps: str
    known: bytes | None
    reference: str

    @property
    def flapped(self) -> tuple[int, ...]:
        return tuple(map(int, self.flaps.split(","))) if self.flaps else ()


NOBODY = Entry(b"", None, "", None, "")


class Log:
    """What the receivers of one round of arrivals know, in which no incident comes twice."""

    def __init__(self, book: Book, incidents: Sequence[Incident]) -> None:
        self._book = book
        self._entries: dict[Incident, Entry] = {}
        self._expected: dict[Incident, tuple[Value, ...]] = {}
        self._now: dict[Incident, Told] = {}
        self._recall(incidents)

    def entry(self, incident: Incident) -> Entry:
        return self._entries.get(incident, NOBODY)

    def awaits(self, incident: Incident, state: State) -> bool:
        """Whether the receiver will know this very state."""
        return self.entry(incident).digest == state.digest

    def take_back(self, incident: Incident) -> None:
        """What waited gave way: the receiver knows what it was told."""
        undelivered(self._book, [incident])
        self._expected.pop(incident, None)
        self._now.pop(incident, None)
        self._entries.pop(incident, None)
        self._recall([incident])

    def decide(
        self, alert: NewAlert, delivery: NewDelivery, now_us: int, *, moved: bool, replaces: bool = False
    ) -> Decision | None:
        """Whether this receiver is told, None for one that is told everything. `moved`: the incident is in another
        state than before. `replaces` as in `Circumstances`.
        """
        terms, now = delivery.terms, alert.state
        if terms is None or now is None or not alert.key or not delivery.is_decided:
            return None
        incident = (delivery.route, alert.key)
        before = self._told(incident, now)
        muted = partial(inhibited, self._book, alert, delivery, self._now)
        when = Circumstances(now_us, moved, muted, replaces)
        decision, after = decide(delivery.route, terms, before, now, when)
        if after is not None and after != before:
            self._now[incident] = after
            state, flaps = encode(after.state.snapshot), ",".join(map(str, after.flaps))
            self._expected[incident] = (after.state.digest, state, after.asked_us, flaps)
        return decision

    def write(self) -> None:
        self._book.many(_EXPECT, [(*incident, *row) for incident, row in self._expected.items()])

    def _recall(self, incidents: Sequence[Incident]) -> None:
        for route, key, *entry in self._book.many(RECALL, incidents):
            self._entries[route, key] = Entry(*entry)

    def _told(self, incident: Incident, now: State) -> Told | None:
        """The state itself is read only where it is another one."""
        entry = self._entries.get(incident)
        if entry is None:
            return None
        if entry.digest == now.digest:
            return Told(now, entry.asked_us, entry.flapped)
        (packed,) = self._book.db.execute(STATE, incident).fetchone()
        return Told(State(decode(packed), entry.digest), entry.asked_us, entry.flapped)


def delivered(book: Book, news: Sequence[tuple[Incident, int, tuple[bytes, bytes], str | None]], now_us: int) -> None:
    """Each as (incident, alert row, (state, digest), reference or None to keep the one there is).

    An older alert that is sent again counts too: it is what this receiver heard last, and the next alert that differs
    from it puts that right.
    """
    rows = [
        (*incident, state, digest, now_us, alert, reference) for incident, alert, (state, digest), reference in news
    ]
    if differing := [(route, key) for route, key, differs in book.many(DELIVERED, rows) if differs]:
        book.db.executemany(_SETTLE, differing)


def undelivered(book: Book, incidents: Sequence[Incident]) -> None:
    """Their deliveries ended and told nothing: what comes next is measured from what was told before."""
    if incidents:
        book.db.executemany(_TAKE_BACK, incidents)
        book.db.executemany(_FORGET, incidents)
