"""Replicas are replaced one by one: for a while two versions share a database, and one of them changes its tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from gateway.domain.query import AlertSelection
from gateway.queue.failures import StoreBroken
from gateway.queue.postgres_link import Link, Server
from gateway.queue.postgres_schema import CONTRACTIONS, MIGRATION_LOCK, MIGRATIONS, migrate
from tests.load.waiting import holds
from tests.postgres import a_fresh_database, drop
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASES, a_result, an_alert, claim_all, now

NEWEST = len(MIGRATIONS)
ADDS = """
ALTER TABLE alert ADD COLUMN region TEXT NOT NULL DEFAULT '';
ALTER TABLE delivery ADD COLUMN weight bigint NOT NULL DEFAULT 1;
CREATE INDEX delivery_weight ON delivery (weight, id);
CREATE TABLE further (id bigint PRIMARY KEY REFERENCES alert (id) ON DELETE CASCADE);
"""
TAKES = "ALTER TABLE alert DROP COLUMN summary"
_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
    AND clock_timestamp() - query_start > interval '300 milliseconds'
"""


@pytest.fixture
async def engine() -> AsyncIterator[PostgresEngine]:
    """Its database is dropped, whatever became of the tables."""
    engine = PostgresEngine(url=a_fresh_database())
    yield engine
    await engine.leave()
    drop(engine.url)


@pytest.fixture
async def connection(engine: PostgresEngine) -> AsyncIterator[asyncpg.Connection]:
    found = await asyncpg.connect(engine.url)
    yield found
    await found.close()


async def _version(connection: asyncpg.Connection) -> str:
    return str(await connection.fetchval("SELECT value FROM meta WHERE name = 'version'"))


async def test_replicas_go_on_while_a_newer_one_adds_to_the_tables(
    engine: PostgresEngine, connection: asyncpg.Connection
) -> None:
    """No webhook is refused, nothing is lost or sent twice, and the older version may even start anew afterwards."""
    stores = [await engine.open(), await engine.another()]
    migrated, ids, sent = asyncio.Event(), list[str](), list[str]()

    async def work(number: int) -> None:
        after = 0
        while after < 20:
            store = stores[number % 2]
            stored = await store.put(an_alert(now("a"), "b"), LEASES)
            ids.append(stored.alert_id)
            for claim in (*stored.claims, *await claim_all(store, "b")):
                assert (await store.record(a_result(claim))).applied
                sent.append(claim.delivery_id)
            after += migrated.is_set()

    async def upgrade() -> None:
        assert await holds(lambda: len(ids) >= 50, within_s=20)
        assert await migrate(connection, (*MIGRATIONS, ADDS)) == NEWEST
        migrated.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(upgrade())
        for number in range(8):
            group.create_task(work(number))
    assert await _version(connection) == str(NEWEST + 1)
    again = await engine.another()
    sent += [claim.delivery_id for claim in await claim_all(again, "b", limit=1000)]
    await again.close()
    assert sorted(sent) == sorted(f"{alert}.{route}" for alert in ids for route in "ab")
    await stores[1].close()


async def test_a_version_that_would_miss_what_was_taken_away_says_so(
    engine: PostgresEngine, connection: asyncpg.Connection
) -> None:
    await (await engine.open()).put(an_alert("a"), {})
    await migrate(connection, (*MIGRATIONS, ADDS, TAKES), (*CONTRACTIONS, NEWEST + 2))
    with pytest.raises(
        StoreBroken, match=rf"newer gateway \(format {NEWEST + 2}, for gateways that know {NEWEST + 2}; this one knows"
    ):
        await engine.another()


async def test_the_version_before_is_enough_for_what_came_after_the_last_that_took_something_away(
    connection: asyncpg.Connection,
) -> None:
    """Of versions 3, 4 (takes) and 5 (adds), 5 can be used by a gateway that knows 4, and not by one that knows 3."""
    await migrate(connection, (*MIGRATIONS, TAKES, ADDS), (*CONTRACTIONS, NEWEST + 1))
    assert await migrate(connection, (*MIGRATIONS, TAKES), (*CONTRACTIONS, NEWEST + 1)) == NEWEST + 2
    with pytest.raises(StoreBroken, match="newer gateway"):
        await migrate(connection)


async def test_of_replicas_that_start_at_once_one_changes_the_tables_and_the_others_wait(
    engine: PostgresEngine, connection: asyncpg.Connection
) -> None:
    """However long it takes: what ends other waits does not end this one."""
    await (await engine.open()).put(an_alert("a"), {})
    links = [Link(Server(engine.url)) for _ in range(3)]
    newer = (*MIGRATIONS, ADDS)
    await connection.execute("SELECT pg_advisory_lock($1)", MIGRATION_LOCK)
    connections = [await link.ready() for link in links]
    for each in connections:
        await each.execute("SET lock_timeout = '50ms'; SET statement_timeout = '100ms'")
    waiting = [asyncio.ensure_future(migrate(each, newer)) for each in connections]
    assert await holds(lambda: any(task.done() for task in waiting), within_s=0.5) is False
    assert await connection.fetchval(_WAITS) == 3
    await connection.execute("SELECT pg_advisory_unlock($1)", MIGRATION_LOCK)
    assert sorted(await asyncio.gather(*waiting)) == [NEWEST, NEWEST + 1, NEWEST + 1]
    for link in links:
        await link.close()


async def test_a_migration_that_fails_leaves_everything_as_it_was(
    engine: PostgresEngine, connection: asyncpg.Connection
) -> None:
    stored = await (await engine.open()).put(an_alert("a"), {})
    with pytest.raises(asyncpg.UndefinedTableError):
        await migrate(connection, (*MIGRATIONS, ADDS, "ALTER TABLE nowhere ADD COLUMN x bigint"))
    assert await _version(connection) == str(NEWEST)
    assert await connection.fetchval("SELECT to_regclass('further')") is None
    page = await (await engine.crash()).alerts(AlertSelection(), limit=9)
    assert [row.id for row in page.alerts] == [stored.alert_id]
