"""What operators may see and do: the one place behind the ops API, the command line and the page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.alert import Alert
from gateway.domain.change import Change, compare
from gateway.domain.delivery import RouteStatus
from gateway.domain.optix import Unreadable, parse
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
from gateway.domain.route import RouteTable, Verdict
from gateway.domain.snapshot import decode, snapshot_of
from gateway.domain.telling import Decision
from gateway.pipeline.approvals import Approvals
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.dispatch import Dispatcher
from gateway.pipeline.explain import Account, Explanation, accounts, explain
from gateway.pipeline.housekeeping import Housekeeping
from gateway.pipeline.intake import Intake
from gateway.pipeline.jobs import Jobs
from gateway.pipeline.remediations import Remediations
from gateway.pipeline.silences import Silences
from gateway.pipeline.trial import TestReport, try_route
from gateway.ports import Clock, Observer, Store, StoreUnavailable, Transport

_READY_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True)
class RouteView:
    """A route as it stands. `status`: running, open, paused, or disabled (by its own file), or unconfigured (deliveries
    of a former configuration wait for it). `held_until_us` 0: the receiver asked for no silence. `oldest_due_s`: None
    when nothing is due.
    """

    name: str
    kind: str
    filter: str
    status: str
    cause: str = ""
    reason: str = ""
    since_us: int = 0
    probe_at_us: int = 0
    held_until_us: int = 0
    oldest_due_s: float | None = None


@dataclass(frozen=True, slots=True)
class AlertDetail:
    """`verdicts`: what the filters of today say of it, which are those of `running_revision`; all else is as it was
    recorded by `alert.revision`: `alert.routes`, those that got a delivery when it came, and `decisions`, as of
    `Decided`. `change`: what it changed in its incident; None when it could not be read. `accounts`: both together, one
    for each route.
    """

    alert: AlertRow
    body: bytes
    deliveries: tuple[DeliveryRow, ...]
    verdicts: tuple[Verdict, ...]
    decisions: tuple[Decision, ...] = ()
    change: Change | None = None
    accounts: tuple[Account, ...] = ()
    running_revision: str = ""


class Operations:
    def __init__(
        self,
        routes: Sequence[ConfiguredRoute],
        table: RouteTable,
        *,
        store: Store,
        dispatcher: Dispatcher,
        intake: Intake,
        jobs: Jobs,
        housekeeping: Housekeeping,
        silences: Silences,
        transport: Transport,
        clock: Clock,
        observer: Observer,
        revision: str = "",
        approvals: Approvals | None = None,
    ) -> None:
        """`revision`: of the configuration that runs."""
        self.approvals = approvals or Approvals(routes, store=store, dispatcher=dispatcher, clock=clock)
        self.remediations = Remediations(routes, store, transport, clock)
        self.silences, self._revision = silences, revision
        self._routes = {route.name: route for route in routes}
        self._table, self._store, self._dispatcher, self._intake = table, store, dispatcher, intake
        self._jobs, self._housekeeping, self._transport = jobs, housekeeping, transport
        self._clock, self._observer = clock, observer

    def alive(self) -> bool:
        return self._housekeeping.is_alive

    async def ready(self) -> str | None:
        """None when a row can be committed now, else why not."""
        if not self._intake.accepting:
            return "the gateway is shutting down"
        try:
            await asyncio.wait_for(self._store.ping(), _READY_WITHIN_S)
        except StoreUnavailable as unavailable:
            return unavailable.reason
        except TimeoutError:
            return f"the store did not commit within {_READY_WITHIN_S:g} s"
        return None

    async def held_count(self) -> int:
        return await self._store.held_count()

    async def oldest_due_s(self) -> dict[str, float]:
        """Route -> seconds since its oldest due delivery became due; only routes with one."""
        ages = await self._store.oldest_due_us(tuple(self._routes))
        return {name: age / 1_000_000 for name, age in ages.items()}

    async def alerts(self, selection: AlertSelection, *, limit: int, cursor: str = "") -> Page:
        return await self._store.alerts(selection, limit=limit, cursor=cursor)

    async def alert(self, alert_id: str) -> AlertDetail | None:
        found = await self._store.alert(alert_id, stopped=self._dispatcher.stopped_routes())
        if found is None:
            return None
        row, body, deliveries = found
        read = parse(row.source, body)
        verdicts = () if isinstance(read, Unreadable) else self._table.explain(read)
        decided = await self._store.decided(alert_id) or Decided()
        return AlertDetail(
            row,
            body,
            deliveries,
            verdicts,
            decided.decisions,
            None if row.held is not None or isinstance(read, Unreadable) else _change(decided.before, read),
            accounts(decided.decisions, deliveries, verdicts),
            self._revision,
        )

    async def incidents(self, selection: IncidentSelection, *, limit: int, cursor: str = "") -> Page:
        return await self._store.incidents(selection, limit=limit, cursor=cursor)

    async def incident(self, key: str) -> IncidentDetail | None:
        return await self._store.incident(key)

    async def recordings(self, selection: AlertSelection, *, limit: int, after: str = "") -> RecordingPage:
        return await self._store.recordings(selection, limit=limit, after=after)

    async def deliveries(self, selection: Selection, *, limit: int, cursor: str = "") -> Page:
        stopped = self._dispatcher.stopped_routes()
        return await self._store.deliveries(selection, stopped=stopped, limit=limit, cursor=cursor)

    async def delivery(self, delivery_id: str) -> tuple[DeliveryRow, tuple[AttemptRow, ...]] | None:
        return await self._store.delivery(delivery_id, stopped=self._dispatcher.stopped_routes())

    async def routes(self) -> tuple[RouteView, ...]:
        ages = await self.oldest_due_s()
        views = [self._view(route, ages.get(name)) for name, route in self._routes.items()]
        views += [RouteView(name, "", "", "unconfigured") for name in self._dispatcher.unconfigured]
        return tuple(views)

    def _view(self, route: ConfiguredRoute, oldest_due_s: float | None) -> RouteView:
        state = self._dispatcher.lanes[route.name].state
        held = state.hold_until_us if state.hold_until_us > self._clock.now_us() else 0
        return RouteView(
            route.name,
            route.kind,
            route.filter.describe(),
            state.status.value if route.policy.enabled else "disabled",
            state.cause,
            state.reason,
            state.since_us,
            state.probe_at_us if state.status is RouteStatus.OPEN else 0,
            held,
            oldest_due_s,
        )

    async def explain(self, body: bytes, source: str) -> Explanation:
        routes = tuple(self._routes.values())
        return explain(body, source, routes, self._table, self._clock.now_us(), self.silences)

    async def replay(self, delivery_ids: Sequence[str], *, by: str = "") -> tuple[str, ...]:
        """Send these again; the ids that changed."""
        changed = await self._store.replay(delivery_ids)
        self._observer.deliveries_changed(changed, "pending", by)
        self._dispatcher.wake([delivery_id.partition(".")[2] for delivery_id in changed])
        return changed

    async def cancel(self, delivery_ids: Sequence[str], *, by: str = "") -> tuple[str, ...]:
        """Give these up; the ids that changed."""
        changed = await self._store.cancel(delivery_ids)
        self._observer.deliveries_changed(changed, "cancelled", by)
        self._dispatcher.wake([delivery_id.partition(".")[2] for delivery_id in changed])
        return changed

    async def count(self, selection: Selection) -> int:
        """How many deliveries a selection holds: the dry run of a change of many."""
        return await self._store.count(selection, stopped=self._dispatcher.stopped_routes())

    async def change_many(self, kind: JobKind, selection: Selection) -> Job:
        return await self._jobs.add(kind, selection)

    async def job(self, job_id: int) -> Job | None:
        return await self._store.job(job_id)

    async def jobs(self, *, limit: int = 100) -> tuple[Job, ...]:
        return await self._store.jobs(limit=limit)

    async def stop_job(self, job_id: int) -> Job | None:
        return await self._store.stop_job(job_id)

    async def readmit(self, alert_id: str) -> tuple[str, ...] | str | None:
        """Read a held alert again and route it; the routes that took it, or why it still cannot be read (then it stays
        held), or None when there is no held alert of that id.
        """
        found = await self._store.alert(alert_id, stopped=())
        if found is None or found[0].held is None:
            return None
        row, body, _ = found
        read = parse(row.source, body)
        if isinstance(read, Unreadable):
            return read.reason
        stored = await self._store.readmit(alert_id, self._intake.admit(read, body))
        if stored is None:
            return None
        self._dispatcher.arrange(stored)
        return stored.routes

    async def pause(self, name: str, *, by: str = "") -> bool:
        """Whether there is such a route; its deliveries wait, parked, until it is resumed."""
        lane = self._dispatcher.lanes.get(name)
        if lane:
            await lane.pause(f"paused by {by}" if by else "paused by an operator")
        return lane is not None

    async def resume(self, name: str) -> bool:
        """Whether there is such a route; what waits goes out at once, whatever had stopped it."""
        lane = self._dispatcher.lanes.get(name)
        if lane:
            await lane.resume()
        return lane is not None

    async def end_silence(self, silence_id: str) -> bool:
        """Whether there was such a silence. What it held goes out, where no other silence and no hours hold it."""
        routes = await self.silences.end(silence_id)
        self._dispatcher.wake(routes or ())
        return routes is not None

    async def test_route(self, name: str) -> TestReport | None:
        """Send one alert marked as a test straight through the route's destination; None: there is no such route."""
        route = self._routes.get(name)
        return await try_route(route, self._transport, self._clock.now_us()) if route else None


def _change(before: bytes | None, alert: Alert) -> Change:
    """`before` as of `Decided`."""
    now = snapshot_of(alert)
    if before is None:
        return compare(None, now)
    return compare(decode(before) if before else now, now)
