"""Keeps every route's lane, runs the attempts, and lets go of them in good order at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from gateway.domain.alert import Alert
from gateway.domain.delivery import Claim, RouteState, Stored
from gateway.pipeline.alarm import Timer, on_loop
from gateway.pipeline.attempt import Courier
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.health import Health
from gateway.pipeline.lane import Lane
from gateway.pipeline.line import Hall
from gateway.ports import Clock, Observer, Store

_SECOND_US = 1_000_000


class Dispatcher:
    """`lanes` are by route name. `start` before the first alert, `stop` once."""

    def __init__(
        self,
        routes: Sequence[ConfiguredRoute],
        *,
        store: Store,
        courier: Courier,
        clock: Clock,
        observer: Observer,
        timer: Timer = on_loop,
    ) -> None:
        self._routes, self._store, self._courier = routes, store, courier
        self._clock, self._observer, self._timer = clock, observer, timer
        self._under_way: dict[asyncio.Task[None], Claim] = {}
        self._pumps: set[asyncio.Task[None]] = set()
        self._hall = Hall()
        self.lanes: Mapping[str, Lane] = {}
        self.unconfigured: tuple[str, ...] = ()
        """Routes that have unfinished deliveries and are not configured any more."""

    async def start(self) -> None:
        states = await self._store.route_states()
        self.lanes = {route.name: await self._lane(route, states.get(route.name)) for route in self._routes}
        await self._store.forget_told([route.name for route in self._routes if not route.terms.remembers])
        at = datetime.fromtimestamp(self._clock.now_us() / _SECOND_US, UTC)
        await self._store.end_windows([r.name for r in self._routes if r.schedule is None or r.schedule.is_open(at)])
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

    async def catch_up(self) -> None:
        """What other replicas did: the state of routes, and work that came or became due."""
        versions = {name: lane.version for name, lane in self.lanes.items()}
        for name, stored in (await self._store.route_states()).items():
            lane = self.lanes.get(name)
            if lane and lane.version == versions[name] and not lane.version % 2:
                lane.adopt(stored)
        for name, due_us in (await self._store.next_due(tuple(self.lanes))).items():
            self.lanes[name].wake_in(due_us / _SECOND_US)

    async def renew(self) -> None:
        """The leases of what is under way begin anew: who is still at it keeps it, however long it takes."""
        by_lease: dict[int, list[Claim]] = {}
        for claim in self._under_way.values():
            by_lease.setdefault(self.lanes[claim.route].lease_us, []).append(claim)
        for lease_us, claims in by_lease.items():
            await self._store.renew(claims, lease_us)

    def stopped_routes(self) -> tuple[str, ...]:
        """Names whose pending deliveries read as parked."""
        return (*(name for name, lane in self.lanes.items() if lane.is_stopped), *self.unconfigured)

    def expect(self, alert_id: str, alert: Alert, body: bytes, deliveries: int) -> None:
        """So many deliveries of this alert wait and may be handed out soon."""
        self._courier.recent.keep(alert_id, alert, body, deliveries)

    def arrange(self, stored: Stored) -> None:
        """Whatever an alert left to do is done in its time."""
        self.wake(stored.waiting)
        self._wake_later(stored.later)

    def _wake_later(self, later: Sequence[tuple[str, int]]) -> None:
        for name, due_us in later:
            if lane := self.lanes.get(name):
                lane.wake_in(due_us / _SECOND_US)

    def wake(self, routes: Sequence[str]) -> None:
        for name in routes:
            if lane := self.lanes.get(name):
                lane.wake()

    async def stop(self, grace_s: float) -> None:
        """Claim nothing more, let what is under way finish within the grace time, give the rest back untried."""
        for lane in self.lanes.values():
            lane.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._finish()
        left = {task: claim for task, claim in self._under_way.items() if not task.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            await self._store.release(tuple(left.values()))

    async def _finish(self) -> None:
        for lane in self.lanes.values():
            await lane.unreserved()
        while running := {*self._pumps, *self._under_way}:
            await asyncio.wait(running)

    async def _lane(self, route: ConfiguredRoute, stored: RouteState | None) -> Lane:
        before = stored or RouteState(route.name)
        health = Health(before, store=self._store, clock=self._clock, observer=self._observer)
        await health.restart(enabled=route.policy.enabled)
        return Lane(
            route,
            health,
            store=self._store,
            clock=self._clock,
            timer=self._timer,
            hall=self._hall,
            start=self._attempt,
            spawn=self._pump,
        )

    def _attempt(self, lane: Lane, claim: Claim, alert: Alert | None) -> None:
        task = asyncio.get_running_loop().create_task(self._deliver(lane, claim, alert))
        self._under_way[task] = claim
        task.add_done_callback(self._attempted)

    async def _deliver(self, lane: Lane, claim: Claim, alert: Alert | None) -> None:
        try:
            self._wake_later(await self._courier.deliver(lane, claim, alert))
        finally:
            lane.ended(claim)

    def _attempted(self, task: asyncio.Task[None]) -> None:
        claim = self._under_way.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its result is not on disk. The lease runs out, and another attempt is made.
            structlog.get_logger().error("delivery.crashed", delivery=claim.delivery_id, exc_info=error)

    def _pump(self, pump: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(pump)
        self._pumps.add(task)
        task.add_done_callback(self._pumped)

    def _pumped(self, task: asyncio.Task[None]) -> None:
        self._pumps.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            structlog.get_logger().error("route.stumbled", exc_info=error)
