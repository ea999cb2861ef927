"""The database goes away under a running gateway, and comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import asyncpg
import pytest

from tests.load import alerts
from tests.load.program import Gateway
from tests.load.receiver import Receiver, Reply
from tests.load.sender import HEADER, SECRET
from tests.load.waiting import holds
from tests.postgres_server import OwnServer, own_server


@pytest.fixture
def server() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


@pytest.mark.slow
async def test_webhooks_are_refused_at_once_and_all_goes_on_by_itself(tmp_path: Path, server: OwnServer) -> None:
    gateway = Gateway(tmp_path, GATEWAY_DATABASE=server.url)
    async with Receiver(lambda _: Reply(wait_s=2.0)) as receiver:
        gateway.route("hook", DESTINATION="webhook", URL=receiver.url, FORMAT="original")
        try:
            await gateway.start()
            assert (await _post(gateway, "A1")).status == 200
            await asyncio.to_thread(server.stop, "immediate")
            for name in ("A2", "A3"):
                began = asyncio.get_running_loop().time()
                refused = await _post(gateway, name)
                assert refused.status == 503
                assert int(refused.headers["Retry-After"]) >= 1
                assert asyncio.get_running_loop().time() - began < 1
            assert "the database cannot be reached" in await _why_not_ready(gateway)
            await asyncio.to_thread(server.start)
            await gateway.process.ready(gateway.ops_port, "/readyz", within_s=10)
            assert (await _post(gateway, "A4")).status == 200
            assert await holds(lambda: receiver.count >= 2, within_s=10)
            assert await gateway.process.stop() == 0
        finally:
            gateway.process.kill()
    assert receiver.count == 2
    assert await _states(server) == {"delivered": 2}


@pytest.mark.slow
async def test_a_connection_that_was_ended_is_not_used_again(tmp_path: Path, server: OwnServer) -> None:
    gateway = Gateway(tmp_path, GATEWAY_DATABASE=server.url)
    try:
        await gateway.start()
        assert (await _post(gateway, "B1")).status == 200
        await _end_connections(server)
        async with asyncio.timeout(10):
            # Of /readyz nothing can be learnt so soon: what it says may be a second old.
            while (answer := await _post(gateway, "B2")).status != 200:
                assert answer.status == 503
        assert await gateway.process.stop() == 0
    finally:
        gateway.process.kill()


async def _post(gateway: Gateway, name: str) -> HTTPResponse:
    def post() -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        connection.request("POST", "/webhooks/optix", alerts.body(name), {HEADER: SECRET})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    return await asyncio.to_thread(post)


async def _why_not_ready(gateway: Gateway) -> str:
    """As soon as it says that it is not: the store is asked once a second."""
    for _ in range(200):
        status, said = await asyncio.to_thread(_readiness, gateway.ops_port)
        if status == 503:
            return str(said["error"])
        await asyncio.sleep(0.02)
    raise AssertionError("it says that it is ready")


def _readiness(port: int) -> tuple[int, dict[str, object]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    return answer.status, said


async def _states(server: OwnServer) -> dict[str, int]:
    connection = await asyncpg.connect(server.url)
    rows = await connection.fetch("SELECT state, count(*) FROM delivery GROUP BY state")
    await connection.close()
    return {{3: "delivered"}.get(state, str(state)): count for state, count in rows}


async def _end_connections(server: OwnServer) -> None:
    connection = await asyncpg.connect(server.url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres'"
    )
    await connection.close()
