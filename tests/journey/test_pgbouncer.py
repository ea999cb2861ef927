"""Two gateways with one PostgreSQL behind a real PgBouncer in transaction mode."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from tests.load import alerts
from tests.load.program import Gateway
from tests.load.receiver import Receiver
from tests.load.sender import Sender, post_all, status_of
from tests.load.waiting import holds
from tests.pgbouncer import Pooler, a_pooler
from tests.postgres_server import own_server

_ALERTS, _SENDERS = 300, 4


class World:
    """`arrived`: how often each alert was received."""

    def __init__(self, pooler: Pooler, receiver: Receiver, gateways: list[Gateway], direct: str) -> None:
        self.pooler, self.receiver, self.gateways, self.direct = pooler, receiver, gateways, direct
        self.arrived = Counter[str]()
        receiver.answered = lambda body: self.arrived.update([alerts.read(body)[0]])

    async def states(self) -> dict[int, int]:
        """Deliveries in each state, asked past the pooler."""
        connection = await asyncpg.connect(self.direct)
        rows = await connection.fetch("SELECT state, count(*) FROM delivery GROUP BY state")
        await connection.close()
        return dict(rows)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        server = stack.enter_context(own_server())
        pooler = stack.enter_context(a_pooler(server))
        await pooler.start()
        receiver = await stack.enter_async_context(Receiver())
        gateways = [
            Gateway(tmp_path / str(number), GATEWAY_DATABASE=pooler.url, GATEWAY_DATABASE_DIRECT=server.url)
            for number in range(2)
        ]
        for gateway in gateways:
            gateway.route("hook", DESTINATION="webhook", URL=receiver.url, FORMAT="original", TIMEOUT="2s")
            stack.callback(gateway.process.kill)
        await asyncio.gather(*(gateway.start() for gateway in gateways))
        yield World(pooler, receiver, gateways, server.url)


@pytest.mark.slow
async def test_behind_a_pooler_every_alert_goes_out_once_whichever_gateway_took_it(world: World) -> None:
    names = [f"P{number}" for number in range(_ALERTS)]
    async with asyncio.TaskGroup() as group:
        for at, gateway in enumerate(world.gateways):
            bodies = (alerts.body(name) for name in names[at::2])
            group.create_task(post_all(gateway.port, bodies, _SENDERS))
    await world.receiver.until(_ALERTS, within_s=30)
    for gateway in world.gateways:
        assert await gateway.process.stop() == 0
    assert world.arrived == Counter(names)
    assert await world.states() == {3: _ALERTS}


@pytest.mark.slow
async def test_while_the_pooler_is_away_alerts_are_refused_and_none_that_was_taken_is_lost(world: World) -> None:
    load = Load(world.gateways)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(_SENDERS):
            for gateway in world.gateways:
                group.create_task(load.send(gateway))
        assert await holds(lambda: len(load.taken) >= _ALERTS, within_s=20)
        world.pooler.kill()
        for gateway in world.gateways:
            assert await holds(lambda gateway=gateway: load.last[gateway] == 503, within_s=5)  # type: ignore[misc]
        for gateway in world.gateways:
            assert await status_of(gateway.ops_port, "/healthz") == 200
        await world.pooler.start()
        for gateway in world.gateways:
            assert await holds(lambda gateway=gateway: load.last[gateway] == 200, within_s=10)  # type: ignore[misc]
        load.over = True
    assert set(load.statuses) == {200, 503}
    assert await holds(lambda: load.taken <= set(world.arrived), within_s=60)


class Load:
    """Alerts without end, each sent once. `taken`: those that were acknowledged; `last`: each gateway's last answer."""

    def __init__(self, gateways: list[Gateway]) -> None:
        self.taken, self.statuses, self.over = set[str](), Counter[int](), False
        self.last = dict.fromkeys(gateways, 0)
        self._numbers = count()

    async def send(self, gateway: Gateway) -> None:
        sender = Sender(gateway.port)
        while not self.over:
            name = f"L{next(self._numbers)}"
            status = self.last[gateway] = await sender.post(alerts.body(name))
            self.statuses[status] += 1
            if status == 200:
                self.taken.add(name)
            await asyncio.sleep(0)
        sender.close()
