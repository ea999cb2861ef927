"""SIGTERM to a gateway in a process of its own, in every situation that has lost somebody's alerts before."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.journey.journey_world import (
    Process,
    Receiver,
    a_body,
    a_gateway,
    a_route,
    environment,
    session,
)


@pytest.fixture
async def made() -> AsyncIterator[ClientSession]:
    async with session() as made:
        yield made


def reread(folder: Path) -> list[tuple[str, int, int]]:
    """Every delivery on disk: alert id, state as stored, attempts charged."""
    with closing(sqlite3.connect(f"file:{folder / 'gateway.db'}?mode=ro", uri=True)) as db:
        found: list[Any] = db.execute(
            "SELECT a.alert_id, d.state, d.attempts FROM delivery d JOIN alert a ON a.id = d.alert ORDER BY d.id"
        ).fetchall()
        return found


PENDING, SENDING, DELIVERED = 0, 1, 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_gateway_ends_at_once(tmp_path: Path, made: ClientSession, number: int) -> None:
    async with Process(environment(tmp_path)) as process:
        client = await process.client(made)
        await client.accepted(a_body("kept"))
        process.signal(number)
        assert await process.ended(within_s=10) == 0
    assert [line["event"] for line in process.log][-2:] == ["gateway.stopping", "gateway.stopped"]
    assert not (tmp_path / "gateway.db-wal").exists(), "the file is whole by itself"


async def test_what_is_in_flight_is_finished_within_the_grace_time(tmp_path: Path, made: ClientSession) -> None:
    async with Receiver() as receiver:
        receiver.shut()
        async with Process(environment(tmp_path, **a_route("soc", URL=receiver.url()))) as process:
            client = await process.client(made)
            await client.accepted(a_body("in-flight"))
            await receiver.until(1)
            process.signal()
            await process.until_said("gateway.stopping")
            receiver.open()
            assert await process.ended() == 0
    assert reread(tmp_path) == [("in-flight", DELIVERED, 1)]
    assert len(receiver.got) == 1


async def test_while_it_waits_for_what_is_in_flight_it_takes_nothing_new(tmp_path: Path, made: ClientSession) -> None:
    async with Receiver() as receiver:
        receiver.shut()
        async with Process(environment(tmp_path, **a_route("soc", URL=receiver.url()))) as process:
            client = await process.client(made)
            await client.accepted(a_body("in-flight"))
            await receiver.until(1)
            process.signal()
            await process.until_said("gateway.stopping")
            assert (await client.post(a_body("too-late")))[0] == 503
            assert await client.status("/readyz") == 503
            assert await client.status("/healthz") == 200
            receiver.open()
            assert await process.ended() == 0
    assert [alert for alert, *_ in reread(tmp_path)] == ["in-flight"]


async def test_what_outlasts_the_grace_time_is_given_back_uncharged(tmp_path: Path, made: ClientSession) -> None:
    async with Receiver() as receiver:
        receiver.shut()
        environ = environment(tmp_path, GATEWAY_SHUTDOWN_GRACE="200ms", **a_route("soc", URL=receiver.url()))
        async with Process(environ) as process:
            client = await process.client(made)
            await client.accepted(a_body("hangs"))
            await receiver.until(1)
            process.signal()
            assert await process.ended(within_s=15) == 0
    assert reread(tmp_path) == [("hangs", PENDING, 0)]


async def test_nothing_is_lost_because_the_receiver_was_down(tmp_path: Path, made: ClientSession) -> None:
    async with Receiver() as receiver:
        closed = receiver.url()
    environ = environment(tmp_path, **a_route("soc", URL=closed, RETRY_SCHEDULE="1h"))
    async with Process(environ) as process:
        client = await process.client(made)
        for number in range(20):
            await client.accepted(a_body(f"alert-{number}"))
        process.signal()
        assert await process.ended(within_s=20) == 0
    assert [(alert, state) for alert, state, _ in reread(tmp_path)] == [(f"alert-{n}", PENDING) for n in range(20)]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program holds the write lock, as a careless backup or an open shell does."""
    with closing(sqlite3.connect(folder / "gateway.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


async def test_a_result_that_another_program_keeps_off_the_disk_is_written_once_it_lets_go(
    tmp_path: Path, made: ClientSession
) -> None:
    async with Receiver() as receiver:
        receiver.shut()
        async with Process(
            environment(tmp_path, GATEWAY_SHUTDOWN_GRACE="60s", **a_route("soc", URL=receiver.url()))
        ) as process:
            client = await process.client(made)
            await client.accepted(a_body("in-flight"))
            await receiver.until(1)
            with locked(tmp_path):
                receiver.open()
                process.signal()
                await process.until_said("gateway.stopping")
                assert (await client.post(a_body("too-late")))[0] == 503
            assert await process.ended() == 0
    assert reread(tmp_path) == [("in-flight", DELIVERED, 1)]


@pytest.mark.slow
async def test_a_database_that_stays_locked_does_not_keep_the_gateway_from_ending(
    tmp_path: Path, made: ClientSession
) -> None:
    async with Receiver() as receiver:
        environ = environment(tmp_path, GATEWAY_SHUTDOWN_GRACE="1s", **a_route("soc", URL=receiver.url()))
        receiver.shut()
        async with Process(environ) as process:
            client = await process.client(made)
            await client.accepted(a_body("in-flight"))
            await receiver.until(1)
            with locked(tmp_path):
                receiver.open()
                process.signal()
                assert await process.ended(within_s=60) == 0
        receiver.statuses = [200]
        async with a_gateway(environ) as (_, client):
            (delivery,) = (await client.get("/api/v1/deliveries"))["deliveries"]
            await client.until_state("delivered", (delivery["alert"], "soc"))
    assert len(receiver.got) == 2, "its result never came to the disk, so it was sent again"


async def test_a_second_signal_changes_nothing(tmp_path: Path, made: ClientSession) -> None:
    async with Receiver() as receiver:
        receiver.shut()
        async with Process(environment(tmp_path, **a_route("soc", URL=receiver.url()))) as process:
            client = await process.client(made)
            await client.accepted(a_body("in-flight"))
            await receiver.until(1)
            process.signal()
            await process.until_said("gateway.stopping")
            process.signal()
            await asyncio.sleep(0)
            receiver.open()
            assert await process.ended() == 0
    assert reread(tmp_path) == [("in-flight", DELIVERED, 1)]


async def test_killed_in_the_middle_it_makes_the_attempt_again_and_counts_it(
    tmp_path: Path, made: ClientSession
) -> None:
    async with Receiver() as receiver:
        receiver.shut()
        environ = environment(tmp_path, **a_route("soc", URL=receiver.url()))
        async with Process(environ) as process:
            client = await process.client(made)
            alert = await client.accepted(a_body("in-flight"))
            await receiver.until(1)
            process.signal(signal.SIGKILL)
            await process.ended()
        receiver.open()
        async with a_gateway(environ) as (_, client):
            await client.until_state("delivered", (alert, "soc"))
            attempts = (await client.delivery(alert, "soc"))["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["interrupted", "ok"]
