from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.domain.delivery import State
from gateway.domain.query import AlertSelection, Selection
from gateway.ports import StoreUnavailable
from gateway.queue.failures import StoreBroken
from tests.queue.store_world import LEASES, START_US, SqliteEngine, a_result, an_alert, claim_all, now, state_of

MIB = 1024 * 1024


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path)
    yield engine
    await engine.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def _filled(engine: SqliteEngine, alerts: int = 3) -> list[str]:
    """A closed database with that many alerts; their ids."""
    store = await engine.open()
    ids = [(await store.put(an_alert("a"), LEASES)).alert_id for _ in range(alerts)]
    await engine.close()
    return ids


async def test_the_folders_are_made_and_the_file_is_set_up(engine: SqliteEngine) -> None:
    engine.path = engine.path.parent / "new" / "deep" / "er.db"
    await engine.open()
    db = sqlite3.connect(engine.path)
    found = [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "auto_vacuum", "user_version")]
    db.close()
    assert found == ["wal", 2, 1]


async def test_closing_leaves_one_file_and_its_lock(engine: SqliteEngine) -> None:
    await _filled(engine)
    assert sorted(file.name for file in engine.path.parent.iterdir()) == ["gateway.db", "gateway.db.lock"]


async def test_a_path_with_signs_of_an_address_in_it_is_just_a_path(engine: SqliteEngine) -> None:
    engine.path = engine.path.parent / "what?mode=memory#%41.db"
    ids = await _filled(engine)
    assert engine.path.exists()
    assert await (await engine.open()).alert(ids[0]) is not None


async def test_a_second_gateway_is_refused(engine: SqliteEngine) -> None:
    await engine.open()
    other = SqliteEngine(engine.path.parent)
    with pytest.raises(StoreBroken, match="another gateway already uses this database"):
        await other.open()
    await engine.close()
    await other.open()
    await other.close()


async def test_a_damaged_file_is_refused_and_left_as_it_is(engine: SqliteEngine) -> None:
    await _filled(engine, 50)
    damaged = bytearray(engine.path.read_bytes())
    damaged[4096 : 4096 * 6] = b"\xa5" * (4096 * 5)
    engine.path.write_bytes(damaged)
    with pytest.raises(StoreBroken, match="is damaged"):
        await engine.open()
    assert engine.path.read_bytes() == damaged


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough to be read as one" * 100, b"short"])
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(engine: SqliteEngine, content: bytes) -> None:
    engine.path.write_bytes(content)
    with pytest.raises(StoreBroken, match="is damaged"):
        await engine.open()
    assert engine.path.read_bytes() == content


async def test_the_database_of_another_program_is_refused_and_left_as_it_is(engine: SqliteEngine) -> None:
    db = sqlite3.connect(engine.path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    before = engine.path.read_bytes()
    with pytest.raises(StoreBroken, match="of another program"):
        await engine.open()
    assert engine.path.read_bytes() == before


async def test_a_database_of_a_newer_version_is_refused(engine: SqliteEngine) -> None:
    await _filled(engine)
    db = sqlite3.connect(engine.path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreBroken, match="newer gateway"):
        await engine.open()


async def test_a_folder_in_place_of_the_file_is_refused(engine: SqliteEngine) -> None:
    engine.path.mkdir()
    with pytest.raises(StoreBroken, match="is a folder"):
        await engine.open()


async def test_a_file_in_place_of_the_folder_is_refused(engine: SqliteEngine) -> None:
    (engine.path.parent / "file").touch()
    engine.path = engine.path.parent / "file" / "gateway.db"
    with pytest.raises(StoreBroken, match="cannot be made"):
        await engine.open()


async def test_a_refused_file_is_not_kept_locked(engine: SqliteEngine) -> None:
    engine.path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreBroken):
        await engine.open()
    engine.path.unlink()
    await engine.open()


async def test_a_read_only_disk_is_refused(small_disk: Path) -> None:
    engine = SqliteEngine(small_disk)
    await _filled(engine)
    await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreBroken, match="cannot be written"):
        await engine.open()


async def test_a_torn_tail_of_the_wal_costs_only_what_was_not_whole(engine: SqliteEngine) -> None:
    store = await engine.open()
    kept = await store.put(an_alert("a"), LEASES)
    wal = engine.path.with_name(engine.path.name + "-wal")
    whole = wal.stat().st_size
    await store.put(an_alert("a"), LEASES)
    torn = engine.path.parent / "torn"
    torn.mkdir()
    shutil.copy(engine.path, torn)
    (torn / wal.name).write_bytes(wal.read_bytes()[: whole + 5000])
    again = SqliteEngine(torn)
    store = await again.open()
    page = await store.alerts(AlertSelection(), limit=9)
    assert [row.id for row in page.alerts] == [kept.alert_id]
    assert len((await store.put(an_alert(now("a")), LEASES)).claims) == 1
    await again.close()


