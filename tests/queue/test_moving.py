"""From a database file to PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from gateway.domain.approval import APPROVAL_HOLD
from gateway.domain.delivery import NewDelivery, State
from gateway.domain.query import AlertSelection, Selection
from gateway.domain.remediation import Step, StepWord
from gateway.queue import opening
from gateway.queue.failures import StoreBroken
from gateway.queue.moving import Moved, Row, move
from gateway.queue.postgres_link import Server
from gateway.queue.schema import MIGRATIONS, TABLES, migrate
from gateway.queue.upkeep import condition_of
from tests.queue.acting import begin
from tests.queue.incident_world import a_state, grouped, told
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASES, SECOND_US, START_US, SqliteEngine, a_result, an_alert, claim_all, now

ASKED = NewDelivery("a", parked="waits for approval", hold=APPROVAL_HOLD, approve_by_us=START_US + 3600 * SECOND_US)
KEPT = an_alert(now("a"), body=b'{"kept": 1}', summary="a summary with \N{SNOWMAN}")


@pytest.fixture
async def postgres() -> AsyncIterator[PostgresEngine]:
    engine = PostgresEngine()
    yield engine
    await engine.close()


async def _filled(sqlite: SqliteEngine) -> list[str]:
    """A closed database file with something in every table, and the youngest alerts deleted; ids of its alerts."""
    store = await sqlite.open()
    stored = [
        await store.put(a_state("k", "bucket", to=told()), {}),
        await store.put(a_state("k", "bucket", "-other", to=grouped("g")), {}),
        await store.put(KEPT, LEASES),
        await store.put(an_alert(ASKED, score=None), {}),
        await store.put(an_alert("b", body=bytes(range(256)) * 100), {}),
    ]
    (dead,) = stored[2].claims
    await store.record(a_result(dead, State.DEAD))
    await store.add_job("replay", Selection(states=(State.DEAD,)), stopped=())
    await store.put_step(await begin(store), Step("bucket", StepWord.CHANGED, "done", "{}", "{}"))
    await sqlite.close()
    _leave_rows_in_the_rest(sqlite.path)
    assert all(condition_of(sqlite.path).rows.values())
    return [each.alert_id for each in stored]


def _leave_rows_in_the_rest(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO route_state VALUES ('a', 'running', 'c', 'r', 1, 2, 3, 4, 5, 6.5, 7)")
        db.execute("INSERT INTO silence VALUES ('s', '{}', 99)")
        db.execute("INSERT INTO cluster VALUES ('g', 'n', 1)")
        db.execute("INSERT OR IGNORE INTO told (route, key, digest, state) VALUES ('z', 'z', x'00ff', x'')")
        decision = "(delivery, at_us, verdict, who, why, plan_id) SELECT min(id), 1, 'rejected', 'ann', 'w', 'p'"
        db.execute(f"INSERT INTO decision {decision} FROM delivery")
        db.execute("UPDATE sqlite_sequence SET seq = 5000 WHERE name = 'alert'")
        db.commit()


async def test_everything_goes_on_in_postgresql_where_it_was(sqlite: SqliteEngine, postgres: PostgresEngine) -> None:
    ids = await _filled(sqlite)
    moved = await move(sqlite.path, Server(postgres.url))
    assert {each.table: each.rows for each in moved} == {
        table: rows for table, rows in condition_of(sqlite.path).rows.items() if table != "meta"
    }
    before, after = await sqlite.open(), await postgres.open()
    for alert_id in ids:
        found = await before.alert(alert_id, stopped=())
        assert found is not None
        assert await after.alert(alert_id, stopped=()) == found
    listed = [await store.alerts(AlertSelection(), limit=99) for store in (before, after)]
    assert listed[0] == listed[1]
    assert await after.remediation(1) == await before.remediation(1)
    assert [row.delivery for row in await after.approvals()] == [f"{ids[3]}.a"]


async def test_what_comes_after_a_move_stands_after_what_was_before(
    sqlite: SqliteEngine, postgres: PostgresEngine
) -> None:
    """An id of before, also of what was deleted, is nobody else's; a repeat stays a repeat; what waits goes out."""
    ids = await _filled(sqlite)
    await move(sqlite.path, Server(postgres.url))
    store = await postgres.open()
    assert (await store.put(KEPT, LEASES)).duplicate
    stored = await store.put(an_alert("a"), {})
    assert stored.alert_id == f"{ids[0].partition('-')[0]}-5001"
    assert [claim.delivery_id for claim in await claim_all(store, "b")] == [f"{ids[4]}.b"]
    (claim,) = await claim_all(store, limit=1)
    assert claim.delivery_id == f"{ids[0]}.a"
    assert (await store.record(a_result(claim))).applied
    assert await store.replay([f"{ids[2]}.a"]) == (f"{ids[2]}.a",)


