"""A 200 is meant to survive the loss of the machine: with synchronous replication it waits for the standby."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import asyncpg
import pytest

from gateway.ports import StoreUnavailable
from gateway.queue.postgres import PostgresStore
from tests.load.waiting import holds
from tests.postgres_server import OwnServer, own_server, standby_of
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASES, an_alert, now

_WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture
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


@pytest.mark.slow
async def test_while_no_standby_confirms_all_is_refused_at_once_and_goes_on_by_itself(server: OwnServer) -> None:
    """Each session that waits takes one of the server's places, whether or not its gateway still listens."""
    engine = PostgresEngine(url=server.url)
    store = await engine.open()
    connection = await asyncpg.connect(server.url)
    await _name_standby(connection, "one_that_is_away")
    async with asyncio.timeout(10):
        with pytest.raises(StoreUnavailable, match="no standby confirms"):
            await store.put(an_alert("a"), {})
    by = monotonic() + 4
    while monotonic() < by:
        async with asyncio.timeout(1):
            with pytest.raises(StoreUnavailable, match="no standby confirms"):
                await store.put(an_alert("b"), {})
        await asyncio.sleep(0.01)
    assert await connection.fetchval(_WAITS) == 1
    await _name_standby(connection, "")
    assert await _takes_again(store)
    await connection.close()
    await engine.leave()


async def _takes_again(store: PostgresStore) -> bool:
    """Whether it takes an alert again before long."""
    by = monotonic() + 10
    while monotonic() < by:
        with suppress(StoreUnavailable):
            return not (await store.put(an_alert("c"), {})).duplicate
        await asyncio.sleep(0.01)
    return False


@pytest.mark.slow
async def test_what_was_acknowledged_survives_the_loss_of_the_primary_and_work_goes_on_by_itself(
    server: OwnServer,
) -> None:
    with standby_of(server) as standby:
        connection = await asyncpg.connect(server.url)
        await _name_standby(connection, "standby")
        while await connection.fetchval("SELECT sync_state FROM pg_stat_replication") != "sync":
            pass
        engine = PostgresEngine(url=f"postgresql://postgres@{server.host},{standby.host}/postgres")
        store = await engine.open()
        acknowledged, refused, over = list[str](), list[str](), asyncio.Event()

        async def send() -> None:
            after = 0
            while after < 10:
                try:
                    acknowledged.append((await store.put(an_alert(now("a")), LEASES)).alert_id)
                    after += over.is_set()
                except StoreUnavailable as unavailable:
                    refused.append(unavailable.reason)
                    await asyncio.sleep(0.05)

        async def lose() -> None:
            assert await holds(lambda: len(acknowledged) >= 500, within_s=30)
            await asyncio.to_thread(server.stop, "immediate")
            await asyncio.to_thread(standby.promote)
            over.set()

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(lose())
            for _ in range(20):
                group.create_task(send())
        await engine.leave()
        there = await asyncpg.connect(standby.url)
        rows = {number for (number,) in await there.fetch("SELECT id FROM alert")}
        await there.close()
        connection.terminate()
    assert refused
    assert len(acknowledged) >= 700
    assert {int(each.rpartition("-")[2]) for each in acknowledged} <= rows
