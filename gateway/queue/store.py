"""The store over tables, whichever engine keeps them. Statements live beside this file; here is who runs them: the
writer or a reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from gateway.domain.delivery import Claim, Claims, NewAlert, PutOff, Recorded, Result, RouteState, Stored
from gateway.domain.policy import Pace
from gateway.domain.query import (
    AlertRow,
    AlertSelection,
    AttemptRow,
    Decided,
    DeliveryRow,
    IncidentDetail,
    IncidentSelection,
    Job,
    JobKind,
    Page,
    Selection,
)
from gateway.domain.recording import RecordingPage
from gateway.domain.silence import Silence
from gateway.queue import (
    changes,
    claims,
    forgetting,
    handing_back,
    holds,
    ingest,
    jobs,
    leases,
    listing,
    recordings,
    remembered,
    results,
    retention,
    routes,
    silences,
)
from gateway.queue.book import Book
from gateway.queue.guards import TableGuards
from gateway.queue.running import Reading, Writing

_HASTENED_AT_ONCE = 500
_LOST_AT_ONCE = 500
_OVERHEAD_BYTES = 1024  # of a waiting alert besides its body


class TableStore(TableGuards):
    """Fills `ports.Store` but for its end. `searches` apart from `lookups`, so that an operator's long search does not
    hold up what the schedule has to know.
    """

    def __init__(self, writer: Writing, lookups: Reading, searches: Reading) -> None:
        self._writer, self._lookups, self._searches = writer, lookups, searches
        self._purged_up_to = retention.FIRST

    @property
    def shared(self) -> bool:
        return False

    async def news(self, within_s: float) -> None:
        await asyncio.sleep(within_s)

    async def take_turn(self, _duty: str, _for_s: float) -> bool:
        return True

    async def take_pace(self, _route: str, _pace: Pace, most: int) -> tuple[int, float]:
        return most, 0.0

    async def put(self, alert: NewAlert, lease_us: Mapping[str, int]) -> Stored:
        return await self._writer.write(ingest.put, ingest.Arrival(alert, lease_us), len(alert.body) + _OVERHEAD_BYTES)

    async def claim(
        self,
        route: str,
        *,
        fresh: int,
        retries: int,
        limit: int,
        lease_us: int,
        retries_first: bool = False,
        early: bool = False,
        group_interval_us: int = 0,
    ) -> Claims:
        wish = claims.Wish(route, fresh, retries, limit, lease_us, retries_first, early, group_interval_us)
        return await self._writer.write(claims.claim, wish)

    async def hasten(self, route: str) -> int:
        """In slices, so that a long backlog does not hold up alerts."""
        hurry = claims.Hurry(route, await self._lookups.read(now_us), _HASTENED_AT_ONCE)
        hastened = 0
        while changed := await self._writer.write(claims.hasten, hurry):
            hastened += changed
        return hastened

    async def record(self, result: Result) -> Recorded:
        return await self._writer.write(results.record, result)

    async def release(self, claims_: Sequence[Claim]) -> None:
        await self._writer.write(handing_back.release, claims_)

    async def put_off(self, claim: Claim, waits: Sequence[PutOff]) -> tuple[tuple[str, int], ...]:
        return await self._writer.write(handing_back.put_off, (claim, waits))

    async def expire_leases(self) -> tuple[str, ...]:
        routes_: set[str] = set()
        while (lost := await self._lookups.read(partial(leases.out_of_time, limit=_LOST_AT_ONCE))).rows:
            routes_.update(await self._writer.write(leases.interrupt, lost))
        return tuple(sorted(routes_))

    async def renew(self, claims_: Sequence[Claim], lease_us: int) -> None:
        await self._writer.write(leases.renew, (claims_, lease_us))

    async def route_states(self) -> Mapping[str, RouteState]:
        return await self._lookups.read(routes.route_states)

    async def put_route_state(self, state: RouteState) -> None:
        await self._writer.write(routes.put_route_state, state)

    async def next_due(self, routes_: Sequence[str]) -> Mapping[str, int]:
        return await self._lookups.read(partial(routes.next_due, routes=routes_))

    async def oldest_due_us(self, routes_: Sequence[str]) -> Mapping[str, int]:
        return await self._lookups.read(partial(routes.oldest_due_us, routes=routes_))

    async def waiting_routes(self) -> tuple[str, ...]:
        return await self._lookups.read(routes.waiting_routes)

    async def held_count(self) -> int:
        return await self._lookups.read(listing.held_count)

    async def alerts(self, selection: AlertSelection, *, limit: int, cursor: str = "") -> Page:
        return await self._searches.read(partial(listing.alerts, selection=selection, limit=limit, cursor=cursor))

    async def alert(
        self, alert_id: str, *, stopped: Sequence[str]
    ) -> tuple[AlertRow, bytes, tuple[DeliveryRow, ...]] | None:
        return await self._searches.read(partial(listing.alert, alert_id=alert_id, stopped=frozenset(stopped)))

    async def recordings(self, selection: AlertSelection, *, limit: int, after: str = "") -> RecordingPage:
        query = partial(recordings.recordings, selection=selection, limit=limit, after=after)
        return await self._searches.read(query)

    async def decided(self, alert_id: str) -> Decided | None:
        return await self._searches.read(partial(listing.decided, alert_id=alert_id))

    async def incidents(self, selection: IncidentSelection, *, limit: int, cursor: str = "") -> Page:
        return await self._searches.read(partial(remembered.incidents, selection=selection, limit=limit, cursor=cursor))

    async def incident(self, key: str) -> IncidentDetail | None:
        return await self._searches.read(partial(remembered.incident, key=key))

    async def deliveries(self, selection: Selection, *, stopped: Sequence[str], limit: int, cursor: str = "") -> Page:
        query = partial(listing.deliveries, selection=selection, stopped=frozenset(stopped), limit=limit, cursor=cursor)
        return await self._searches.read(query)

    async def delivery(
        self, delivery_id: str, *, stopped: Sequence[str]
    ) -> tuple[DeliveryRow, tuple[AttemptRow, ...]] | None:
        return await self._searches.read(partial(listing.delivery, delivery_id=delivery_id, stopped=frozenset(stopped)))

    async def count(self, selection: Selection, *, stopped: Sequence[str]) -> int:
        """Exact up to 1,000,000, where counting ends."""
        return await self._searches.read(partial(listing.count, selection=selection, stopped=frozenset(stopped)))

    async def replay(self, delivery_ids: Sequence[str]) -> tuple[str, ...]:
        return await self._writer.write(changes.replay, delivery_ids)

    async def cancel(self, delivery_ids: Sequence[str]) -> tuple[str, ...]:
        return await self._writer.write(changes.cancel, delivery_ids)

    async def readmit(self, alert_id: str, alert: NewAlert) -> Stored | None:
        return await self._writer.write(ingest.readmit, ingest.Rereading(alert_id, alert))

    async def add_job(self, kind: JobKind, selection: Selection, *, stopped: Sequence[str]) -> Job:
        total = await self.count(selection, stopped=stopped)
        return await self._writer.write(jobs.add_job, jobs.NewJob(kind, selection, frozenset(stopped), total))

    async def step_job(self, job_id: int, *, limit: int) -> tuple[Job, tuple[str, ...]]:
        """Raises LookupError for a job that does not exist."""
        chosen = await self._searches.read(partial(jobs.choose, job_id=job_id, limit=max(1, limit)))
        if chosen is None:
            return await self._searches.read(partial(jobs.known, job_id=job_id)), ()
        return await self._writer.write(jobs.carry_out, chosen)

    async def stop_job(self, job_id: int) -> Job | None:
        return await self._writer.write(jobs.stop_job, job_id)

    async def job(self, job_id: int) -> Job | None:
        return await self._searches.read(partial(jobs.job, job_id=job_id))

    async def jobs(self, *, limit: int) -> tuple[Job, ...]:
        return await self._searches.read(partial(jobs.jobs, limit=limit))

    async def purge(self, before_us: int, *, limit: int) -> int:
        """Goes on where the last call ended, so that what cannot go yet is passed once in each round, not each time."""
        query = partial(retention.old, after=self._purged_up_to, before_us=before_us, limit=limit)
        found = await self._searches.read(query)
        self._purged_up_to = found[-1] if len(found) == limit else retention.FIRST
        gone = await self._writer.write(retention.delete, found) if found else 0
        forgotten = await self._lookups.read(partial(retention.old_incidents, before_us=before_us, limit=limit))
        await self._writer.write(retention.forget, forgotten)
        return gone

    async def put_silence(self, silence: Silence) -> None:
        await self._writer.write(silences.put, silence)

    async def end_silence(self, silence_id: str) -> tuple[str, ...] | None:
        return await self._writer.write(silences.end, silence_id)

    async def end_windows(self, routes: Sequence[str]) -> None:
        if await self._lookups.read(holds.any_windows):
            await self._writer.write(holds.end_windows, routes)

    async def forget_told(self, routes: Sequence[str]) -> None:
        """In slices, so that a long memory does not hold up alerts."""
        for route in routes:
            if await self._lookups.read(partial(forgetting.anything, route=route)):
                while await self._writer.write(forgetting.forget, route):
                    pass

    async def silences(self) -> tuple[Silence, ...]:
        return await self._lookups.read(silences.unexpired)

    async def past_silences(self, since_us: int, *, limit: int, cursor: str = "") -> Page:
        return await self._searches.read(partial(silences.past, since_us=since_us, limit=limit, cursor=cursor))

    async def ping(self) -> None:
        await self._writer.write(routes.ping, None)


def now_us(book: Book) -> int:
    return book.now_us()
