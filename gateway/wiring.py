"""The composition root: makes every part from the settings, joins them, and takes them down in good order.

It alone reads settings, and it owns the clock and the dice.
"""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from gateway import __version__
from gateway.domain.route import RouteTable
from gateway.outbound.transports import Transports
from gateway.pipeline.approvals import Approvals, Links
from gateway.pipeline.attempt import Courier
from gateway.pipeline.background import Broken, beside
from gateway.pipeline.choosing import Chooser
from gateway.pipeline.dispatch import Dispatcher
from gateway.pipeline.housekeeping import Housekeeping
from gateway.pipeline.intake import Intake
from gateway.pipeline.jobs import Jobs
from gateway.pipeline.operations import Operations
from gateway.pipeline.sharing import Sharing
from gateway.pipeline.silences import Silences
from gateway.ports import Clock, Store, StoreUnavailable
from gateway.queue.database_clock import DatabaseClock
from gateway.queue.failures import StoreBroken
from gateway.queue.sqlite import open_sqlite
from gateway.settings.configuration import Configuration
from gateway.settings.database import PostgresUrl
from gateway.settings.gateway import Address, GatewaySettings
from gateway.telemetry.logs import configure
from gateway.telemetry.metrics import Metrics, StoreReads
from gateway.telemetry.observer import TelemetryObserver
from gateway.web.listening import CannotStart, listen, tls_of
from gateway.web.ops import ops_application
from gateway.web.receive import WebhookEndpoint


class SystemClock:
    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        return time.monotonic()


def transports() -> Transports:
    """The ways out, for one event loop."""
    return Transports(f"optix-gateway/{__version__}")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that runs. `webhooks` and `ops` are the addresses its listeners are bound to."""

    webhooks: Sequence[tuple[str, int]]
    ops: Sequence[tuple[str, int]]
    operations: Operations
    broken: Broken


async def serve_until_signal(configuration: Configuration) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    settings = configuration.gateway
    log = configure(settings.log_format, settings.log_level, sys.stdout, configuration.secrets())
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(configuration) as gateway:
        for warning in configuration.warnings:
            log.warning("configuration.doubted", warning=warning)
        log.info(
            "gateway.started",
            version=__version__,
            revision=configuration.revision,
            webhooks=_addresses(gateway.webhooks),
            ops=_addresses(gateway.ops),
            database=str(settings.database),
            routes=len(configuration.routes),
        )
        # What start-up made stays for good: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        # An alert makes some hundred objects and hardly a cycle; the default of 700 would look for one at every second.
        gc.set_threshold(20_000, 20, 50)
        waits = [asyncio.ensure_future(wait) for wait in (stop.wait(), gateway.broken.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        log.info("gateway.stopping", grace_s=settings.shutdown_grace_s)
    if gateway.broken.reason:
        log.error("gateway.broken", reason=gateway.broken.reason)
        return 1
    log.info("gateway.stopped")
    return 0


def _addresses(bound: Sequence[tuple[str, int]]) -> str:
    return ", ".join(str(Address(host, port)) for host, port in bound)


@asynccontextmanager
async def running(configuration: Configuration) -> AsyncIterator[Gateway]:
    """A gateway from the first listening socket to the last result on disk. CannotStart when it cannot be.

    At the end: not ready -> webhooks get 503 -> nothing more is claimed -> what is under way finishes within the grace
    time -> the rest is given back -> results are on disk -> closed.
    """
    async with AsyncExitStack() as stack:
        edges = await _Edges.open(configuration, stack)
        parts = await _Parts.join(configuration, edges)
        try:
            work = {
                "jobs": parts.jobs.run(),
                "housekeeping": parts.housekeeping.run(),
                "approvals": parts.approvals.run(),
                "sharing": parts.sharing.run(),
            }
            async with beside(edges.broken, **work):
                yield await parts.listen(configuration, stack)
        finally:
            parts.intake.accepting = False
            with suppress(StoreUnavailable):
                await parts.dispatcher.stop(configuration.gateway.shutdown_grace_s)


@dataclass(frozen=True, slots=True)
class _Edges:
    """What touches the world, opened; the stack closes it."""

    clock: Clock
    broken: Broken
    metrics: Metrics
    observer: TelemetryObserver
    store: Store
    transport: Transports

    @classmethod
    async def open(cls, configuration: Configuration, stack: AsyncExitStack) -> _Edges:
        clock, broken = DatabaseClock(SystemClock()), Broken()
        names = [route.name for route in configuration.routes]
        metrics = Metrics(version=__version__, sources=configuration.sources, routes=names)
        observer = TelemetryObserver(structlog.get_logger(), metrics, clock)
        store = await _open(configuration.gateway, clock, observer, broken)
        stack.push_async_callback(store.close)
        transport = transports()
        stack.push_async_callback(transport.close)
        return cls(clock, broken, metrics, observer, store, transport)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The journeys between the edges, joined."""

    edges: _Edges
    dispatcher: Dispatcher
    intake: Intake
    jobs: Jobs
    housekeeping: Housekeeping
    approvals: Approvals
    sharing: Sharing
    operations: Operations

    @classmethod
    async def join(cls, configuration: Configuration, edges: _Edges) -> _Parts:
        routes, store, clock, observer = configuration.routes, edges.store, edges.clock, edges.observer
        silences = Silences(store, clock)
        dispatcher = await _started(configuration, edges, silences)
        table = RouteTable([(route.name, route.filter) for route in routes])
        approvals = Approvals(
            routes,
            store=store,
            dispatcher=dispatcher,
            clock=clock,
            links=_links(configuration.gateway),
            revision=configuration.revision,
        )
        intake = Intake(
            Chooser(routes, table, silences),
            dispatcher=dispatcher,
            store=store,
            clock=clock,
            observer=observer,
            revision=configuration.revision,
            approvals=approvals,
        )
        jobs = Jobs(store, dispatcher, observer)
        retention_us = int(configuration.gateway.retention_s * 1_000_000)
        housekeeping = Housekeeping(store, dispatcher, clock, observer, retention_us=retention_us)
        operations = Operations(
            routes,
            table,
            store=store,
            dispatcher=dispatcher,
            intake=intake,
            jobs=jobs,
            housekeeping=housekeeping,
            silences=silences,
            transport=edges.transport,
            clock=clock,
            observer=observer,
            revision=configuration.revision,
            approvals=approvals,
        )
        sharing = Sharing(store, dispatcher, silences, jobs, clock=clock, dice=random.random)
        return cls(edges, dispatcher, intake, jobs, housekeeping, approvals, sharing, operations)

    async def listen(self, configuration: Configuration, stack: AsyncExitStack) -> Gateway:
        settings, observer = configuration.gateway, self.edges.observer
        endpoint = WebhookEndpoint(self.intake, configuration.sources, observer, max_bytes=settings.max_body_bytes)
        webhooks = await listen(
            endpoint.handle, settings.listen, "GATEWAY_LISTEN", stack, tls=tls_of(settings.tls_cert, settings.tls_key)
        )
        ops: Sequence[tuple[str, int]] = ()
        if settings.ops_listen:
            application = ops_application(
                self.operations,
                clock=self.edges.clock,
                scrape=self._scrape,
                token=settings.ops_token.get_secret_value() if settings.ops_token else None,
                max_bytes=settings.max_body_bytes,
            )
            ops = await listen(application, settings.ops_listen, "GATEWAY_OPS_LISTEN", stack)
        return Gateway(webhooks, ops, self.operations, self.edges.broken)

    async def _scrape(self) -> bytes:
        try:
            ages_s, held = await self.operations.oldest_due_s(), await self.operations.held_count()
            reads = StoreReads(ages_s, held, self.approvals.waiting_count)
        except StoreUnavailable:
            reads = None
        return await self.edges.metrics.scrape(reads)


