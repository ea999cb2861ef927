"""What the pipeline needs from outside. The wiring chooses who fills each port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.domain.approval import ApprovalRow, Ruling
from gateway.domain.delivery import Claim, Claims, NewAlert, PutOff, Recorded, Result, RouteState, Stored
from gateway.domain.message import Answer, Message
from gateway.domain.outcome import Outcome
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
from gateway.domain.remediation import Begun, RemediationRow, Step, Work
from gateway.domain.silence import Silence


class StoreUnavailable(Exception):
    """The store could not commit. Nothing of the call happened. `reason` is safe to show; `retry_after_s` is a guess at
    when to try again.
    """

    def __init__(self, reason: str, retry_after_s: int = 5) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class UnknownCursor(Exception):
    """A list was to go on after a place that is none of this store's. `cursor`: as it was given, unescaped."""

    def __init__(self, cursor: str) -> None:
        super().__init__("the cursor is of no page of this store")
        self.cursor = cursor


class Clock(Protocol):
    def now_us(self) -> int:
        """Microseconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds of a clock that is never set."""


class Dice(Protocol):
    def __call__(self) -> float:
        """A number from 0 up to, not including, 1."""


class Transport(Protocol):
    """Carries one kind of message. Never raises for what a receiver or the network does: that is `NoAnswer`."""

    async def send(self, message: Message, timeout_s: float) -> Answer: ...

    async def close(self) -> None: ...


class Guards(Protocol):
    """The part of the store that is about people's approval and about what was changed out there."""

    async def ask_approval(self, delivery_id: str, expires_us: int) -> ApprovalRow | None:
        """How it stands with a delivery that needs a person's approval. Where nobody is asked (any more), one is from
        now on. None when there is no such delivery.
        """

    async def rule(self, ruling: Ruling) -> tuple[str, ...]:
        """Approved deliveries become pending, rejected ones cancelled; the ids that changed. Only what is parked and
        waits for approval, and whose time is not over, can be decided: a second ruling changes nothing.
        """

    async def expire_approvals(self) -> tuple[str, ...]:
        """Cancel what nobody approved in time, so that what comes next is measured from what was told; the ids."""

    async def approvals(self, *, key: str = "", decided: bool = False, limit: int = 500) -> tuple[ApprovalRow, ...]:
        """Requests that wait, those first that expire first; with `decided` all of them, the youngest first. `key`: of
        this incident only.
        """

    async def approval(self, delivery_id: str) -> ApprovalRow | None: ...

    async def begin_work(self, work: Work) -> Begun:
        """Take the locks, and write down what is asked for before it is done. Work of the same delivery that has no
        final end goes on under its id, and counts once for the hour.
        """

    async def put_step(self, work_id: int, step: Step) -> None:
        """What becomes of one resource; its `before` is on disk before it is replaced. A step without `before` keeps
        that of an earlier one of the same resource.
        """

    async def end_work(self, work_id: int | None, holder: str, outcome: str = "", result: str = "") -> None:
        """Give back the holder's locks, and write the end of a work."""

    async def lock(self, names: tuple[str, ...], holder: str, lease_us: int) -> str:
        """All of the names or none; who has one of them already, "" when they are the holder's now."""

    async def put_undone(self, work_id: int, resource: str, who: str) -> None: ...

    async def remediations(self, *, limit: int, before: int = 2**62) -> tuple[RemediationRow, ...]:
        """With ids below `before`, the youngest first."""

    async def remediation(self, work_id: int) -> RemediationRow | None: ...

    async def purge_remediations(self, before_us: int) -> int:
        """Forget what was asked for before then, in slices; how many went."""


class Shared(Protocol):
    """The part of the store that is about other processes with the same store: replicas."""

    @property
    def shared(self) -> bool:
        """Whether there may be others. Where not, every turn is ours and there are no news."""

    async def news(self, within_s: float) -> None:
        """Wait until another replica changed something that is not asked for all the time, or so long."""

    async def take_turn(self, duty: str, for_s: float) -> bool:
        """Whether this replica does it, and no other for so long; it may have its turn prolonged."""

    async def take_pace(self, route: str, pace: Pace, most: int) -> tuple[int, float]:
        """How many deliveries of the route may start, of all replicas together, and seconds until the next may. A
        negative `most` gives back what was not used.
        """


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
        """Forget it and make due what it holds, which asks when it is handed out; the routes concerned, None when there
        is no such silence.
        """

    async def end_windows(self, routes: Sequence[str]) -> None:
        """Make due what waits for the hours of these routes: they are open, perhaps since their file was changed."""

    async def forget_told(self, routes: Sequence[str]) -> None:
        """Forget what these routes were told, and remember no more what is on its way to them: their receivers are sent
        every alert.
        """

    async def silences(self) -> tuple[Silence, ...]:
        """Those that have not expired, also those that have not begun."""

    async def ping(self) -> None:
        """Commit a row."""

    async def close(self) -> None:
        """Finish what was admitted, then stop."""


class Observer(Protocol):
    """Hears of every step, for logs and metrics. Never raises, never waits."""

    def webhook_accepted(self, source: str, stored: Stored, alert: NewAlert, body_bytes: int) -> None: ...

    def webhook_refused(self, source: str, status: int, reason: str) -> None: ...

    def attempt_ended(self, claim: Claim, result: Result, outcome: Outcome) -> None: ...

    def delivery_put_off(self, claim: Claim, wait: PutOff) -> None: ...

    def lease_lost(self, claim: Claim) -> None: ...

    def lease_expired(self, route: str) -> None: ...

    def route_changed(self, before: RouteState, after: RouteState) -> None: ...

    def deliveries_changed(self, ids: Sequence[str], state: str, by: str) -> None: ...

    def committed(self, seconds: float, items: int) -> None: ...

    def purged(self, alerts: int) -> None: ...
