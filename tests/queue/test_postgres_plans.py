from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from statistics import median

import asyncpg
import pytest

from gateway.queue import postgres, postgres_claims, postgres_locks
from gateway.queue.book import Rows
from gateway.queue.postgres import PostgresStore
from gateway.queue.postgres_book import translated, unnested
from gateway.queue.postgres_link import Link, Server
from tests.queue.hot_statements import HOT
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASES, an_alert, ask

OURS = {
    "locks": postgres_locks.LOCK,
    "claim: groups": postgres_locks.TRY_GROUPS,
    "claim: take": postgres_claims.FRESH_FIRST,
    "claim: take, retries first": postgres_claims.RETRIES_FIRST,
    "claim: left": postgres_claims.LEFT,
    "next due": postgres.NEXT_DUE,
}
FINISHED = 1_000_000
_FINISHED = """
INSERT INTO alert (id, digest, source, received_us, key, environment, alert_id, alert_type, severity, rule, summary,
                   routes, revision, body_size)
SELECT n, int8send(n), 'optix', n, 'k' || n, 'e', 'i', 't', 'high', 'r', 's', '["a"]', 'r1', 10
FROM generate_series(10000000, 10000000 + $1 - 1) AS n
"""
_DELIVERED = """
INSERT INTO delivery (id, alert, route, key, state, head, fresh, supersede, due_us, attempts, token, claimed_us,
                      lease_until_us, first_us, created_us, finished_us)
SELECT n, n, 'a', 'k' || n, 3, 0, 0, 0, n, 1, 1, n, n, n, n, n FROM generate_series(10000000, 10000000 + $1 - 1) AS n
"""


@pytest.mark.parametrize("name", [*HOT, *OURS])
async def test_a_hot_statement_reads_no_table_through(name: str) -> None:
    statement = OURS.get(name) or HOT[name]
    if isinstance(statement, Rows):
        text, _ = unnested(statement)
    else:
        text, _ = translated(statement)
    engine = PostgresEngine()
    link = Link(Server(engine.url))
    try:
        connection = await link.ready()
        plan = await _generic_plan(connection, text)
    finally:
        await link.close()
        await engine.close()
    assert "Seq Scan" not in plan, plan


async def _generic_plan(connection: asyncpg.Connection, text: str) -> str:
    """The plan for any values, as a prepared statement has it."""
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    await connection.execute(f"PREPARE hot AS {text}")
    types = await connection.fetchval(
        "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'hot'"
    )
    values = f"({', '.join(['NULL'] * types)})" if types else ""
    rows = await connection.fetch(f"EXPLAIN EXECUTE hot{values}")
    return "\n".join(row[0] for row in rows)


@pytest.mark.slow
async def test_a_claim_costs_the_same_whatever_was_delivered_before(
    record_property: Callable[[str, object], None],
) -> None:
    """Two stores in turn, and three rounds at most, since no machine is quiet for long: what costs more because of what
    was delivered does so in each of them.
    """
    fresh, old = PostgresEngine(), PostgresEngine()
    try:
        stores = [await fresh.open(), await old.open()]
        await _deliver_a_million(old.url)
        for store in stores:
            await asyncio.gather(*(store.put(an_alert("a"), LEASES) for _ in range(50)))
        without, with_history = await _claims_s(stores)
        for _ in range(2):
            if with_history >= without * 1.1:
                without, with_history = await _claims_s(stores)
    finally:
        await fresh.close()
        await old.close()
    record_property(
        "figures", f"claim: {without * 1e6:.0f} µs, {with_history * 1e6:.0f} µs after {FINISHED:,} delivered"
    )
    assert with_history < without * 1.1


async def _claims_s(stores: Sequence[PostgresStore]) -> tuple[float, ...]:
    took: list[list[float]] = [[] for _ in stores]
    for turn in range(400):
        took[turn % 2].append(await _claim_s(stores[turn % 2]))
    return tuple(median(each[20:]) for each in took)


async def _deliver_a_million(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(_FINISHED, FINISHED)
    await connection.execute(_DELIVERED, FINISHED)
    for table in ("alert", "delivery"):
        await connection.execute(f"VACUUM (ANALYZE, FREEZE) {table}")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def _claim_s(store: PostgresStore) -> float:
    began = time.perf_counter()
    claims = (await ask(store, limit=10)).claims
    took_s = time.perf_counter() - began
    assert len(claims) == 10
    await store.release(claims)
    return took_s
