"""Changes of many deliveries: carried out in slices beside the traffic, remembered over restarts."""

from __future__ import annotations

import asyncio

import structlog

from gateway.domain.query import Job, JobKind, Selection
from gateway.pipeline.dispatch import Dispatcher
from gateway.ports import Observer, Store, StoreUnavailable

SLICE = 200
_PAUSE_S = 0.01
_STORE_PAUSE_S = 1.0
_TURN_S = 15.0


class Jobs:
    def __init__(self, store: Store, dispatcher: Dispatcher, observer: Observer) -> None:
        self._store, self._dispatcher, self._observer = store, dispatcher, observer
        self._due = asyncio.Event()

    async def add(self, kind: JobKind, selection: Selection) -> Job:
        job = await self._store.add_job(kind, selection, stopped=self._dispatcher.stopped_routes())
        self._due.set()
        return job

    def look(self) -> None:
        """Another replica may have left one behind."""
        self._due.set()

    async def run(self) -> None:
        """For ever: first whatever a former process left unfinished, then what is added."""
        self._due.set()
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._run_unfinished()
            except StoreUnavailable:
                await asyncio.sleep(_STORE_PAUSE_S)
                self._due.set()

    async def _run_unfinished(self) -> None:
        for job in reversed(await self._store.jobs(limit=1000)):
            if job.ended_us is None:
                await self._run(job)

    async def _run(self, job: Job) -> None:
        state = {"replay": "pending", "cancel": "cancelled"}[job.kind]
        while job.ended_us is None and await self._store.take_turn(f"job {job.id}", _TURN_S):
            before = job.changed
            job, routes = await self._store.step_job(job.id, limit=SLICE)
            self._dispatcher.wake(routes)
            if job.changed > before:
                self._observer.deliveries_changed((), state, f"job {job.id}")
            # Traffic goes first: a replay of a whole month must not be felt by a fresh alert.
            await asyncio.sleep(_PAUSE_S)
        if job.ended_us is None:
            return  # another replica is at it
        structlog.get_logger().info("job.ended", job=job.id, kind=job.kind, changed=job.changed, of=job.total)
