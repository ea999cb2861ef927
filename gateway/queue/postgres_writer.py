"""The connections of a process that write.

Each takes everything that waits, runs it in one transaction and wakes all callers at once. Nothing waits for a batch to
fill: while one commit is on its way, the next batch gathers by itself. While the database cannot be reached, whoever
asks hears so at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, cast

import structlog
from tenacity import AsyncRetrying, wait_exponential_jitter

from gateway.domain.delivery import Stored
from gateway.ports import StoreUnavailable
from gateway.queue import changes, handing_back, jobs, postgres_claims, postgres_sharing, routes, silences
from gateway.queue.book import Book
from gateway.queue.database_clock import DatabaseClock
from gateway.queue.postgres_book import Connected, PostgresBook, in_step
from gateway.queue.postgres_link import Failure, Link, NotCommitted, Server, describe, failure_of
from gateway.queue.postgres_locks import LOCK, wanted
from gateway.queue.postgres_reader import is_of_database
from gateway.queue.transaction import Call, Outcome, Outcomes, Work, refuse, together
from gateway.queue.writer import MOST_WAITING_BYTES, up_to, wake

A = TypeVar("A")
R = TypeVar("R")

_MOST_TIMES = 4
_LAST: Sequence[Callable[..., object]] = (postgres_sharing.take_pace, postgres_claims.claim)
_NEWS: frozenset[Callable[..., object]] = frozenset(
    {
        routes.put_route_state,
        silences.put,
        silences.end,
        changes.replay,
        jobs.add_job,
        jobs.carry_out,
        handing_back.release,
    }
)
_AGAIN = AsyncRetrying(wait=wait_exponential_jitter(multiplier=0.05, max=2, jitter=0.2))


@dataclass(slots=True, eq=False)
class _Line:
    """Calls of one kind, written by a connection of their own."""

    link: Link
    calls: deque[Call] = field(default_factory=deque)
    some: asyncio.Event = field(default_factory=asyncio.Event)


class PostgresWriter:
    """`on_commit`: seconds and changes of each commit. `on_news`: something was written that other replicas do not ask
    for all the time.
    """

    def __init__(
        self,
        server: Server,
        clock: DatabaseClock,
        store: str,
        *,
        on_commit: Callable[[float, int], None],
        on_news: Callable[[], None],
    ) -> None:
        self._clock, self._store, self._on_commit, self._on_news = clock, store, on_commit, on_news
        # Two, so that results are on their way while alerts are: nothing but the incident's lock orders them.
        self._ingest, self._urgent = _Line(Link(server)), _Line(Link(server))
        self._waiting_bytes = 0
        self._refusal, self._ending = "", False
        self._up = asyncio.Event()
        self._up.set()
        self.down = ""
        """Why the database cannot be reached, "" when it can."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(line)) for line in (self._ingest, self._urgent)]

    async def write(self, work: Callable[[Book, Sequence[A]], Sequence[R]], argument: A, size: int | None = None) -> R:
        """The answer once it is on disk. A caller that stops waiting does not undo it."""
        if reason := self._refusal or self.down:
            raise StoreUnavailable(reason)
        if size is not None:
            if self._waiting_bytes + size > MOST_WAITING_BYTES and self._waiting_bytes:
                raise StoreUnavailable("too many alerts are waiting to be stored")
            self._waiting_bytes += size
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        line = self._urgent if size is None else self._ingest
        line.calls.append(Call(cast("Work", work), argument, future, size))
        line.some.set()
        return cast("R", await future)

    async def close(self) -> None:
        """Everything admitted is written, then the connections end."""
        self._refusal = self._refusal or "the store is closed"
        self._ending = True
        for line in (self._ingest, self._urgent):
            line.some.set()
        await asyncio.gather(*self._tasks)
        for line in (self._ingest, self._urgent):
            await line.link.close()

    async def _run(self, line: _Line) -> None:
        while True:
            await line.some.wait()
            await self._up.wait()
            calls = up_to(line.calls)
            if not calls and self._ending:
                return
            if not (line.calls or self._ending):
                line.some.clear()
            if calls:
                await self._write(line, _in_order(calls))

    async def _write(self, line: _Line, calls: list[Call]) -> None:
        started_s = self._clock.monotonic_s()
        outcomes, lost = await self._commit(line.link, calls)
        self._settle(outcomes, self._clock.monotonic_s() - started_s)
        if lost and self._up.is_set():
            await self._until_it_is_back(line.link, lost)

    async def _until_it_is_back(self, link: Link, reason: str) -> None:
        """Whoever waits hears that it is gone, and so does whoever asks until it is there again. `link`: the one that
        was lost; the other may be in use.
        """
        self.down = f"the database cannot be reached ({reason})"
        self._up.clear()
        log = structlog.get_logger()
        log.error("database.lost", reason=reason)
        for line in (self._ingest, self._urgent):
            self._settle(refuse(line.calls, self.down), 0)
            line.calls.clear()
        async for attempt in _AGAIN.copy(sleep=self._pause):
            with attempt:
                if not (self._ending or await link.look()):
                    raise NotCommitted
        self.down = ""
        self._up.set()
        log.info("database.found")

    async def _pause(self, seconds: float) -> None:
        if not self._ending:
            await asyncio.sleep(seconds)

    async def _commit(self, link: Link, calls: Sequence[Call]) -> tuple[Outcomes, str]:
        """What each call is answered, and why the connection is lost ("" when it is not)."""
        run, reason = together, ""
        for _ in range(_MOST_TIMES):
            try:
                return await self._attempt(link, calls, run), ""
            except Exception as error:  # noqa: BLE001 - a fault of our own in one call must not end the writer
                failure, reason = failure_of(error), describe(error)
            if failure is Failure.LOST:
                link.drop()
                return refuse(calls, f"the database cannot be reached ({reason})"), reason
            if failure is Failure.BUSY:
                return refuse(calls, f"the database is busy ({reason})"), ""
            if failure is Failure.ITEM:
                run = _one_by_one
        return refuse(calls, f"the database failed ({reason})"), ""

    async def _attempt(
        self, link: Link, calls: Sequence[Call], run: Callable[[Book, Sequence[Call]], Outcomes]
    ) -> Outcomes:
        async with link.transaction() as connection:
            locks = wanted(PostgresBook(Connected(connection), self._clock, self._store), calls)
            _, now_us = await connection.fetchrow(LOCK, *locks.values)
            book = PostgresBook(Connected(connection), self._clock, self._store, self._clock.learn(now_us))
            return await in_step(partial(run, book, calls))

    def _settle(self, outcomes: Outcomes, seconds: float) -> None:
        written = 0
        for call, found in outcomes:
            self._waiting_bytes -= call.size or 0
            written += not isinstance(found, Exception)
            if not call.future.done():
                wake(call.future, found)
        if written:
            self._on_commit(seconds, written)
        if any(map(_is_news, outcomes)):
            self._on_news()


def _in_order(calls: list[Call]) -> list[Call]:
    """Claims last, pace before them: they hold rows that others may wait for, so nothing may be waited for after."""
    return sorted(calls, key=lambda call: _LAST.index(call.work) if call.work in _LAST else -1)


def _is_news(outcome: Outcome) -> bool:
    call, found = outcome
    return call.work in _NEWS or (isinstance(found, Stored) and bool(found.waiting))


def _one_by_one(book: Book, calls: Sequence[Call]) -> Outcomes:
    return [(call, _apart(book, call)) for call in calls]


def _apart(book: Book, call: Call) -> object:
    found: object
    book.db.execute("SAVEPOINT one")
    try:
        (found,) = call.work(book, [call.argument])
    except Exception as error:
        if failure_of(error) is not Failure.ITEM:
            raise
        book.db.execute("ROLLBACK TO one")
        found = StoreUnavailable(f"the database refused it ({describe(error)})") if is_of_database(error) else error
    book.db.execute("RELEASE one")
    return found
