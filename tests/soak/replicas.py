"""The same with replicas on one PostgreSQL: any of them is killed at any time, and so is the database, under load."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.load.program import Gateway
from tests.postgres_server import OwnServer
from tests.soak.engine import Plan, Soak

_REPLICAS = 3
_RESTARTS = 2


class ReplicaSoak(Soak):
    """Many alerts, because those that a killed replica was sending wait until its leases end."""

    route: Mapping[str, str] = {**Soak.route, "TIMEOUT": "2s"}
    alerts_each, backlog_most, answer_within_s = 120, 6000, 30.0

    def __init__(
        self, plan: Plan, folder: Path, server: OwnServer, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self._server, self.restarts = server, 0
        super().__init__(plan, folder, tell)

    def _make_gateways(self, folder: Path) -> Sequence[Gateway]:
        url = self._server.url
        return [Gateway(folder / str(number), GATEWAY_DATABASE=url) for number in range(_REPLICAS)]

    async def _kill_at_random(self) -> None:
        await super()._kill_at_random()
        due = self._plan.acknowledged * (self.restarts + 1) / (_RESTARTS + 1)
        if self.restarts < _RESTARTS and len(self._acknowledged) >= due:
            self.restarts += 1
            await asyncio.to_thread(self._server.stop, "immediate")
            await asyncio.sleep(self._dice.uniform(0, 2))
            await asyncio.to_thread(self._server.start)
            self._tell(f"the database was killed and started, {self.restarts}")
