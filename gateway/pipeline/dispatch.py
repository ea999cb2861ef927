"""Keeps every route's lane, runs the attempts, and lets go of them in good order at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence

import structlog

from gateway.domain.alert import Alert
from gateway.domain.breaker import restarted
from gateway.domain.delivery import Claim, RouteState
from gateway.pipeline.attempt import Courier
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.lane import Lane
from gateway.ports import Clock, Observer, Store

_SECOND_US = 1_000_000


class Dispatcher:
    """`lanes` are by route name. `start` before the first alert, `stop` once."""

    def __init__(
        self, routes: Sequence[ConfiguredRoute], *, store: Store, courier: Courier, clock: Clock, observer: Observer
    ) -> None:
        self._routes, self._store, self._courier = routes, store, courier
        self._clock, self._observer = clock, observer
        self._under_way: dict[asyncio.Task[None], Claim] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self.lanes: Mapping[str, Lane] = {}
        self.unconfigured: tuple[str, ...] = ()
        """Routes that have unfinished deliveries and are not configured any more."""

    async def start(self) -> None:
        states = await self._store.route_states()
        self.lanes = {route.name: self._lane(route, states.get(route.name)) for route in self._routes}
        for name, due_us in (await self._store.next_due(tuple(self.lanes))).items():
            self.lanes[name].wake_in(due_us / _SECOND_US)
        for lane in self.lanes.values():
            lane.wake_if_probing()
        self.unconfigured = tuple(name for name in await self._store.waiting_routes() if name not in self.lanes)
        for name in self.unconfigured:
            structlog.get_logger().warning(
                "route.missed",
                route=name,
                hint="deliveries wait for a route that is not configured: add it or cancel them",
            )

    def stopped_routes(self) -> tuple[str, ...]:
        """Names whose pending deliveries read as parked."""
        return (*(name for name, lane in self.lanes.items() if lane.is_stopped), *self.unconfigured)

    def wake(self, routes: Sequence[str]) -> None:
        for name in routes:
            if lane := self.lanes.get(name):
                lane.wake()

    async def stop(self, grace_s: float) -> None:
        """Claim nothing more, let what is under way finish within the grace time, give the rest back untried."""
        for lane in self.lanes.values():
            lane.stop()
        if self._pumps:
            await asyncio.wait(self._pumps, timeout=grace_s)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=grace_s)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            await self._store.release(tuple(left.values()))

    def _lane(self, route: ConfiguredRoute, stored: RouteState | None) -> Lane:
        state = restarted(stored or RouteState(route.name), self._clock.now_us())
        return Lane(
            route,
            state,
            store=self._store,
            clock=self._clock,
            observer=self._observer,
            start=self._attempt,
            spawn=self._pump,
        )

    def _attempt(self, lane: Lane, claim: Claim, alert: Alert | None) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(lane, claim, alert))
        self._under_way[task] = claim
        task.add_done_callback(self._under_way.pop)

    async def _deliver(self, lane: Lane, claim: Claim, alert: Alert | None) -> None:
        try:
            await self._courier.deliver(lane, claim, alert)
        finally:
            lane.ended(claim)

    def _pump(self, pump: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(pump)
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)
