from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from gateway.domain.delivery import State
from gateway.domain.query import AlertSelection, Selection
from gateway.ports import StoreUnavailable
from tests.queue.store_world import LEASES, START_US, SqliteEngine, a_result, an_alert, claim_all, now, state_of

MIB = 1024 * 1024


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


async def _fill_up(sqlite: SqliteEngine) -> list[str]:
    assert sqlite.store is not None
    store = sqlite.store
    (sqlite.path.parent / "ballast").write_bytes(b"x" * MIB)
    stored: list[str] = []
    while len(stored) < 200:
        try:
            stored.append((await store.put(an_alert("a", body=b"%d" % len(stored) * 20_000), LEASES)).alert_id)
        except StoreUnavailable as refused:
            assert refused.reason == "the disk is full"  # noqa: PT017 - how many fit is not known before
            return stored
    pytest.fail("the disk did not fill up")


async def test_alerts_are_refused_while_the_disk_is_nearly_full(sqlite: SqliteEngine) -> None:
    sqlite.reserve_bytes = 2**60
    store = await sqlite.open()
    with pytest.raises(StoreUnavailable, match="the disk is nearly full"):
        await store.put(an_alert("a"), LEASES)
    await store.ping()
    assert await claim_all(store) == ()


async def test_too_many_waiting_alerts_are_refused_at_once(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    blocker = sqlite3.connect(sqlite.path, isolation_level=None)
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


async def test_a_database_that_fails_is_reported_once_and_refuses_everything(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    stored = await store.put(an_alert("a"), LEASES)
    _spoil(sqlite.path)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await store.deliveries(Selection(), stopped=(), limit=5)
    assert len(sqlite.fatal) == 1
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


async def test_a_long_search_does_not_hold_up_the_schedule(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    gate = Event()
    searching = asyncio.ensure_future(store._searches.read(lambda _book: gate.wait(10)))
    await store.put(an_alert("a"), LEASES)
    assert await store.next_due(["a"]) == {"a": 0}
    assert not searching.done()
    gate.set()
    assert await searching


async def test_calls_after_close_are_refused(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    await sqlite.close()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.put(an_alert("a"), LEASES)
    with pytest.raises(StoreUnavailable):
        await store.held_count()


async def test_close_finishes_what_was_admitted(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    putting = [asyncio.ensure_future(store.put(an_alert("a"), LEASES)) for _ in range(100)]
    await asyncio.sleep(0)
    await sqlite.close()
    ids = {(await each).alert_id for each in putting}
    store = await sqlite.open()
    assert {row.id for row in (await store.alerts(AlertSelection(), limit=200)).alerts} == ids


async def test_callers_at_the_same_time_share_commits(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    await asyncio.gather(*(store.put(an_alert("a"), LEASES) for _ in range(200)))
    assert sum(sqlite.commits) == 200
    assert len(sqlite.commits) < 50


async def test_purging_gives_the_room_back(sqlite: SqliteEngine) -> None:
    store = await sqlite.open()
    await asyncio.gather(*(store.put(an_alert(body=b"%d" % n * 20_000), LEASES) for n in range(300)))
    while await store.purge(START_US + 1, limit=100):
        pass
    for _ in range(10):
        await store.purge(START_US + 1, limit=100)
    await sqlite.close()
    assert sqlite.path.stat().st_size < 5 * MIB


WRITER = """
import asyncio, os, sys
from pathlib import Path
from threading import Event
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


async def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(sqlite: SqliteEngine) -> None:
    said = [line for _ in range(3) for line in await asyncio.to_thread(_write_and_kill, sqlite.path.parent)]
    store = await sqlite.open()
    for word, alert_id in said:
        found = await store.alert(alert_id, stopped=())
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
