"""What replicas share beside deliveries: who does what for all of them, and how fast a route may be sent to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import asyncpg

from gateway.queue.book import Book
from gateway.queue.postgres_link import Link, Server

CHANNEL = "optix_gateway"
_QUIET_S = 0.2
_LOOK_EVERY_S = 5.0
PRESENCE = 0x4F505847_00000001
_SETTLED_S = 30
"""A server that started so lately may not have heard of the other replicas again."""
ALONE = f"""
SELECT pg_try_advisory_lock({PRESENCE}),
       clock_timestamp() - pg_postmaster_start_time() > interval '{_SETTLED_S} seconds'
"""
PRESENT = f"SELECT pg_advisory_lock_shared({PRESENCE})"
NOT_ALONE = f"SELECT pg_advisory_unlock({PRESENCE})"
_TAKE_TURN = """
INSERT INTO duty (name, holder, until_us) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us
WHERE duty.holder = excluded.holder OR duty.until_us < ?4
RETURNING holder
"""
_BEGIN_PACE = "INSERT INTO pace (route, tokens, at_us) VALUES (?, ?, ?) ON CONFLICT (route) DO NOTHING"
_PACE = "SELECT tokens, at_us FROM pace WHERE route = ? FOR UPDATE"
_PUT_PACE = "UPDATE pace SET tokens = ?, at_us = ? WHERE route = ?"
_ROUNDING = 1e-6


class Turn(NamedTuple):
    name: str
    holder: str
    for_us: int


class Pacing(NamedTuple):
    """Up to `most` tokens of a bucket that fills at `per_s`; fewer than none gives some back."""

    route: str
    per_s: float
    burst: int
    most: int


def take_turns(book: Book, asked: Sequence[Turn]) -> list[bool]:
    now = book.now_us()
    return [
        book.db.execute(_TAKE_TURN, (turn.name, turn.holder, now + turn.for_us, now)).fetchone() is not None
        for turn in asked
    ]


def take_pace(book: Book, asked: Sequence[Pacing]) -> list[tuple[int, float]]:
    """How many may go, and seconds until the next may."""
    found = {at: _take_pace(book, pacing) for at, pacing in sorted(enumerate(asked), key=lambda each: each[1].route)}
    return [found[at] for at in range(len(asked))]


def _take_pace(book: Book, pacing: Pacing) -> tuple[int, float]:
    now = book.now_us()
    book.db.execute(_BEGIN_PACE, (pacing.route, float(pacing.burst), now))
    tokens, at_us = book.db.execute(_PACE, (pacing.route,)).fetchone()
    level = min(float(pacing.burst), tokens + max(0, now - at_us) / 1e6 * pacing.per_s)
    taken = min(pacing.most, int(level + _ROUNDING))
    left = min(float(pacing.burst), level - taken)
    book.db.execute(_PUT_PACE, (left, now, pacing.route))
    return taken, max(0.0, (1 - left) / pacing.per_s)


class Presence:
    """A connection past any pooler: it says that this replica is there, and hears from and tells the others that
    something changed.
    """

    def __init__(self, server: Server) -> None:
        self.name = secrets.token_hex(6)
        self._link = Link(server)
        self._heard: asyncio.Event = asyncio.Event()
        self._told = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._known: asyncpg.Connection | None = None

    async def begin(self, when_alone: Callable[[], object]) -> bool:
        """Whether no other replica is there; `when_alone` is called while none can come."""
        connection = await self._link.ready()
        alone, settled = await connection.fetchrow(ALONE)
        try:
            if alone and settled:
                await when_alone()  # type: ignore[misc]  # an async function
        finally:
            await self._listen(connection)
            if alone:
                await connection.execute(NOT_ALONE)
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._stay()), loop.create_task(self._tell())]
        return bool(alone and settled)

    def tell(self) -> None:
        """Something changed that other replicas want to know of."""
        self._told.set()

    async def news(self, within_s: float) -> None:
        """Wait until another replica told of a change, but not longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._heard.wait()
        self._heard.clear()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._link.close()

    async def _listen(self, connection: asyncpg.Connection) -> None:
        await connection.execute(PRESENT)
        await connection.add_listener(CHANNEL, self._hear)
        self._known = connection

    def _hear(self, _connection: object, _pid: object, _channel: str, who: object) -> None:
        if who != self.name:
            self._heard.set()

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connected()

    async def _connected(self) -> asyncpg.Connection:
        await self._link.look()
        connection = await self._link.ready()
        if connection is not self._known:
            await self._listen(connection)
        return connection

    async def _tell(self) -> None:
        """At most one word in a while, however much changed: each costs every commit something."""
        while True:
            await self._told.wait()
            self._told.clear()
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await (await self._link.ready()).execute(f"NOTIFY {CHANNEL}, '{self.name}'")
            await asyncio.sleep(_QUIET_S)
