from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from gateway.domain.query import AlertSelection
from gateway.queue import opening
from gateway.queue.failures import StoreBroken
from gateway.queue.schema import MIGRATIONS, TABLES, migrate
from gateway.queue.upkeep import back_up, condition_of, upgrade
from tests.queue.postgres_world import PostgresEngine
from tests.queue.store_world import LEASES, SqliteEngine, an_alert

NEWEST = len(MIGRATIONS)


def _older(path: Path, version: int) -> None:
    """A database as a gateway of that version left it, with one alert in it."""
    with closing(opening.connect(path)) as db:
        migrate(db, MIGRATIONS[:version])
        db.execute(
            "INSERT INTO alert (digest, source, received_us, key, environment, alert_id, alert_type, severity, rule,"
            " summary, routes, revision, body_size) VALUES (x'00', 'optix', 1, 'k', 'e', 'a', 't', 'high', 'r', 's',"
            " '[\"a\"]', 'r1', 2)"
        )
        db.execute("INSERT INTO body (alert, bytes) VALUES (1, x'7b7d')")
        db.execute(
            "INSERT INTO delivery (alert, route, key, state, head, fresh, supersede, due_us, attempts, token,"
            " claimed_us, lease_until_us, first_us, created_us) VALUES (1, 'a', 'k', 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1)"
        )


async def test_a_copy_taken_while_alerts_come_in_is_a_whole_database_of_one_moment(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    ids = [(await store.put(an_alert("a"), LEASES)).alert_id for _ in range(100)]
    copy = sqlite.path.parent / "copy.db"
    copying = asyncio.ensure_future(asyncio.to_thread(back_up, sqlite.path, copy))
    while not copying.done():
        ids.append((await store.put(an_alert("a"), LEASES)).alert_id)
    assert await copying == copy.stat().st_size
    ids.append((await store.put(an_alert("a"), LEASES)).alert_id)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in copy.parent.glob("copy*")) == ["copy.db"]
    restored = SqliteEngine(copy.parent)
    restored.path = copy
    page = await (await restored.open()).alerts(AlertSelection(), limit=len(ids))
    found = [row.id for row in reversed(page.alerts)]
    await restored.close()
    assert 100 <= len(found) < len(ids)
    assert found == ids[: len(found)]


async def test_a_file_that_is_there_is_not_replaced(sqlite: SqliteEngine) -> None:
    await sqlite.open()
    copy = sqlite.path.parent / "copy.db"
    copy.write_text("mine")
    with pytest.raises(StoreBroken, match="exists already; name a new file"):
        back_up(sqlite.path, copy)
    assert copy.read_text() == "mine"


async def test_a_disk_that_is_too_small_for_a_copy_is_named_and_nothing_stays_there(
    sqlite: SqliteEngine, small_disk: Path
) -> None:
    store = await sqlite.open()
    await asyncio.gather(*(store.put(an_alert(body=bytes(2**20) + bytes([n])), {}) for n in range(4)))
    with pytest.raises(StoreBroken, match=r"copy\.db could not be written"):
        back_up(sqlite.path, small_disk / "copy.db")
    assert list(small_disk.glob("*")) == []  # noqa: ASYNC240 - it is in memory


async def test_a_damaged_database_makes_no_copy(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    for _ in range(50):
        await store.put(an_alert("a"), LEASES)
    await sqlite.close()
    damaged = bytearray(sqlite.path.read_bytes())
    damaged[4096 * 3 : 4096 * 6] = b"\xa5" * (4096 * 3)
    sqlite.path.write_bytes(damaged)
    with pytest.raises(StoreBroken, match=r"copy\.db could not be written \(SQLITE_CORRUPT|the copy is damaged"):
        back_up(sqlite.path, sqlite.path.parent / "copy.db")
    assert list(sqlite.path.parent.glob("copy*")) == []


@pytest.mark.parametrize("version", range(1, NEWEST))
async def test_a_file_of_every_earlier_version_is_upgraded_and_used(sqlite: SqliteEngine, version: int) -> None:
    _older(sqlite.path, version)
    before = condition_of(sqlite.path)
    assert (before.version, before.newest, before.unfinished) == (version, NEWEST, 1)
    assert upgrade(sqlite.path) == (version, NEWEST)
    assert upgrade(sqlite.path) == (NEWEST, NEWEST)
    store = await sqlite.open()
    page = await store.alerts(AlertSelection(), limit=9)
    assert [row.summary for row in page.alerts] == ["s"]
    assert await store.next_due(["a"]) == {"a": 0}


async def test_both_engines_have_the_tables_that_are_counted_copied_and_moved(sqlite: SqliteEngine) -> None:
    await sqlite.open()
    assert tuple(condition_of(sqlite.path).rows) == TABLES
    postgres = PostgresEngine()
    connection = await asyncpg.connect(postgres.url)
    found = {name for (name,) in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    await connection.close()
    await postgres.close()
    assert found == {*TABLES, "duty", "pace"}
