"""A connection that only reads, with a thread of its own, so that no search holds up alerts."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gateway.ports import Clock, StoreUnavailable
from gateway.queue.book import Book
from gateway.queue.failures import Failure, describe, failure_of
from gateway.queue.opening import SqliteBook

R = TypeVar("R")

_BUSY_S = 5.0
_CACHE_KIB = 2048


class Reader:
    def __init__(self, database: Path, clock: Clock, store: str, on_fatal: Callable[[str], None]) -> None:
        self._uri = database.absolute().as_uri() + "?mode=ro"
        self._clock, self._store, self._on_fatal = clock, store, on_fatal
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._book: SqliteBook | None = None
        self._closed = False

    async def read(self, query: Callable[[Book], R]) -> R:
        """What the query finds in one snapshot. `on_fatal` is called in the loop's thread."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, self._run, query)
        except sqlite3.Error as error:
            if failure_of(error) is Failure.FATAL:
                self._on_fatal(describe(error))
            raise StoreUnavailable(f"the database could not be read ({describe(error)})") from None

    def _run(self, query: Callable[[Book], R]) -> R:
        book = self._book = self._book or SqliteBook(self._connect(), self._clock, self._store)
        book.db.execute("BEGIN")
        try:
            return query(book)
        finally:
            # Ends the snapshot at once: one that stays open keeps the WAL from being written back.
            book.db.rollback()

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        db.execute("PRAGMA query_only = ON")
        db.execute("PRAGMA temp_store = MEMORY")
        db.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
        db.create_function("folded", 1, str.casefold, deterministic=True)
        return db

    async def close(self) -> None:
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)
        if self._book is not None:
            self._book.db.close()
