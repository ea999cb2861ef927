"""What was changed out there, by which alert, with what result; and what nobody else may change meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from gateway.domain.remediation import HOUR_US, Begun, RemediationRow, Step, StepRow, StepWord, Work
from gateway.queue.book import Book, Value, storable

_STATE = "SELECT state FROM delivery WHERE alert = ? AND route = ?"
_PARKED = 2
_MOST_TEXT = 2000
_MOST_PURGED = 500
_UNLOCK_EXPIRED = "DELETE FROM resource_lock WHERE until_us <= ?"
LOCKED = "SELECT holder FROM resource_lock WHERE name = ? AND holder <> ?"
_LOCK = """
INSERT INTO resource_lock (name, holder, until_us) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET until_us = excluded.until_us WHERE resource_lock.holder = excluded.holder
RETURNING name
"""
UNLOCK = "DELETE FROM resource_lock WHERE holder = ?"
# What was to be tried again in the same run of attempts is gone on with, and so is what was cut off a moment ago.
UNENDED = """
SELECT id, plan, agreed FROM remediation WHERE delivery = ? AND dry_run = ?
    AND outcome NOT IN ('ok', 'rejected', 'ours', 'interrupted')
    AND (asked_us >= ? OR (ended_us IS NULL AND asked_us > ?))
ORDER BY id DESC LIMIT 1
"""
_CUT_OFF = "UPDATE remediation SET ended_us = ?, outcome = 'interrupted' WHERE delivery = ? AND ended_us IS NULL"
SPENT = "SELECT count(*) FROM remediation WHERE route = ? AND dry_run = 0 AND asked_us > ?"
_BEGIN = """
INSERT INTO remediation (delivery, alert, route, kind, key, environment, rule, plan, dry_run, agreed, asked_us)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_AGAIN = "UPDATE remediation SET tries = tries + 1, ended_us = NULL, outcome = '' WHERE id = ?"
_END = "UPDATE remediation SET ended_us = ?, outcome = ?, result = ? WHERE id = ?"
# What was replaced is not forgotten when a later try finds nothing left to replace.
_STEP = """
INSERT INTO remediation_step (remediation, resource, word, said, at_us, before, after)
VALUES (?, ?, ?, ?, ?, coalesce(?, ''), coalesce(?, ''))
ON CONFLICT (remediation, resource) DO UPDATE SET word = excluded.word, said = excluded.said, at_us = excluded.at_us,
    before = coalesce(?, remediation_step.before), after = coalesce(?, remediation_step.after)
"""
_UNDONE = "UPDATE remediation_step SET undone_us = ?, undone_by = ? WHERE remediation = ? AND resource = ?"
_ROWS = """
SELECT id, delivery, alert, route, kind, key, environment, rule, plan, dry_run, agreed, asked_us, tries, ended_us,
       outcome, result FROM remediation
"""
LATEST = _ROWS + " WHERE id < ? ORDER BY id DESC LIMIT ?"
STEPS = """
SELECT resource, word, said, before, after, at_us, undone_us, undone_by FROM remediation_step
WHERE remediation = ? ORDER BY resource
"""
OLD = "SELECT id FROM remediation WHERE asked_us < ? ORDER BY asked_us LIMIT ?"


class Ending(NamedTuple):
    """`id` None: nothing but the locks of the holder is given back."""

    id: int | None
    holder: str
    outcome: str = ""
    result: str = ""


class Locking(NamedTuple):
    names: tuple[str, ...]
    holder: str
    lease_us: int


def begin(book: Book, works: Sequence[Work]) -> list[Begun]:
    return [_begin(book, work) for work in works]


def _begin(book: Book, work: Work) -> Begun:
    now_us = book.now_us()
    found = _unended(book, work)
    if not work.dry_run and found is None:
        (spent,) = book.db.execute(SPENT, (work.route, now_us - HOUR_US)).fetchone()
        if spent >= work.hourly:
            return Begun(None, spent=spent)
    if busy := _lock(book, Locking(work.locks, work.delivery, work.lease_us), but_for=work.delivery):
        return Begun(None, busy=busy)
    if found is not None:
        book.db.execute(_AGAIN, (found,))
        return Begun(found)
    book.db.execute(_CUT_OFF, (now_us, work.delivery))
    said = (work.delivery, work.alert, work.route, work.kind, work.key, work.environment, work.rule, work.plan)
    values: tuple[Value, ...] = (*map(_text, said), int(work.dry_run), _text(work.agreed), now_us)
    return Begun(book.db.execute(_BEGIN, values).fetchone()[0])


