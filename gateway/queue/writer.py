"""The one thread that writes.

It takes everything that waits, runs it in one transaction and wakes all callers at once. Nothing waits for a batch to
fill: while one commit is on its way to the disk, the next batch gathers by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar, cast

from gateway.ports import Clock, StoreUnavailable
from gateway.queue.book import Book
from gateway.queue.opening import SqliteBook
from gateway.queue.transaction import Call, Outcomes, Work, commit, refuse

A = TypeVar("A")
R = TypeVar("R")

_MOST_CALLS = 256
_MOST_BYTES = 16 * 1024 * 1024
MOST_WAITING_BYTES = 64 * 1024 * 1024


class Writer:
    """`refuse_ingest`: why no alert may be stored now, "" when it may; asked in the writer's thread. The others are
    called in the loop's.
    """

    def __init__(
        self,
        book: SqliteBook,
        *,
        refuse_ingest: Callable[[], str],
        on_fatal: Callable[[str], None],
        on_commit: Callable[[float, int], None],
    ) -> None:
        self._book = book
        self._clock: Clock = book.clock
        self._refuse_ingest, self._on_fatal, self._on_commit = refuse_ingest, on_fatal, on_commit
        self._loop = asyncio.get_running_loop()
        self._calls: SimpleQueue[list[Call] | None] = SimpleQueue()
        self._handed: list[Call] = []
        self._urgent: deque[Call] = deque()
        self._ingest: deque[Call] = deque()
        self._waiting_bytes = 0
        self._refusal = ""
        self._ending = False
        self._ended = asyncio.Event()
        self._thread = Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Book, Sequence[A]], Sequence[R]], argument: A, size: int | None = None) -> R:
        """The answer once it is on disk. A caller that stops waiting does not undo it."""
        if self._refusal:
            raise StoreUnavailable(self._refusal)
        if size is not None:
            if self._waiting_bytes + size > MOST_WAITING_BYTES and self._waiting_bytes:
                raise StoreUnavailable("too many alerts are waiting to be stored")
            self._waiting_bytes += size
        future: asyncio.Future[object] = self._loop.create_future()
        if not self._handed:
            self._loop.call_soon(self._hand_over)
        self._handed.append(Call(cast("Work", work), argument, future, size))
        return cast("R", await future)

    def _hand_over(self) -> None:
        """Whatever one turn of the loop brought goes into the same transaction, and wakes the thread once."""
        handed, self._handed = self._handed, []
        self._calls.put(handed)

    async def close(self) -> None:
        """Everything admitted is written, then the thread ends."""
        self._refusal = self._refusal or "the store is closed"
        self._hand_over()
        self._calls.put(None)
        await self._ended.wait()
        self._thread.join()

    def stop(self, reason: str) -> None:
        """Refuse everything from now on and say so once."""
        if self._refusal:
            return
        self._refusal = f"the database failed: {reason}"
        self._on_fatal(reason)

    def _run(self) -> None:
        fatal = ""
        while self._gather():
            urgent, ingest = up_to(self._urgent), up_to(self._ingest)
            started_s = self._clock.monotonic_s()
            if fatal:
                outcomes = refuse([*urgent, *ingest], fatal)
            else:
                outcomes, fatal = self._commit(urgent, ingest)
            self._wake(outcomes, self._clock.monotonic_s() - started_s, fatal)
        self._tell(self._ended.set)

    def _gather(self) -> bool:
        """Sort what waits into the two queues; wait only when there is nothing. False at the end."""
        if not (self._urgent or self._ingest or self._ending):
            self._sort(self._calls.get())
        while not self._calls.empty():
            self._sort(self._calls.get())
        return bool(self._urgent or self._ingest)

    def _sort(self, calls: list[Call] | None) -> None:
        if calls is None:
            self._ending = True
            return
        for call in calls:
            (self._urgent if call.size is None else self._ingest).append(call)

    def _commit(self, urgent: list[Call], ingest: list[Call]) -> tuple[Outcomes, str]:
        refusal = self._refuse_ingest() if ingest else ""
        if not refusal:
            return commit(self._book, urgent, ingest)
        outcomes, fatal = commit(self._book, urgent, ()) if urgent else ([], "")
        return outcomes + refuse(ingest, refusal), fatal

    def _wake(self, outcomes: Outcomes, seconds: float, fatal: str) -> None:
        self._tell(lambda: self._settle(outcomes, seconds, fatal))

    def _tell(self, callback: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return  # the loop has ended, and with it everyone who waited

    def _settle(self, outcomes: Outcomes, seconds: float, fatal: str) -> None:
        written = 0
        for call, answer in outcomes:
            self._waiting_bytes -= call.size or 0
            written += not isinstance(answer, Exception)
            if not call.future.done():
                wake(call.future, answer)
        if written:
            self._on_commit(seconds, written)
        if fatal:
            self.stop(fatal)


def wake(future: asyncio.Future[object], answer: object) -> None:
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


def up_to(calls: deque[Call]) -> list[Call]:
    """The next calls, at least one if there is any, within the limits of one transaction."""
    taken: list[Call] = []
    size = 0
    while calls and len(taken) < _MOST_CALLS:
        size += calls[0].size or 0
        if taken and size > _MOST_BYTES:
            break
        taken.append(calls.popleft())
    return taken
