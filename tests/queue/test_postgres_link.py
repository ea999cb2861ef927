from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest

from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import an_alert

_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@pytest.fixture
async def engine() -> AsyncIterator[PostgresEngine]:
    engine = PostgresEngine()
    yield engine
    await engine.close()


async def test_whoever_asks_does_not_notice_that_a_connection_was_ended_while_it_was_idle(
    engine: PostgresEngine,
) -> None:
    """The sender of an alert may not send it again when it is refused."""
    store = await engine.open()
    assert (await store.put(an_alert("a"), {})).alert_id
    assert await store.take_turn("duty", 60)
    assert await store.held_count() == 0
    _end_all_connections(engine.url)
    assert (await store.put(an_alert("b"), {})).alert_id
    assert await store.take_turn("duty", 60)
    assert await store.held_count() == 0


def _end_all_connections(url: str) -> None:
    """While the loop stands still, so that nobody in it has heard of the end when it goes on."""

    async def end() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}")
        while await connection.fetchval(f"SELECT count(*) {_OTHERS}"):
            pass
        await connection.close()

    with ThreadPoolExecutor() as apart:
        apart.submit(asyncio.run, end()).result()
