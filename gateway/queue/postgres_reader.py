"""A connection that only reads, beside the one that writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from gateway.ports import Clock, StoreUnavailable
from gateway.queue.book import Book
from gateway.queue.postgres_book import Connected, PostgresBook, in_step
from gateway.queue.postgres_link import Link, Server, describe

R = TypeVar("R")


class PostgresReader:
    """`is_down`: why the database cannot be reached, "" when it can: then nobody waits for it."""

    def __init__(self, server: Server, clock: Clock, store: str, is_down: Callable[[], str]) -> None:
        self._link = Link(server)
        self._clock, self._store, self._is_down = clock, store, is_down
        self._turn = asyncio.Lock()
        self._closed = False

    async def read(self, query: Callable[[Book], R]) -> R:
        """What the query finds in one snapshot."""
        async with self._turn:
            if reason := "the store is closed" if self._closed else self._is_down():
                raise StoreUnavailable(reason)
            try:
                async with self._link.transaction(" ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
                    book = PostgresBook(Connected(connection), self._clock, self._store)
                    return await in_step(partial(query, book))
            except (LookupError, StoreUnavailable):
                raise
            except Exception as error:
                if not is_of_database(error):
                    raise
                raise StoreUnavailable(f"the database could not be read ({describe(error)})") from None

    async def close(self) -> None:
        self._closed = True
        await self._link.close()


def is_of_database(error: Exception) -> bool:
    return type(error).__module__.startswith("asyncpg") or isinstance(error, OSError)
