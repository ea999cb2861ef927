"""Keeping up with what other replicas do to the same store: silences, the state of routes, work that came."""

from __future__ import annotations

import asyncio

from gateway.pipeline.dispatch import Dispatcher
from gateway.pipeline.jobs import Jobs
from gateway.pipeline.silences import Silences
from gateway.ports import Clock, Dice, Store, StoreUnavailable

_LOOK_EVERY_S = 2.0
_JOBS_EVERY_S = 10.0
_LEAST_S = 0.1


class Sharing:
    """Told by the others as soon as something changed; and looking from time to time, since a word may be lost."""

    def __init__(
        self, store: Store, dispatcher: Dispatcher, silences: Silences, jobs: Jobs, *, clock: Clock, dice: Dice
    ) -> None:
        self._store, self._dispatcher, self._silences, self._jobs = store, dispatcher, silences, jobs
        self._clock, self._dice = clock, dice
        self._jobs_at_s = 0.0

    async def run(self) -> None:
        while self._store.shared:
            # Not all at the same time, or everyone asks for the same deliveries at once.
            await self._store.news(_LOOK_EVERY_S * (0.75 + self._dice() / 2))
            try:
                await self.catch_up()
            except StoreUnavailable:
                await asyncio.sleep(_LOOK_EVERY_S)
            await asyncio.sleep(_LEAST_S)

    async def catch_up(self) -> None:
        await self._silences.refresh()
        await self._dispatcher.catch_up()
        if self._clock.monotonic_s() >= self._jobs_at_s:
            self._jobs_at_s = self._clock.monotonic_s() + _JOBS_EVERY_S
            self._jobs.look()
