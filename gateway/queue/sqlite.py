"""The store in one SQLite file. Statements live beside this file; here is who runs them: the writer or a reader."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.ports import Clock
from gateway.queue import (
    leases,
    opening,
    retention,
)
from gateway.queue.opening import SqliteBook
from gateway.queue.reader import Reader
from gateway.queue.room import Room
from gateway.queue.schema import migrate
from gateway.queue.store import TableStore
from gateway.queue.writer import Writer


async def open_sqlite(
    path: Path,
    *,
    clock: Clock,
    disk_reserve_bytes: int,
    on_fatal: Callable[[str], None],
    on_commit: Callable[[float, int], None],
) -> SqliteStore:
    """The store in this file, made if it is not there. Raises StoreBroken.

    `on_fatal`: called once, with a reason, when this process must not go on with the file. `on_commit`: seconds and
    changes of each commit. Both are called in the loop's thread.
    """
    file = await asyncio.to_thread(_open, path, clock)
    return SqliteStore(file, disk_reserve_bytes, on_fatal, on_commit)


@dataclass(frozen=True, slots=True)
class _OpenFile:
    path: Path
    lock: int
    book: SqliteBook


def _open(path: Path, clock: Clock) -> _OpenFile:
    opening.make_folder(path.parent)
    lock = opening.lock(path)
    try:
        return _OpenFile(path, lock, _open_book(path, clock))
    except BaseException:
        os.close(lock)
        raise


def _open_book(path: Path, clock: Clock) -> SqliteBook:
    db = opening.connect(path)
    try:
        migrate(db)
        opening.sync_folder(path.parent)
        (store,) = db.execute("SELECT value FROM meta WHERE name = 'store'").fetchone()
        book = SqliteBook(db, clock, store)
        db.execute("BEGIN IMMEDIATE")
        leases.interrupt(book, [leases.recover(book)])
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return book


class SqliteStore(TableStore):
    """Fills `ports.Store`."""

    def __init__(
        self,
        file: _OpenFile,
        disk_reserve_bytes: int,
        on_fatal: Callable[[str], None],
        on_commit: Callable[[float, int], None],
    ) -> None:
        self._file = file
        room = Room(file.path.parent, disk_reserve_bytes, file.book.clock)
        writer = Writer(file.book, refuse_ingest=room.refusal, on_fatal=on_fatal, on_commit=on_commit)
        lookups, searches = (Reader(file.path, file.book.clock, file.book.store, writer.stop) for _ in range(2))
        super().__init__(writer, lookups, searches)
        self._threads: tuple[Reader | Writer, ...] = (lookups, searches, writer)
        self._closed = False

    async def purge(self, before_us: int, *, limit: int) -> int:
        gone = await super().purge(before_us, limit=limit)
        await self._writer.write(retention.shrink, None)
        return gone

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for thread in self._threads:
            await thread.close()
        await asyncio.to_thread(_close, self._file)


def _close(file: _OpenFile) -> None:
    opening.disconnect(file.book.db)
    os.close(file.lock)
