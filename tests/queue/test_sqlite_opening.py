from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.query import AlertSelection
from gateway.queue.failures import StoreBroken
from gateway.queue.schema import MIGRATIONS, migrate
from tests.queue.store_world import LEASES, SqliteEngine, an_alert, now

MIB = 1024 * 1024


async def _filled(sqlite: SqliteEngine, alerts: int = 3) -> list[str]:
    """A closed database with that many alerts; their ids."""
    store = await sqlite.open()
    ids = [(await store.put(an_alert("a"), LEASES)).alert_id for _ in range(alerts)]
    await sqlite.close()
    return ids


async def test_the_folders_are_made_and_the_file_is_set_up(sqlite: SqliteEngine) -> None:
    sqlite.path = sqlite.path.parent / "new" / "deep" / "er.db"
    await sqlite.open()
    db = sqlite3.connect(sqlite.path)
    found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "auto_vacuum", "user_version")]
    db.close()
    assert found == ["wal", 2, len(MIGRATIONS)]


async def test_closing_leaves_one_file_and_its_lock(sqlite: SqliteEngine) -> None:
    await _filled(sqlite)
    assert sorted(file.name for file in sqlite.path.parent.iterdir()) == ["gateway.db", "gateway.db.lock"]


async def test_a_path_with_signs_of_an_address_in_it_is_just_a_path(sqlite: SqliteEngine) -> None:
    sqlite.path = sqlite.path.parent / "what?mode=memory#%41.db"
    ids = await _filled(sqlite)
    assert sqlite.path.exists()
    assert await (await sqlite.open()).alert(ids[0], stopped=()) is not None


async def test_a_second_gateway_is_refused(sqlite: SqliteEngine) -> None:
    await sqlite.open()
    other = SqliteEngine(sqlite.path.parent)
    with pytest.raises(StoreBroken, match="another gateway already uses this database"):
        await other.open()
    await sqlite.close()
    await other.open()
    await other.close()


async def test_a_damaged_file_is_refused_and_left_as_it_is(sqlite: SqliteEngine) -> None:
    await _filled(sqlite, 50)
    damaged = bytearray(sqlite.path.read_bytes())
    damaged[4096 : 4096 * 6] = b"\xa5" * (4096 * 5)
    sqlite.path.write_bytes(damaged)
    with pytest.raises(StoreBroken, match="is damaged"):
        await sqlite.open()
    assert sqlite.path.read_bytes() == damaged


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough to be read as one" * 100, b"short"])
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(sqlite: SqliteEngine, content: bytes) -> None:
    sqlite.path.write_bytes(content)
    with pytest.raises(StoreBroken, match="is damaged"):
        await sqlite.open()
    assert sqlite.path.read_bytes() == content


async def test_the_database_of_another_program_is_refused_and_left_as_it_is(sqlite: SqliteEngine) -> None:
    db = sqlite3.connect(sqlite.path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = sqlite.path.read_bytes()
    with pytest.raises(StoreBroken, match="of another program"):
        await sqlite.open()
    assert sqlite.path.read_bytes() == before


async def test_a_database_of_a_newer_version_is_refused(sqlite: SqliteEngine) -> None:
    await _filled(sqlite)
    db = sqlite3.connect(sqlite.path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreBroken, match="newer gateway"):
        await sqlite.open()


async def test_a_folder_in_place_of_the_file_is_refused(sqlite: SqliteEngine) -> None:
    sqlite.path.mkdir()
    with pytest.raises(StoreBroken, match="is a folder"):
        await sqlite.open()


async def test_a_file_in_place_of_the_folder_is_refused(sqlite: SqliteEngine) -> None:
    (sqlite.path.parent / "file").touch()
    sqlite.path = sqlite.path.parent / "file" / "gateway.db"
    with pytest.raises(StoreBroken, match="cannot be made"):
        await sqlite.open()


async def test_a_refused_file_is_not_kept_locked(sqlite: SqliteEngine) -> None:
    sqlite.path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreBroken):
        await sqlite.open()
    sqlite.path.unlink()
    await sqlite.open()


async def test_a_read_only_disk_is_refused(small_disk: Path) -> None:
    engine = SqliteEngine(small_disk)
    await _filled(engine)
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreBroken, match="cannot be written"):
        await engine.open()


async def test_a_torn_tail_of_the_wal_costs_only_what_was_not_whole(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    kept = await store.put(an_alert("a"), LEASES)
    wal = sqlite.path.with_name(sqlite.path.name + "-wal")
    whole = wal.stat().st_size
    await store.put(an_alert("a"), LEASES)
    torn = sqlite.path.parent / "torn"
    torn.mkdir()
    shutil.copy(sqlite.path, torn)
    (torn / wal.name).write_bytes(wal.read_bytes()[: whole + 5000])
    again = SqliteEngine(torn)
    store = await again.open()
    page = await store.alerts(AlertSelection(), limit=9)
    assert [row.id for row in page.alerts] == [kept.alert_id]
    assert len((await store.put(an_alert(now("a")), LEASES)).claims) == 1
    await again.close()


def test_what_was_decided_before_decisions_had_a_table_is_kept() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, MIGRATIONS[:3])
        rows = [(1, "approved", 5, "ann", "mine"), (2, "", None, "", "")]
        db.executemany("INSERT INTO approval VALUES (?, 'k', 1, 9, ?, ?, ?, ?)", rows)
        migrate(db)
        found = db.execute("SELECT delivery, at_us, verdict, who, why, plan_id FROM decision").fetchall()
    assert found == [(1, 5, "approved", "ann", "mine", "")]