def _links(settings: GatewaySettings) -> Links:
    key = settings.approval_key.get_secret_value() if settings.approval_key else ""
    return Links(settings.approval_url if key else "", key)


async def _open(settings: GatewaySettings, clock: DatabaseClock, observer: TelemetryObserver, broken: Broken) -> Store:
    try:
        if isinstance(settings.database, PostgresUrl):
            return await _open_postgres(settings.database, settings.database_direct, clock, observer)
        return await open_sqlite(
            settings.database,
            clock=clock,
            disk_reserve_bytes=settings.disk_reserve_bytes,
            on_fatal=broken.report,
            on_commit=observer.committed,
        )
    except StoreBroken as fault:
        raise CannotStart(str(fault)) from None


async def _open_postgres(
    url: PostgresUrl, direct: PostgresUrl | None, clock: DatabaseClock, observer: TelemetryObserver
) -> Store:
    """Imported here, because the packages are not there where nobody uses them."""
    from gateway.queue.postgres import open_postgres  # noqa: PLC0415
    from gateway.queue.postgres_link import Server  # noqa: PLC0415

    past_pooler = Server(direct.url.get_secret_value()) if direct else None
    server = Server(url.url.get_secret_value(), pooled=past_pooler is not None)
    return await open_postgres(server, direct=past_pooler, clock=clock, on_commit=observer.committed)


async def _started(configuration: Configuration, edges: _Edges, silences: Silences) -> Dispatcher:
    """With the silences and every route's state of before, which the metrics show from the first moment."""
    courier = Courier(
        store=edges.store,
        transport=edges.transport,
        clock=edges.clock,
        dice=random.random,
        observer=edges.observer,
        silencing=silences,
        revision=configuration.revision,
    )
    dispatcher = Dispatcher(
        configuration.routes, store=edges.store, courier=courier, clock=edges.clock, observer=edges.observer
    )
    try:
        await silences.refresh()
        await dispatcher.start()
    except StoreUnavailable as unavailable:
        raise CannotStart(unavailable.reason) from None
    edges.observer.restore(lane.state for lane in dispatcher.lanes.values())
    return dispatcher
