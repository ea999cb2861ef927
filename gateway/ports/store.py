"""The store: the queue that is a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.domain.delivery import Claim, Claims, NewAlert, PutOff, Recorded, Result, RouteState, Stored
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
from gateway.ports.guards import Guards
from gateway.ports.shared import Shared


class Store(Guards, Shared, Protocol):
    """The durable queue. Every write is on disk when its call returns, or raises StoreUnavailable and did not happen.

    Within one route and incident key at most one delivery is handed out at a time, oldest first; a finished or parked
    one makes room for the next. A `NewDelivery.supersede` turns the older *waiting* ones `superseded` instead.
    """

    async def put(self, alert: NewAlert, lease_us: Mapping[str, int]) -> Stored:
        """Store an alert and its deliveries; an exact repeat stores nothing and answers with the first one's id.
        `lease_us`: route -> lease for deliveries handed out at once.
        """

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
        """Hand out at most `limit` deliveries: up to `fresh` that were never tried (oldest first) and up to `retries`
        that are due again (longest due first); `retries_first` decides who yields when the limit bites.
        `early`: also retries that are not due yet (a probe wants any real delivery). `group_interval_us`: when a group
        is handed out, later states of its members' incidents are due no earlier than so long after.
        """

    async def hasten(self, route: str) -> int:
        """Make every waiting retry of the route due now; how many. The receiver is back: nobody waits out a schedule
        that was made for its absence.
        """

    async def record(self, result: Result) -> Recorded:
        """Write an attempt and its delivery's next state, if the token still holds."""

    async def release(self, claims: Sequence[Claim]) -> None:
        """Give back what was handed out but not tried: pending again, due at once, nothing charged."""

    async def put_off(self, claim: Claim, waits: Sequence[PutOff]) -> tuple[tuple[str, int], ...]:
        """Give back what was handed out but must not be sent yet, nothing charged: the rows of `waits` until their
        time, all others of the claim as `release` does. Who stands in for them waits as much longer. (route,
        microseconds until then) of what is due then.
        """

    async def renew(self, claims: Sequence[Claim], lease_us: int) -> None:
        """Let the leases of these end so long from now; one that was lost stays lost."""

    async def expire_leases(self) -> tuple[str, ...]:
        """Take back deliveries whose lease ran out (attempt recorded as interrupted); the routes concerned."""

    async def route_states(self) -> Mapping[str, RouteState]: ...

    async def put_route_state(self, state: RouteState) -> None: ...

    async def next_due(self, routes: Sequence[str]) -> Mapping[str, int]:
        """For each of these routes with something waiting: microseconds until its first delivery is due, 0 if it is."""

    async def oldest_due_us(self, routes: Sequence[str]) -> Mapping[str, int]:
        """For each of these routes with something due: how long the oldest has been due, in microseconds. For metrics;
        bounded cost.
        """

    async def waiting_routes(self) -> tuple[str, ...]:
        """Every route name that has unfinished deliveries, also those no longer configured."""

    async def held_count(self) -> int: ...

    async def alerts(self, selection: AlertSelection, *, limit: int, cursor: str = "") -> Page:
        """`cursor`: the `next` of the page before, "" for the first. Raises UnknownCursor."""

    async def alert(
        self, alert_id: str, *, stopped: Sequence[str]
    ) -> tuple[AlertRow, bytes, tuple[DeliveryRow, ...]] | None:
        """One alert, its body as received and its deliveries; None when there is none of that id. `stopped` as of
        `deliveries`.
        """

    async def recordings(self, selection: AlertSelection, *, limit: int, after: str = "") -> RecordingPage:
        """Of alerts by source, environment and time, the oldest first; not of our own requests for approval.
        `after`: the `next` of the page before. Raises UnknownCursor.
        """

    async def decided(self, alert_id: str) -> Decided | None:
        """What was recorded when that alert came; None when there is none of that id."""

    async def incidents(self, selection: IncidentSelection, *, limit: int, cursor: str = "") -> Page:
        """Those first that were seen last. `cursor` as of `alerts`."""

    async def incident(self, key: str) -> IncidentDetail | None: ...

    async def deliveries(self, selection: Selection, *, stopped: Sequence[str], limit: int, cursor: str = "") -> Page:
        """`stopped`: names of the routes whose pending deliveries read (and are selected) as parked now; every route
        that is not configured is among them. `cursor` as of `alerts`.
        """

    async def delivery(
        self, delivery_id: str, *, stopped: Sequence[str]
    ) -> tuple[DeliveryRow, tuple[AttemptRow, ...]] | None: ...

    async def count(self, selection: Selection, *, stopped: Sequence[str]) -> int: ...

    async def replay(self, delivery_ids: Sequence[str]) -> tuple[str, ...]:
        """Make these pending again, as retries due now, attempts counted anew; the ids that changed. One that is
        pending, sending or unknown stays as it is.
        """

    async def cancel(self, delivery_ids: Sequence[str]) -> tuple[str, ...]:
        """Make these cancelled; the ids that changed. Only pending and parked ones can be."""

    async def readmit(self, alert_id: str, alert: NewAlert) -> Stored | None:
        """Replace a held alert's reading by a new one and add its deliveries; None when it is not held (any more)."""

    async def add_job(self, kind: JobKind, selection: Selection, *, stopped: Sequence[str]) -> Job: ...

    async def step_job(self, job_id: int, *, limit: int) -> tuple[Job, tuple[str, ...]]:
        """Carry out the next slice; the job as it stands and the routes that got work."""

    async def stop_job(self, job_id: int) -> Job | None: ...

    async def job(self, job_id: int) -> Job | None: ...

    async def jobs(self, *, limit: int) -> tuple[Job, ...]:
        """Youngest first."""

    async def purge(self, before_us: int, *, limit: int) -> int:
        """Delete up to `limit` alerts received before then with everything finished; how many went. Held alerts and
        unfinished deliveries stay.
        """

    async def put_silence(self, silence: Silence) -> None: ...

    async def end_silence(self, silence_id: str) -> tuple[str, ...] | None:
        """It is over now, and what it holds is due and asks when it is handed out; the routes concerned, None when no
        such silence waits or is in force.
        """

    async def end_windows(self, routes: Sequence[str]) -> None:
        """Make due what waits for the hours of these routes: they are open, perhaps since their file was changed."""

    async def forget_told(self, routes: Sequence[str]) -> None:
        """Forget what these routes were told, and remember no more what is on its way to them: their receivers are sent
        every alert.
        """

    async def silences(self) -> tuple[Silence, ...]:
        """Those that are not over, also those that have not begun."""

    async def past_silences(self, since_us: int, *, limit: int, cursor: str = "") -> Page:
        """Those that were not over at that time, whatever became of them since, youngest first. `cursor` as of
        `alerts`.
        """

    async def ping(self) -> None:
        """Commit a row."""

    async def close(self) -> None:
        """Finish what was admitted, then stop."""