async def test_a_target_in_use_is_left_as_it_is(sqlite: SqliteEngine, postgres: PostgresEngine) -> None:
    await _filled(sqlite)
    store = await postgres.open()
    with pytest.raises(StoreBroken, match="a gateway runs on the PostgreSQL database"):
        await move(sqlite.path, Server(postgres.url))
    kept = await store.put(an_alert("a"), {})
    await postgres.leave()
    with pytest.raises(StoreBroken, match=r"in use already \(there are rows in alert\)"):
        await move(sqlite.path, Server(postgres.url))
    page = await (await postgres.open()).alerts(AlertSelection(), limit=9)
    assert [row.id for row in page.alerts] == [kept.alert_id]


async def test_a_source_that_a_gateway_runs_on_is_not_moved(sqlite: SqliteEngine, postgres: PostgresEngine) -> None:
    await sqlite.open()
    with pytest.raises(StoreBroken, match="another gateway already uses this database"):
        await move(sqlite.path, Server(postgres.url))


async def test_a_source_of_an_earlier_version_is_not_moved(sqlite: SqliteEngine, postgres: PostgresEngine) -> None:
    with closing(opening.connect(sqlite.path)) as db:
        migrate(db, MIGRATIONS[:2])
    with pytest.raises(StoreBroken, match="waits for an upgrade"):
        await move(sqlite.path, Server(postgres.url))


async def test_what_a_killed_gateway_left_in_its_journal_is_moved_too(
    sqlite: SqliteEngine, postgres: PostgresEngine
) -> None:
    stored = await (await sqlite.open()).put(an_alert("a"), {})
    await sqlite.crash()
    await sqlite.close()
    await move(sqlite.path, Server(postgres.url))
    assert await (await postgres.open()).alert(stored.alert_id, stopped=()) is not None


async def test_a_sign_that_postgresql_cannot_keep_is_replaced_as_it_would_be_there(
    sqlite: SqliteEngine, postgres: PostgresEngine
) -> None:
    await (await sqlite.open()).put(an_alert("a", summary="one\0two"), {})
    await sqlite.close()
    await move(sqlite.path, Server(postgres.url))
    page = await (await postgres.open()).alerts(AlertSelection(), limit=9)
    assert [row.summary for row in page.alerts] == ["one\N{REPLACEMENT CHARACTER}two"]


@pytest.mark.parametrize(
    ("change", "told_of"),
    [
        ("new.summary = 'another'; RETURN new", r"alert did not arrive as it was sent \(5 rows, 5 arrived\)"),
        ("IF new.score IS NULL THEN RETURN NULL; END IF; RETURN new", r"alert did not arrive .* \(5 rows, 4 arrived\)"),
    ],
)
async def test_what_did_not_arrive_as_it_was_is_noticed_and_nothing_stays_there(
    change: str, told_of: str, sqlite: SqliteEngine, postgres: PostgresEngine
) -> None:
    await _filled(sqlite)
    connection = await asyncpg.connect(postgres.url)
    name = await connection.fetchval("SELECT value FROM meta WHERE name = 'store'")
    await connection.execute(
        f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {change}; END $$;"
        "CREATE TRIGGER meddle BEFORE INSERT ON alert FOR EACH ROW EXECUTE FUNCTION meddle()"
    )
    try:
        with pytest.raises(StoreBroken, match=told_of):
            await move(sqlite.path, Server(postgres.url))
        for table in TABLES[1:]:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - ours
        assert await connection.fetchval("SELECT value FROM meta WHERE name = 'store'") == name
    finally:
        await connection.execute("DROP FUNCTION meddle CASCADE")
        await connection.close()


def test_rows_differ_in_their_digest_whatever_differs_in_them() -> None:
    rows: list[Row] = [
        ("a", "b"),
        ("ab", ""),
        ("", "ab"),
        (b"a", "b"),
        ("a", None),
        (None, "a"),
        (1, "b"),
        ("1", "b"),
        (1.0, "b"),
    ]
    digests = set()
    for row in rows:
        moved = Moved("alert")
        moved.count(row)
        digests.add(moved.digest)
    assert len(digests) == len(rows)
