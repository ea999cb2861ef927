from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web

from gateway.domain.alert import Alert
from gateway.domain.authenticate import Source, digest_of
from gateway.domain.delivery import Claim, NewAlert, PutOff, Result, RouteState, Stored
from gateway.domain.optix import Problem, Unreadable, parse
from gateway.domain.outcome import Outcome
from gateway.pipeline.intake import Accepted, Duplicate, Held, Refused, Reply
from gateway.web.ops import ops_application
from gateway.web.receive import WebhookEndpoint
from gateway.web.server import Handler, WebServer
from tests.web.ops_world import TOKEN, FakeOperations, HandClock, scrape

MAX_BYTES = 10 * 2**20
SECRET = "planted-credential-51c0"
OTHER_SECRET = "planted-credential-next"

Serve = Callable[[Handler | web.Application], Awaitable[str]]


@dataclass(slots=True)
class FakeIntake:
    """Reads bodies as the real one does and keeps them in memory."""

    accepting: bool = True
    fault: Exception | None = None
    bodies: list[bytes] = field(default_factory=list)

    async def receive(self, source: Source, body: bytes) -> Reply:
        if self.fault:
            raise self.fault
        read = parse(source.name, body)
        if isinstance(read, Unreadable) and read.problem is not Problem.NOT_AN_ALERT:
            return Refused(read.reason)
        seen = body in self.bodies
        self.bodies.append(body)
        if seen:
            return Duplicate("a-1", ("soc",))
        return Accepted("a-1", ("soc",)) if isinstance(read, Alert) else Held("a-1", read.reason)


@dataclass(slots=True)
class FakeObserver:
    refused: list[tuple[str, int, str]] = field(default_factory=list)

    def webhook_accepted(self, source: str, stored: Stored, alert: NewAlert, body_bytes: int) -> None: ...

    def webhook_refused(self, source: str, status: int, reason: str) -> None:
        self.refused.append((source, status, reason))

    def attempt_ended(self, claim: Claim, result: Result, outcome: Outcome) -> None: ...

    def delivery_put_off(self, claim: Claim, wait: PutOff) -> None: ...

    def lease_lost(self, claim: Claim) -> None: ...

    def lease_expired(self, route: str) -> None: ...

    def route_changed(self, before: RouteState, after: RouteState) -> None: ...

    def deliveries_changed(self, ids: Sequence[str], state: str, by: str) -> None: ...

    def committed(self, seconds: float, items: int) -> None: ...

    def purged(self, alerts: int) -> None: ...


@pytest.fixture
def intake() -> FakeIntake:
    return FakeIntake()


@pytest.fixture
def observer() -> FakeObserver:
    return FakeObserver()


@pytest.fixture
def endpoint(intake: FakeIntake, observer: FakeObserver) -> WebhookEndpoint:
    sources = {
        "optix": Source("optix", "X-Optix-Key", (digest_of(SECRET), digest_of(OTHER_SECRET))),
        "open": Source("open", open_to_all=True),
        "closed": Source("closed", "X-Key"),
    }
    return WebhookEndpoint(intake, sources, observer, max_bytes=MAX_BYTES, read_within_s=0.2)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves a handler or an application on a free port of loopback; its base URL."""
    servers: list[WebServer] = []

    async def start(served: Handler | web.Application) -> str:
        server = WebServer(served, host="127.0.0.1", port=0, finish_within_s=2)
        servers.append(server)
        ((host, port),) = await server.start()
        return f"http://{host}:{port}"

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as made:
        yield made


@pytest.fixture
def operations() -> FakeOperations:
    return FakeOperations()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def url(serve: Serve, operations: FakeOperations, clock: HandClock) -> str:
    """The ops API on loopback without a token."""
    return await serve(ops_application(operations, clock=clock, scrape=scrape, token=None, max_bytes=2**20))


@pytest.fixture
async def guarded(serve: Serve, operations: FakeOperations, clock: HandClock) -> str:
    return await serve(ops_application(operations, clock=clock, scrape=scrape, token=TOKEN, max_bytes=2**20))


async def raw(url: str, request: bytes, *more: bytes) -> bytes:
    """What comes back on one connection for these bytes, until it is closed or silent for a while."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""
    try:
        for part in (request, *more):
            writer.write(part)
            await writer.drain()
        while b"\r\n\r\n" not in answer:
            chunk = await asyncio.wait_for(reader.read(65536), 10)
            if not chunk:
                break
            answer += chunk
    finally:
        writer.close()
    return answer