def _unended(book: Book, work: Work) -> int | None:
    """The entry that goes on: of the same plan, which the same person approved. An entry says what became of that."""
    asked = (work.delivery, int(work.dry_run), work.first_us, book.now_us() - HOUR_US)
    found = book.db.execute(UNENDED, asked).fetchone()
    if found is None or (found[1], found[2]) != (_text(work.plan), _text(work.agreed)):
        return None
    return int(found[0])


def _text(text: str) -> str:
    return storable(text[:_MOST_TEXT])


def lock(book: Book, asked: Sequence[Locking]) -> list[str]:
    """Who holds one of the names already, also one of the same name, "" where all are the holder's now."""
    return [_lock(book, locking, but_for="") for locking in asked]


def _lock(book: Book, asked: Locking, *, but_for: str) -> str:
    """`but_for`: whose locks do not count."""
    now_us = book.now_us()
    book.db.execute(_UNLOCK_EXPIRED, (now_us,))
    names = [storable(name) for name in asked.names]
    for name in names:
        if found := book.db.execute(LOCKED, (name, but_for)).fetchone():
            return str(found[0])
    for name in names:
        if book.db.execute(_LOCK, (name, asked.holder, now_us + asked.lease_us)).fetchone() is None:
            book.db.execute(UNLOCK, (asked.holder,))  # another gateway was quicker
            return "another gateway"
    return ""


def put_step(book: Book, asked: Sequence[tuple[int, Step]]) -> list[None]:
    now_us = book.now_us()
    rows = []
    for id_, step in asked:
        settings = [None if text is None else storable(text) for text in (step.before, step.after)]
        rows.append((id_, storable(step.resource), step.word, _text(step.said), now_us, *settings, *settings))
    book.db.executemany(_STEP, rows)
    return [None] * len(asked)


def end(book: Book, asked: Sequence[Ending]) -> list[None]:
    for ending in asked:
        book.db.execute(UNLOCK, (ending.holder,))
        if ending.id is not None:
            values = (book.now_us(), ending.outcome, _text(ending.result), ending.id)
            book.db.execute(_END, values)
    return [None] * len(asked)


def put_undone(book: Book, asked: Sequence[tuple[int, str, str]]) -> list[None]:
    """Each as (remediation, resource, who)."""
    for id_, resource, who in asked:
        book.db.execute(_UNDONE, (book.now_us(), _text(who), id_, resource))
    return [None] * len(asked)


def listed(book: Book, limit: int, before: int) -> tuple[RemediationRow, ...]:
    """The youngest first, with their steps."""
    found = book.db.execute(LATEST, (before, limit)).fetchall()
    return tuple(_row(book, row) for row in found)


def one(book: Book, id_: int) -> RemediationRow | None:
    found = book.db.execute(_ROWS + " WHERE id = ?", (id_,)).fetchone()
    return _row(book, found) if found else None


def purge(book: Book, asked: Sequence[int]) -> list[int]:
    """Forget what was asked for before then, up to a limit; how many."""
    gone = 0
    for before_us in asked:
        rows = book.db.execute(OLD, (before_us, _MOST_PURGED)).fetchall()
        book.db.executemany("DELETE FROM remediation WHERE id = ?", rows)
        gone += len(rows)
    return [gone] * len(asked)


def _row(book: Book, row: tuple[Any, ...]) -> RemediationRow:
    found = book.db.execute(STEPS, (row[0],)).fetchall()
    steps = tuple(StepRow(resource, StepWord(word), *rest) for resource, word, *rest in found)
    read = RemediationRow(*row)
    outcome = read.outcome if read.ended_us or _goes_on(book, read.delivery) else "interrupted"
    return replace(read, dry_run=bool(read.dry_run), outcome=outcome, steps=steps)


def _goes_on(book: Book, delivery_id: str) -> bool:
    """Whether an attempt may still end it: a delivery may end otherwise after a crash."""
    at = book.delivery_place(delivery_id)
    found = book.db.execute(_STATE, at).fetchone() if at else None
    return found is not None and found[0] < _PARKED
