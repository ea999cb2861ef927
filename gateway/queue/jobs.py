"""Changes of many deliveries, in slices. A job is read and chosen by a reader and applied by the writer, so that a long
search never holds up alerts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gateway.domain.delivery import State
from gateway.domain.query import Job, JobKind, Selection
from gateway.queue.book import Book
from gateway.queue.changes import cancel_one, replay_one
from gateway.queue.listing import Place, Walk, walk

_JOB = "SELECT id, kind, selection, total, done, changed, created_us, ended_us, cancelled FROM job"
_ADD = (
    "INSERT INTO job (kind, selection, stopped, last_alert, total, created_us) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
)
_LAST_ALERT = "SELECT coalesce(max(id), 0) FROM alert"
_WHERE_IT_STANDS = "SELECT selection, stopped, last_alert, at_alert, at_route, ended_us FROM job WHERE id = ?"
_STANDS = "SELECT at_alert, at_route FROM job WHERE id = ?"
_ADVANCE = """
UPDATE job SET done = done + ?, changed = changed + ?, at_alert = ?, at_route = ?, ended_us = ? WHERE id = ?
"""
_STOP = "UPDATE job SET ended_us = ?, cancelled = 1 WHERE id = ? AND ended_us IS NULL"


@dataclass(frozen=True, slots=True)
class NewJob:
    kind: JobKind
    selection: Selection
    stopped: frozenset[str]
    total: int


def add_job(book: Book, asked: Sequence[NewJob]) -> list[Job]:
    return [_add_job(book, new) for new in asked]


def _add_job(book: Book, new: NewJob) -> Job:
    (last_alert,) = book.db.execute(_LAST_ALERT).fetchone()
    selection = json.dumps(asdict(new.selection))
    stopped = json.dumps(sorted(new.stopped))
    values = (new.kind, selection, stopped, last_alert, new.total, book.now_us())
    (job_id,) = book.db.execute(_ADD, values).fetchone()
    return known(book, job_id)


def job(book: Book, job_id: int) -> Job | None:
    row = book.db.execute(f"{_JOB} WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def known(book: Book, job_id: int) -> Job:
    found = job(book, job_id)
    if found is None:
        raise LookupError("there is no such job")
    return found


def jobs(book: Book, limit: int) -> tuple[Job, ...]:
    return tuple(_job(row) for row in book.db.execute(f"{_JOB} ORDER BY id DESC LIMIT ?", (limit,)))


def _job(row: tuple[Any, ...]) -> Job:
    fields = (row[0], row[1], _selection(row[2]), *row[3:8], bool(row[8]))
    return Job(*fields)


def _selection(text: str) -> Selection:
    """Stored by this or an earlier version: what a later one no longer knows is left out of the file by a migration."""
    stored: dict[str, Any] = json.loads(text)
    for name in ("ids", "routes"):
        stored[name] = tuple(stored[name])
    return Selection(**stored | {"states": tuple(State(state) for state in stored["states"])})


@dataclass(frozen=True, slots=True)
class Slice:
    """What a reader chose for a job's next step. `after`: where the job stood then; `ends`: nothing comes after."""

    job_id: int
    after: Place
    places: tuple[Place, ...]
    ends: bool


def choose(book: Book, job_id: int, limit: int) -> Slice | None:
    """None when the job has ended."""
    found = book.db.execute(_WHERE_IT_STANDS, (job_id,)).fetchone()
    if found is None or found[5] is not None:
        return None
    selection, stopped, last_alert, *after = found[:5]
    at = (after[0], after[1])
    places = walk(book, Walk(_selection(selection), frozenset(json.loads(stopped)), at, last_alert, limit))
    return Slice(job_id, at, places, ends=len(places) < limit)


def carry_out(book: Book, chosen: Sequence[Slice]) -> list[tuple[Job, tuple[str, ...]]]:
    return [_carry_out(book, each) for each in chosen]


def _carry_out(book: Book, chosen: Slice) -> tuple[Job, tuple[str, ...]]:
    before = known(book, chosen.job_id)
    stands = book.db.execute(_STANDS + book.for_update, (chosen.job_id,)).fetchone()
    if before.ended_us is not None or stands != chosen.after:
        return before, ()
    change = replay_one if before.kind == "replay" else cancel_one
    changed = [route for alert, route in chosen.places if change(book, (alert, route))]
    at = chosen.places[-1] if chosen.places else chosen.after
    ended_us = book.now_us() if chosen.ends else None
    book.db.execute(_ADVANCE, (len(chosen.places), len(changed), *at, ended_us, chosen.job_id))
    return known(book, chosen.job_id), tuple(sorted(set(changed)))


def stop_job(book: Book, asked: Sequence[int]) -> list[Job | None]:
    for job_id in asked:
        book.db.execute(_STOP, (book.now_us(), job_id))
    return [job(book, job_id) for job_id in asked]
