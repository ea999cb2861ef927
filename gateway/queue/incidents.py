"""The memory of incidents: compared with, and brought up to date by, every alert that is stored."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.change import Change
from gateway.domain.change_wording import words
from gateway.domain.delivery import NewAlert
from gateway.domain.incident import History, Incident, begin, decode, encode, remember
from gateway.domain.snapshot import encode as encode_snapshot
from gateway.queue.book import Book, Rows, Value, storable

SAME = b""
"""Stands for a state before that was the same."""

RECALL = Rows(
    """
SELECT key, source, environment, alert_id, first_us, last_us, changed_us, digest FROM incident WHERE key IN ({marks})
""",
    "t",
)
MEMORY = "SELECT memory FROM incident WHERE key = ?"
_SEEN = "UPDATE incident SET last_us = CASE WHEN last_us < ?1 THEN ?1 ELSE last_us END WHERE key = ?2"
_PUT = Rows(
    """
INSERT INTO incident (key, source, environment, alert_id, rule, first_us, last_us, changed_us, open, digest, memory)
{rows} ON CONFLICT (key) DO UPDATE SET rule = excluded.rule, last_us = excluded.last_us,
    changed_us = excluded.changed_us, open = excluded.open, digest = excluded.digest, memory = excluded.memory
""",
    "tttttiiiibb",
)
_CHANGED = "INSERT INTO change (key, at_us, alert, reasons, words) VALUES (?, ?, ?, ?, ?)"
_FORGET_CHANGE = """
DELETE FROM change WHERE key = ?1 AND id <= (SELECT id FROM change WHERE key = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
"""
_MOST_CHANGES = 100
_HISTORY = History(None, ())  # type: ignore[arg-type]  # of a row whose memory was not needed and not read


class Memory:
    """The incidents of one round of arrivals, none of which comes twice. `write` puts all on paper at the end."""

    def __init__(self, book: Book, keys: Sequence[str]) -> None:
        self._book = book
        self._known: dict[str, tuple[Incident, bytes]] = {}
        for *values, digest in book.many(RECALL, [(key,) for key in keys]):
            incident = Incident._make([*values, _HISTORY])
            self._known[incident.key] = incident, digest
        self._put: list[tuple[Value, ...]] = []
        self._seen: list[tuple[Value, ...]] = []
        self._changes: list[tuple[Value, ...]] = []

    def reaches(self, key: str, at_us: int) -> bool:
        """Whether the incident was heard of then or later."""
        return key in self._known and self._known[key][0].last_seen_us >= at_us

    def enter(self, alert: NewAlert, row: int, now_us: int) -> bytes | None:
        """Remember an alert; the incident's state before it, encoded, `SAME` for the very same, None for a new one."""
        if alert.state is None:
            return None
        found = self._known.get(alert.key)
        if found is None:
            self._remember(begin(alert, now_us, alert.state.snapshot), alert)
            return None
        incident, digest = found
        if digest == alert.state.digest:
            self._seen.append((now_us, alert.key))
            return SAME
        (memory,) = self._book.db.execute(MEMORY, (alert.key,)).fetchone()
        incident = incident._replace(history=decode(memory))
        after, change = remember(incident, alert, now_us, alert.state.snapshot)
        self._remember(after, alert)
        self._note(after, change, row)
        return encode_snapshot(incident.snapshot)

    def _remember(self, incident: Incident, alert: NewAlert) -> None:
        assert alert.state is not None  # noqa: S101 - its callers looked
        self._put.append(
            (
                incident.key,
                storable(incident.source),
                storable(incident.environment),
                storable(incident.alert_id),
                storable(alert.rule),
                incident.first_seen_us,
                incident.last_seen_us,
                incident.changed_us,
                incident.snapshot.open_count,
                alert.state.digest,
                encode(incident.history),
            )
        )

    def _note(self, incident: Incident, change: Change, row: int) -> None:
        reasons = ",".join(change.reasons)
        self._changes.append((incident.key, incident.changed_us, row, reasons, words(change)))

    def write(self) -> None:
        db = self._book.db
        self._book.many(_PUT, self._put)
        if self._seen:
            db.executemany(_SEEN, self._seen)
        if self._changes:
            db.executemany(_CHANGED, self._changes)
            db.executemany(_FORGET_CHANGE, [(change[0], _MOST_CHANGES) for change in self._changes])
