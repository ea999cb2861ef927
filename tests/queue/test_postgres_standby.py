"""A 200 is meant to survive the loss of the machine: with synchronous replication it waits for the standby."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest

from gateway.ports import StoreUnavailable
from tests.postgres_server import OwnServer, own_server
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import an_alert

_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as found:
        yield found


async def _name_standby(connection: asyncpg.Connection, name: str) -> None:
    await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    await connection.execute("SELECT pg_reload_conf()")
    while await connection.fetchval("SHOW synchronous_standby_names") != name:
        pass


@pytest.mark.slow
async def test_nothing_is_acknowledged_that_no_standby_has_also_not_when_it_comes_again(server: OwnServer) -> None:
    engine = PostgresEngine(url=server.url)
    store = await engine.open()
    connection = await asyncpg.connect(server.url)
    await _name_standby(connection, "one_that_is_away")
    alert = an_alert("a")
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store.put(alert, {})
    assert await connection.fetchval(_WAITS) >= 1
    with pytest.raises(StoreUnavailable):
        await store.put(alert, {})
    await engine.leave()
    other = await engine.another()
    with pytest.raises(StoreUnavailable):
        await other.put(alert, {})
    await _name_standby(connection, "")
    await other.close()
    stored = await (await engine.open()).put(alert, {})
    assert stored.duplicate
    await connection.close()
    await engine.leave()
