"""The store in PostgreSQL, which several replicas may share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from asyncpg import CannotConnectNowError, Connection
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from gateway.domain.delivery import Claims
from gateway.domain.policy import Pace
from gateway.queue import claims, leases, postgres_claims, postgres_sharing
from gateway.queue.book import Book
from gateway.queue.database_clock import DatabaseClock
from gateway.queue.failures import StoreBroken
from gateway.queue.postgres_book import PostgresBook
from gateway.queue.postgres_link import Link, Server, describe
from gateway.queue.postgres_reader import PostgresReader, is_of_database
from gateway.queue.postgres_schema import migrate
from gateway.queue.postgres_sharing import Presence
from gateway.queue.postgres_writer import PostgresWriter
from gateway.queue.store import TableStore

_OLDEST = 14
_PATIENT = AsyncRetrying(
    retry=retry_if_exception_type((OSError, CannotConnectNowError)),
    wait=wait_exponential(0.1, max=2),
    stop=stop_after_delay(30),
    reraise=True,
)
"""Whoever starts both at once need not wait for the one before starting the other."""

NEXT_DUE = """
SELECT asked.route,
       EXISTS (SELECT 1 FROM delivery AS d WHERE d.route = asked.route AND state = 0 AND head = 1 AND fresh = 1),
       (SELECT min(due_us) FROM delivery AS d WHERE d.route = asked.route AND state = 0 AND head = 1 AND fresh = 0)
FROM unnest($1::text[]) AS asked (route)
"""


async def open_postgres(
    server: Server, *, clock: DatabaseClock, on_commit: Callable[[float, int], None], direct: Server | None = None
) -> PostgresStore:
    """The store in this database, its tables made if they are not there. Raises StoreBroken.

    `direct`: the way past a pooler, None when `server` is one itself. `on_commit`: seconds and
    changes of each commit.
    """
    link = Link(direct or server)
    try:
        connection: Connection = await _PATIENT(link.ready)
        await prepare(connection)
        name = await connection.fetchval("SELECT value FROM meta WHERE name = 'store'")
        clock.learn(await connection.fetchval("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))
    except Exception as error:
        if not isinstance(error, StoreBroken) and not is_of_database(error):
            raise
        reason = str(error) if isinstance(error, StoreBroken) else describe(error)
        raise StoreBroken(f"the database cannot be used ({reason})") from None
    finally:
        await link.close()
    store = PostgresStore(server, direct or server, clock, name, on_commit)
    try:
        await store.begin()
    except BaseException:
        await store.close()
        raise
    return store


async def prepare(connection: Connection) -> int:
    """Tables of the newest version; the version they had. Raises StoreBroken."""
    found = connection.get_server_version()
    if found.major < _OLDEST:
        raise StoreBroken(f"PostgreSQL {found.major} is too old; {_OLDEST} or newer is needed")
    return await migrate(connection)


class PostgresStore(TableStore):
    """Fills `ports.Store`."""

    def __init__(
        self,
        server: Server,
        direct: Server,
        clock: DatabaseClock,
        name: str,
        on_commit: Callable[[float, int], None],
    ) -> None:
        self._presence = Presence(direct)
        writer = PostgresWriter(server, clock, name, on_commit=on_commit, on_news=self._presence.tell)
        lookups, searches = (PostgresReader(server, clock, name, lambda: writer.down) for _ in range(2))
        super().__init__(writer, lookups, searches)
        self._parts: tuple[PostgresReader | PostgresWriter, ...] = (lookups, searches, writer)
        self._closed = False

    async def begin(self) -> None:
        """Where no other replica is there, nothing is under way: what was when the last one ended waits again."""
        await self._presence.begin(self._recover)

    async def _recover(self) -> None:
        await self._writer.write(leases.interrupt, await self._lookups.read(leases.recover))

    @property
    def shared(self) -> bool:
        return True

    async def news(self, within_s: float) -> None:
        await self._presence.news(within_s)

    async def take_turn(self, duty: str, for_s: float) -> bool:
        turn = postgres_sharing.Turn(duty, self._presence.name, int(for_s * 1e6))
        return await self._writer.write(postgres_sharing.take_turns, turn)

    async def take_pace(self, route: str, pace: Pace, most: int) -> tuple[int, float]:
        pacing = postgres_sharing.Pacing(route, pace.per_s, pace.burst, most)
        return await self._writer.write(postgres_sharing.take_pace, pacing)

    async def claim(
        self,
        route: str,
        *,
        fresh: int,
        retries: int,
        limit: int,
        lease_us: int,
        retries_first: bool = False,
        early: bool = False,
        group_interval_us: int = 0,
    ) -> Claims:
        wish = claims.Wish(route, fresh, retries, limit, lease_us, retries_first, early, group_interval_us)
        return await self._writer.write(postgres_claims.claim, wish)

    async def next_due(self, routes_: Sequence[str]) -> Mapping[str, int]:
        """In one statement for all of them: it is asked again and again."""
        return await self._lookups.read(partial(_next_due, routes=routes_))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for part in (*self._parts, self._presence):
            await part.close()


def _next_due(book: Book, routes: Sequence[str]) -> dict[str, int]:
    assert isinstance(book, PostgresBook)  # noqa: S101 - its store has no other
    found = book.db.run(NEXT_DUE, [list(routes)])
    now = book.now_us()
    return {route: 0 if fresh else max(0, retry - now) for route, fresh, retry in found if fresh or retry is not None}
