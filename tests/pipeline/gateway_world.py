"""A whole gateway without sockets: the real store in a file, and fakes of everything else around it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from pydantic import SecretStr

from gateway.destinations import Context, Destination, DestinationSettings, FormatFault, SecretAddress
from gateway.domain.alert import Alert
from gateway.domain.authenticate import Source
from gateway.domain.delivery import State
from gateway.domain.filter import Filter
from gateway.domain.message import HttpAnswer, HttpRequest, NoAnswer
from gateway.domain.policy import Backlog, Policy, RetryPolicy
from gateway.domain.query import AttemptRow, DeliveryRow
from gateway.domain.route import RouteTable
from gateway.pipeline.approvals import Approvals, Links
from gateway.pipeline.attempt import Courier
from gateway.pipeline.choosing import Chooser
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.dispatch import Dispatcher
from gateway.pipeline.housekeeping import Housekeeping
from gateway.pipeline.intake import Intake, Reply
from gateway.pipeline.jobs import Jobs
from gateway.pipeline.lane import Lane
from gateway.pipeline.operations import Operations
from gateway.pipeline.silences import Silences
from gateway.ports import Store
from gateway.queue.sqlite import SqliteStore, open_sqlite
from tests.pipeline.fakes import FakeClock, Journal, Receiver

START_US = 1_700_000_000_000_000
SECOND_US = 1_000_000
HOUR_S = 3600.0
_ASKING_WITHIN_S = 0.5
OPTIX = Source("optix", open_to_all=True)
SECRET = "https://hooks.example.com/services/planted-hook-secret"

OK = HttpAnswer(200, body=b"thanks")
DOWN = HttpAnswer(503)
REFUSED = HttpAnswer(401)
GONE = HttpAnswer(404)
REJECTED = HttpAnswer(422)
TOO_LARGE = HttpAnswer(413)
UNREACHABLE = NoAnswer("connection refused")

_NUMBERS = count(1)


class TrialSettings(DestinationSettings):
    url: SecretAddress = SecretAddress(SECRET)
    token: SecretStr = SecretStr("")


def _format(alert: Alert, context: Context, settings: TrialSettings) -> HttpRequest:
    if alert.rule == "UNWORDABLE":
        raise FormatFault("the template names something that is not there")
    if alert.rule == "BUG":
        raise ZeroDivisionError
    body = b"shrunk" if context.shrink else context.body
    return HttpRequest(settings.url.get_secret_value(), body, headers=(("id", context.delivery_id),))


def trial(backlog: Backlog = "all") -> Destination[TrialSettings]:
    return Destination("a trial", TrialSettings, _format, "", backlog=backlog, can_shrink=True)


def a_route(name: str = "soc", *, filter_: Filter | None = None, **policy: object) -> ConfiguredRoute:
    """Retries after 10, 100 and 1000 s unless told otherwise."""
    values: dict[str, object] = {"retry": RetryPolicy((10.0, 100.0, 1000.0), 4000.0), "timeout_s": 5.0} | policy
    made = Policy(**values)  # type: ignore[arg-type]  # typed where a test writes them
    destination: Destination[DestinationSettings] = trial(made.backlog)  # type: ignore[assignment]  # as `load` gives it
    return ConfiguredRoute(name, filter_ or Filter(()), made, "trial", destination, TrialSettings())


def a_body(alert_id: str = "", **payload: object) -> bytes:
    """A new alert each time, of an incident of its own unless `alert_id` is given."""
    number = next(_NUMBERS)
    values: dict[str, object] = {
        "alertId": alert_id or f"alert-{number}",
        "accountId": "123456789012",
        "alertType": "Policy",
        "score": 83,
        "ruleNumber": "AR-251",
        "number": number,
        "lastSeen": "2024-01-02T03:04:05Z",
    }
    return json.dumps({"eventType": "ALERT", "payloadData": values | payload}).encode()


class World:
    """Routes joined as the wiring joins them. `store` may be dressed up by `wrap` before anything uses it."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(START_US)
        self.receiver = Receiver(self.clock, OK)
        self.journal = Journal()
        self.wrap: Callable[[Store], Store] = lambda store: store
        self.links = Links()
        self.path = folder / "gateway.db"
        self._sqlite: SqliteStore | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, *routes: ConfiguredRoute) -> None:
        self.routes = routes or (a_route(),)
        self._sqlite = await open_sqlite(
            self.path,
            clock=self.clock,
            disk_reserve_bytes=0,
            on_fatal=_fail,
            on_commit=self.journal.committed,
        )
        self.store = self.wrap(self._sqlite)
        self.silences = Silences(self.store, self.clock)
        await self.silences.refresh()
        self.courier = Courier(
            store=self.store,
            transport=self.receiver,
            clock=self.clock,
            dice=lambda: 0.0,
            observer=self.journal,
            silencing=self.silences,
            revision="r1",
        )
        self.dispatcher = Dispatcher(
            self.routes,
            store=self.store,
            courier=self.courier,
            clock=self.clock,
            observer=self.journal,
            timer=self.clock.later,
        )
        await self.dispatcher.start()
        self._join()

    def _join(self) -> None:
        table = RouteTable([(route.name, route.filter) for route in self.routes])
        self.approvals = Approvals(
            self.routes,
            store=self.store,
            dispatcher=self.dispatcher,
            clock=self.clock,
            links=self.links,
        )
        self.intake = Intake(
            Chooser(self.routes, table, self.silences),
            dispatcher=self.dispatcher,
            store=self.store,
            clock=self.clock,
            observer=self.journal,
            revision="r1",
            approvals=self.approvals,
        )
        self.jobs = Jobs(self.store, self.dispatcher, self.journal)
        self.housekeeping = Housekeeping(
            self.store, self.dispatcher, self.clock, self.journal, retention_us=int(24 * HOUR_S) * SECOND_US
        )
        self.operations = Operations(
            self.routes,
            table,
            store=self.store,
            dispatcher=self.dispatcher,
            intake=self.intake,
            jobs=self.jobs,
            housekeeping=self.housekeeping,
            silences=self.silences,
            transport=self.receiver,
            clock=self.clock,
            observer=self.journal,
            revision="r1",
            approvals=self.approvals,
        )

    def run_jobs(self) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self.jobs.run()))

    async def stop(self, grace_s: float = 5.0) -> None:
        """In good order, as a gateway ends."""
        self.intake.accepting = False
        await self._end_tasks()
        await self.dispatcher.stop(grace_s)
        await self._close()

    async def crash(self) -> None:
        """End without a word to the store: what is under way stays `sending` on disk."""
        await self._end_tasks()
        for lane in self.dispatcher.lanes.values():
            lane.stop()
        tasks = [*self.dispatcher._pumps, *self.dispatcher._under_way]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._close()

    async def restart(self, *routes: ConfiguredRoute) -> None:
        await self.stop()
        await self.start(*(routes or self.routes))

    async def close(self) -> None:
        if self._sqlite is not None:
            await self.crash()

    async def _end_tasks(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _close(self) -> None:
        store, self._sqlite = self._sqlite, None
        if store is not None:
            await store.close()

    async def receive(self, body: bytes | None = None) -> Reply:
        return await self.intake.receive(OPTIX, body or a_body())

    async def alert(self, alert_id: str = "", **payload: object) -> str:
        """Take in a new alert; the gateway's id of it."""
        return (await self.intake.receive(OPTIX, a_body(alert_id, **payload))).id  # type: ignore[union-attr]

    async def settled(self) -> None:
        """Nothing happens any more until the receiver answers, the clock moves, or something comes in."""
        quiet, since_s = 0, time.monotonic()
        async with asyncio.timeout(10):
            while quiet < 3 or (self._is_asking() and time.monotonic() - since_s < _ASKING_WITHIN_S):
                before = self._activity()
                await self.store.ping()  # everything asked of the store before is done then
                await self.store.silences()  # and read
                quiet = quiet + 1 if before == self._activity() and not self.dispatcher._pumps else 0
                since_s = since_s if quiet else time.monotonic()

    def _is_asking(self) -> bool:
        """An attempt that is not at the receiver's asks the store several things, one after another."""
        return len(self.dispatcher._under_way) > self.receiver.under_way

    def _activity(self) -> tuple[int, ...]:
        receiver, journal = self.receiver, self.journal
        done = len(journal.attempts) + len(journal.put_off)
        counts = (len(receiver.sent), receiver.under_way, done, len(journal.changes))
        return (*counts, self.clock.ring(), len(self.dispatcher._under_way))

    async def pass_time(self, seconds: float) -> None:
        """Let time go by, from timer to timer, with everything settled in between."""
        await self.settled()
        end_s = self.clock.running_s + seconds
        while self.clock.running_s < end_s:
            step_s = end_s - self.clock.running_s
            for timer in self.clock._timers:
                if not timer.cancelled:
                    step_s = min(step_s, max(timer.at_s - self.clock.running_s, 0.001))
            self.clock.move(step_s)
            await self.settled()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - any condition may be asked for
                await asyncio.sleep(0.001)

    def lane(self, route: str = "soc") -> Lane:
        return self.dispatcher.lanes[route]

    async def row(self, alert: str, route: str = "soc") -> DeliveryRow:
        return (await self.found(alert, route))[0]

    async def found(self, alert: str, route: str = "soc") -> tuple[DeliveryRow, tuple[AttemptRow, ...]]:
        found = await self.operations.delivery(f"{alert}.{route}")
        assert found is not None
        return found

    async def state(self, alert: str, route: str = "soc") -> State:
        return (await self.row(alert, route)).state


def _fail(reason: str) -> None:
    raise AssertionError(reason)
