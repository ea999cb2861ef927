"""One batch, one transaction, and what becomes of its calls when it fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from gateway.ports import StoreUnavailable
from gateway.queue.book import Book
from gateway.queue.failures import FULL_REASON, LOCKED_REASON, Failure, describe, failure_of
from gateway.queue.opening import SqliteBook

Work: TypeAlias = Callable[[Book, Sequence[object]], Sequence[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One caller's change. `work` does many of its kind at once and can be run again after a rollback. `size`: bytes of
    an alert to be stored, None for everything else, which goes first.
    """

    work: Work
    argument: object
    future: asyncio.Future[object]
    size: int | None


Outcome: TypeAlias = tuple[Call, object]
"""A call and its answer, or the exception to raise from it."""

Outcomes: TypeAlias = list[Outcome]


def commit(book: SqliteBook, urgent: Sequence[Call], ingest: Sequence[Call]) -> tuple[Outcomes, str]:
    """What each call is answered, and why this process must end ("" when it need not)."""
    calls = [*urgent, *ingest]
    failure, outcomes, error = _attempt(book, calls, together)
    if failure is Failure.ITEM:
        # A savepoint for each call would cost every batch; a bad call is rare: only its batch pays, by running twice.
        failure, outcomes, error = _attempt(book, calls, _one_by_one)
    if failure is None:
        return outcomes, ""
    if failure is Failure.FULL and urgent and ingest:
        # What was delivered is small and must be written down, or it is sent again.
        outcomes, fatal = commit(book, urgent, ())
        return outcomes + refuse(ingest, FULL_REASON), fatal
    reasons = {Failure.FULL: FULL_REASON, Failure.LOCKED: LOCKED_REASON}
    fatal = error if failure is Failure.FATAL else ""
    return refuse(calls, reasons.get(failure, f"the database failed ({error})")), fatal


def refuse(calls: Sequence[Call], reason: str) -> Outcomes:
    return [(call, StoreUnavailable(reason)) for call in calls]


def _attempt(
    book: SqliteBook, calls: Sequence[Call], run: Callable[[Book, Sequence[Call]], Outcomes]
) -> tuple[Failure | None, Outcomes, str]:
    try:
        book.db.execute("BEGIN IMMEDIATE")
        outcomes = run(book, calls)
        book.db.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 - a fault of our own in one call must not end the thread that writes
        return _roll_back(book, failure_of(error)), [], describe(error)
    return None, outcomes, ""


def _roll_back(book: SqliteBook, failure: Failure) -> Failure:
    """SQLite ends the transaction by itself after some errors (a full disk) and not after others."""
    try:
        if book.db.in_transaction:
            book.db.execute("ROLLBACK")
    except sqlite3.Error:
        return Failure.FATAL
    return failure


def together(book: Book, calls: Sequence[Call]) -> Outcomes:
    """Neighbours of one kind go in one piece of work, in the order they came."""
    outcomes: Outcomes = []
    for work, group in groupby(calls, attrgetter("work")):
        same: list[Call] = list(group)
        outcomes += zip(same, work(book, [call.argument for call in same]), strict=True)
    return outcomes


def _one_by_one(book: Book, calls: Sequence[Call]) -> Outcomes:
    return [(call, _apart(book, call)) for call in calls]


def _apart(book: Book, call: Call) -> object:
    book.db.execute("SAVEPOINT one")
    try:
        (answer,) = call.work(book, [call.argument])
    except Exception as error:
        if failure_of(error) is not Failure.ITEM:
            raise
        book.db.execute("ROLLBACK TO one")
        answer = StoreUnavailable(f"the database refused it ({describe(error)})") if _of_sqlite(error) else error
    book.db.execute("RELEASE one")
    return answer


def _of_sqlite(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error)
