"""Two gateways with one PostgreSQL, as behind a load balancer."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.load import alerts
from tests.load.program import Gateway
from tests.load.receiver import OK, SILENT, Receiver, Reply
from tests.load.sender import Sender
from tests.load.waiting import holds
from tests.postgres import a_database, put_back


@asynccontextmanager
async def replicas(folder: Path, url: str, **route: str) -> AsyncIterator[list[Gateway]]:
    database = a_database()
    gateways = [Gateway(folder / str(number), GATEWAY_DATABASE=database) for number in range(2)]
    try:
        async with AsyncExitStack() as stack:
            for gateway in gateways:
                gateway.route("hook", DESTINATION="webhook", URL=url, FORMAT="original", **route)
                await gateway.start()
                stack.callback(gateway.process.kill)
            yield gateways
    finally:
        put_back(database)


@pytest.mark.slow
async def test_a_pause_holds_everywhere_until_any_of_them_ends_it(tmp_path: Path) -> None:
    async with Receiver() as receiver, replicas(tmp_path, receiver.url) as (first, second):
        await asyncio.to_thread(_ask, first, "POST", "/api/v1/routes/hook/pause")
        assert await holds(lambda: _status(second) == "paused", within_s=10)
        assert await _post(second, "P1") == 200
        assert await _post(first, "P2") == 200
        assert not await holds(lambda: receiver.count > 0, within_s=3)
        await asyncio.to_thread(_ask, second, "POST", "/api/v1/routes/hook/resume")
        assert await holds(lambda: receiver.count == 2, within_s=10)
        assert await holds(lambda: _status(first) == "running", within_s=10)


@pytest.mark.slow
async def test_a_rate_limit_holds_for_both_together(tmp_path: Path) -> None:
    arrived: list[float] = []

    async with (
        Receiver(answered=lambda _: arrived.append(time.monotonic())) as receiver,
        replicas(tmp_path, receiver.url, RATE_LIMIT="10/s") as gateways,
    ):
        for number in range(40):
            assert await _post(gateways[number % 2], f"R{number}") == 200
        assert await holds(lambda: receiver.count == 40, within_s=20)
    for at, began in enumerate(arrived):
        assert sum(began <= each < began + 1 for each in arrived[at:]) <= 13  # a burst of one, and some jitter


@pytest.mark.slow
async def test_what_one_was_sending_when_it_was_killed_goes_out_by_the_other(tmp_path: Path) -> None:
    arrived: list[bytes] = []

    def respond(body: bytes) -> Reply:
        arrived.append(body)
        return OK if len(arrived) > 1 else SILENT

    async with Receiver(respond) as receiver, replicas(tmp_path, receiver.url, TIMEOUT="8s") as (first, second):
        assert await _post(first, "K1") == 200
        assert await holds(lambda: len(arrived) == 1, within_s=10)
        first.process.kill()
        assert await _post(second, "K2") == 200
        assert await holds(lambda: len(arrived) == 3, within_s=70)
    assert arrived == [alerts.body("K1"), alerts.body("K2"), alerts.body("K1")]


async def _post(gateway: Gateway, name: str) -> int:
    sender = Sender(gateway.port)
    try:
        return await sender.post(alerts.body(name))
    finally:
        sender.close()


def _ask(gateway: Gateway, method: str, path: str) -> dict[str, list[dict[str, object]]]:
    connection = HTTPConnection("127.0.0.1", gateway.ops_port, timeout=10)
    connection.request(method, path, "{}" if method == "POST" else None, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said: dict[str, list[dict[str, object]]] = json.loads(answer.read())
    connection.close()
    assert answer.status in {200, 202}, said
    return said


def _status(gateway: Gateway) -> object:
    return _ask(gateway, "GET", "/api/v1/routes")["routes"][0]["status"]
