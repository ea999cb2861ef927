"""What the gateway does by itself: proves that it lives, takes back lost leases, forgets old alerts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from gateway.pipeline.dispatch import Dispatcher
from gateway.ports import Clock, Observer, Store, StoreUnavailable

HEARTBEAT_S = 5.0
SILENT_S = 60.0
"""Without a heartbeat for so long the process is stuck, and /healthz says so."""
_TAKE_BACK_S = 10.0
_LEASES_S = 30.0
_RENEW_S = 10.0
"""A third of what a lease has to spare."""
_PURGE_S = 60.0
_PURGE_SLICE = 500
_PURGE_PAUSE_S = 0.05
_AUDIT_US = 400 * 86_400_000_000
"""What was changed out there is asked about once a year by auditors, and undone long after its alert is forgotten."""


class Housekeeping:
    """`retention_us`: how long finished alerts are kept."""

    def __init__(
        self, store: Store, dispatcher: Dispatcher, clock: Clock, observer: Observer, *, retention_us: int
    ) -> None:
        self._store, self._dispatcher, self._clock, self._observer = store, dispatcher, clock, observer
        self._retention_us = retention_us
        self._beat_s = clock.monotonic_s()
        self._refused_s = float("-inf")

    @property
    def is_alive(self) -> bool:
        """The loop turns and the store answers, be it with a refusal."""
        return self._clock.monotonic_s() - self._beat_s < SILENT_S

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for every_s, work in (
                (HEARTBEAT_S, self.beat),
                (_RENEW_S, self._dispatcher.renew),
                (_TAKE_BACK_S, self.take_back),
                (_PURGE_S, self.forget),
            ):
                tasks.create_task(_repeat(work, every_s))

    async def beat(self) -> None:
        try:
            await self._store.ping()
        except StoreUnavailable:
            self._refused_s = self._clock.monotonic_s()
        self._beat_s = self._clock.monotonic_s()

    async def take_back(self) -> None:
        """Not soon after the store was out of reach: results that had to wait for it go first, or what was delivered
        would be sent again.
        """
        if self._clock.monotonic_s() - self._refused_s < _LEASES_S:
            return
        routes = await self._store.expire_leases()
        for route in routes:
            self._observer.lease_expired(route)
        self._dispatcher.wake(routes)

    async def forget(self) -> None:
        if not await self._store.take_turn("forgetting", 2 * _PURGE_S):
            return
        gone = 0
        while went := await self._store.purge(self._clock.now_us() - self._retention_us, limit=_PURGE_SLICE):
            gone += went
            await asyncio.sleep(_PURGE_PAUSE_S)
        if gone:
            self._observer.purged(gone)
        await self._store.purge_remediations(self._clock.now_us() - max(self._retention_us, _AUDIT_US))


async def _repeat(work: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        with suppress(StoreUnavailable):
            await work()
