from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from gateway.queue.failures import StoreBroken
from gateway.queue.postgres import PostgresStore, open_postgres
from gateway.queue.postgres_link import Link, Server
from gateway.queue.postgres_schema import MIGRATIONS
from tests.postgres import at_database, server_url
from tests.queue.postgres_world import PostgresEngine, TestClock
from tests.queue.store_world import LEASES, FakeClock, a_result, an_alert, claim_all, now


@pytest.fixture
async def engine() -> AsyncIterator[PostgresEngine]:
    engine = PostgresEngine()
    yield engine
    await engine.close()


async def _open(url: str, *, direct: str = "") -> PostgresStore:
    return await open_postgres(
        Server(url, pooled=bool(direct)),
        direct=Server(direct) if direct else None,
        clock=TestClock(FakeClock()),
        on_commit=lambda _seconds, _changes: None,
    )


async def test_replicas_that_start_at_once_make_the_tables_once(engine: PostgresEngine) -> None:
    connection = await asyncpg.connect(engine.url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    stores = await asyncio.gather(*(_open(engine.url) for _ in range(4)))
    ids = {(await store.put(an_alert("a"), {})).alert_id.partition("-")[0] for store in stores}
    version = await connection.fetchval("SELECT value FROM meta WHERE name = 'version'")
    for store in stores:
        await store.close()
    await connection.close()
    assert len(ids) == 1
    assert version == str(len(MIGRATIONS))


async def test_a_database_of_a_newer_gateway_is_left_alone(engine: PostgresEngine) -> None:
    connection = await asyncpg.connect(engine.url)
    await connection.execute("UPDATE meta SET value = '99' WHERE name IN ('version', 'needs')")
    try:
        with pytest.raises(StoreBroken, match="written by a newer gateway"):
            await _open(engine.url)
    finally:
        of_now = str(len(MIGRATIONS))
        await connection.execute("UPDATE meta SET value = $1 WHERE name IN ('version', 'needs')", of_now)
        await connection.close()


async def test_a_database_that_is_not_there_is_named_as_the_mistake_without_the_password() -> None:
    url = at_database(server_url(), "no_such_database")
    with pytest.raises(StoreBroken, match="InvalidCatalogNameError"):
        await _open(url)


async def test_behind_a_pooler_no_statement_and_no_setting_stays_with_a_session(engine: PostgresEngine) -> None:
    """Each transaction may have another session there, and whoever has this one next must find it as it was."""
    store = await _open(engine.url, direct=engine.url)
    (claim,) = (await store.put(an_alert(now("a"), "b"), LEASES)).claims
    assert (await store.record(a_result(claim))).applied
    assert len(await claim_all(store, "b")) == 1
    await store.close()
    link = Link(Server(engine.url, pooled=True))
    async with link.transaction() as connection:
        assert await connection.fetchval("SHOW statement_timeout") == "10s"
        assert await connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE from_sql") == 0
    connection = await link.ready()
    assert await connection.fetchval("SHOW statement_timeout") == "0"
    assert await connection.fetchval("SHOW enable_seqscan") == "on"
    assert await connection.fetchval("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0
    await link.close()