async def test_a_full_disk_refuses_alerts_and_still_takes_results(small_disk: Path) -> None:
    engine = SqliteEngine(small_disk)
    store = await engine.open()
    (claim,) = (await store.put(an_alert(now("a")), LEASES)).claims
    stored = await _fill_up(engine)
    reader = await store.alerts(AlertSelection(), limit=200)
    assert {row.id for row in reader.alerts} == {claim.alert_id, *stored}
    os.truncate(small_disk / "ballast", MIB // 2)
    big = store.put(an_alert("a", body=b"x" * 2 * MIB), LEASES)
    refused, recorded = await asyncio.gather(big, store.record(a_result(claim)), return_exceptions=True)
    assert isinstance(refused, StoreUnavailable)
    assert refused.reason == "the disk is full"
    assert not isinstance(recorded, BaseException)
    assert recorded.applied
    assert engine.fatal == []
    (small_disk / "ballast").unlink()
    await engine.close()
    store = await engine.open()
    assert await state_of(store, claim.delivery_id) is State.DELIVERED
    await engine.close()


async def _fill_up(engine: SqliteEngine) -> list[str]:
    assert engine.store is not None
    store = engine.store
    (engine.path.parent / "ballast").write_bytes(b"x" * MIB)
    stored: list[str] = []
    while len(stored) < 200:
        try:
            stored.append((await store.put(an_alert("a", body=b"%d" % len(stored) * 20_000), LEASES)).alert_id)
        except StoreUnavailable as refused:
            assert refused.reason == "the disk is full"  # noqa: PT017 - how many fit is not known before
            return stored
    pytest.fail("the disk did not fill up")


async def test_alerts_are_refused_while_the_disk_is_nearly_full(engine: SqliteEngine) -> None:
    engine.reserve_bytes = 2**60
    store = await engine.open()
    with pytest.raises(StoreUnavailable, match="the disk is nearly full"):
        await store.put(an_alert("a"), LEASES)
    await store.ping()
    assert await claim_all(store) == ()


async def test_too_many_waiting_alerts_are_refused_at_once(engine: SqliteEngine) -> None:
    store = await engine.open()
    blocker = sqlite3.connect(engine.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    waiting = [asyncio.ensure_future(store.put(an_alert(body=b"%d" % n + b" " * 7 * MIB), LEASES)) for n in range(10)]
    await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    blocker.execute("ROLLBACK")
    blocker.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, StoreUnavailable)]
    assert [answer.reason for answer in refused] == ["too many alerts are waiting to be stored"]
    assert len((await store.alerts(AlertSelection(), limit=20)).alerts) == 9
    assert len((await store.put(an_alert(now("a")), LEASES)).claims) == 1


async def test_a_database_that_fails_is_reported_once_and_refuses_everything(engine: SqliteEngine) -> None:
    store = await engine.open()
    stored = await store.put(an_alert("a"), LEASES)
    _spoil(engine.path)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await store.deliveries(Selection(), stopped=(), limit=5)
    assert len(engine.fatal) == 1
    with pytest.raises(StoreUnavailable, match="the database failed"):
        await store.put(an_alert("a"), LEASES)
    with pytest.raises(StoreUnavailable):
        await store.replay([f"{stored.alert_id}.a"])


SPOILER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
db.close()
file = open(sys.argv[1], "r+b")
size = file.seek(0, 2)
file.seek(4096)
file.write(b"\\xa5" * (size - 4096))
"""


def _spoil(path: Path) -> None:
    """Make every page but the first unreadable, from another process: what a failing disk does behind our back."""
    subprocess.run([sys.executable, "-c", SPOILER, str(path)], check=True)


async def test_calls_after_close_are_refused(engine: SqliteEngine) -> None:
    store = await engine.open()
    await engine.close()
    with pytest.raises(StoreUnavailable):
        await store.put(an_alert("a"), LEASES)
    with pytest.raises(StoreUnavailable):
        await store.held_count()


async def test_close_finishes_what_was_admitted(engine: SqliteEngine) -> None:
    store = await engine.open()
    putting = [asyncio.ensure_future(store.put(an_alert("a"), LEASES)) for _ in range(100)]
    await asyncio.sleep(0)
    await engine.close()
    ids = {(await each).alert_id for each in putting}
    store = await engine.open()
    assert {row.id for row in (await store.alerts(AlertSelection(), limit=200)).alerts} == ids


async def test_callers_at_the_same_time_share_commits(engine: SqliteEngine) -> None:
    store = await engine.open()
    await asyncio.gather(*(store.put(an_alert("a"), LEASES) for _ in range(200)))
    assert sum(engine.commits) == 200
    assert len(engine.commits) < 50


async def test_purging_gives_the_room_back(engine: SqliteEngine) -> None:
    store = await engine.open()
    await asyncio.gather(*(store.put(an_alert(body=b"%d" % n * 20_000), LEASES) for n in range(300)))
    while await store.purge(START_US + 1, limit=100):
        pass
    for _ in range(10):
        await store.purge(START_US + 1, limit=100)
    await engine.close()
    assert engine.path.stat().st_size < 5 * MIB


WRITER = """
import asyncio, os, sys
from pathlib import Path
from tests.queue.store_world import LEASES, SqliteEngine, a_result, an_alert, now

async def main():
    store = await SqliteEngine(Path(sys.argv[1])).open()
    async def send():
        while True:
            stored = await store.put(an_alert(now("a"), "b", key="", body=os.urandom(16)), LEASES)
            print("put", stored.alert_id, flush=True)
            await store.record(a_result(stored.claims[0]))
            print("delivered", stored.alert_id, flush=True)
    await asyncio.gather(*(send() for _ in range(8)))

asyncio.run(main())
"""


async def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(engine: SqliteEngine) -> None:
    said = [line for _ in range(3) for line in await asyncio.to_thread(_write_and_kill, engine.path.parent)]
    store = await engine.open()
    for word, alert_id in said:
        found = await store.alert(alert_id)
        assert found is not None
        states = {row.route: row.state for row in found[2]}
        assert states["b"] is State.PENDING
        assert word == "put" or states["a"] is State.DELIVERED
    assert len({alert_id for word, alert_id in said if word == "put"}) == sum(word == "put" for word, _ in said)


def _write_and_kill(folder: Path) -> list[list[str]]:
    """What a writing process said it had stored and delivered before it was killed."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(150)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [line.split() for line in lines if line.endswith("\n")]
