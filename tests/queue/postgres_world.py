from __future__ import annotations

from gateway.queue.database_clock import DatabaseClock
from gateway.queue.postgres import PostgresStore, open_postgres
from gateway.queue.postgres_link import Server
from tests.postgres import a_database, put_back
from tests.queue.store_world import FakeClock


class TestClock(DatabaseClock):
    """What the test says is what the database says."""

    __test__ = False

    def learn(self, _now_us: int) -> int:
        return self.now_us()


class PostgresEngine:
    def __init__(self, _folder: object = None, *, url: str = "") -> None:
        """`url`: of a database that is not the tests' own to give back."""
        self.clock = FakeClock()
        self.url = url or a_database()
        self.commits: list[int] = []
        self.store: PostgresStore | None = None

    async def open(self) -> PostgresStore:
        self.store = store = await self.another()
        return store

    async def another(self) -> PostgresStore:
        """A further replica."""
        return await open_postgres(
            Server(self.url),
            clock=TestClock(self.clock),
            on_commit=lambda _seconds, changes: self.commits.append(changes),
        )

    async def crash(self) -> PostgresStore:
        """Its connections end as those of a killed process do; what was under way is undone."""
        await self.leave()
        return await self.open()

    async def close(self) -> None:
        if self.url:
            await self.leave()
            put_back(self.url)
            self.url = ""

    async def leave(self) -> None:
        store, self.store = self.store, None
        if store is not None:
            await store.close()
