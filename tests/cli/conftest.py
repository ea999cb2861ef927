"""A gateway and a receiver in threads of their own, because commands are called in the test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Protocol, Self

import pytest
import structlog
from typer.testing import CliRunner, Result

from gateway.cli.app import app
from gateway.settings.configuration import read_configuration
from gateway.wiring import Gateway, running
from tests.cli.cli_world import Receiver, World, basic_environment

WITHIN_S = 20.0


class Run(Protocol):
    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None, body: bytes | None = None) -> Result: ...


@pytest.fixture
def run() -> Run:
    """Calls a command as a program would: nothing is a terminal. `body` is its standard input."""

    def called(*arguments: str, env: Mapping[str, str] | None = None, body: bytes | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), env=dict(env or {}), input=body)

    return called


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """What the gateway logs goes nowhere: commands share standard output with it here."""
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(StringIO()))
    yield
    structlog.reset_defaults()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            said = receiver.says.encode()
            self.send_response(receiver.status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook/planted-path-9d2c"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def environment(tmp_path: Path, receiver: Receiver) -> dict[str, str]:
    """Two routes to the receiver: `all` takes every alert, `critical` only the worst."""
    return basic_environment(tmp_path, receiver)


Start = Callable[..., World]


@pytest.fixture
def start(environment: dict[str, str], receiver: Receiver, quiet_log: None) -> Iterator[Start]:  # noqa: ARG001
    """Starts the gateway, with settings beyond the basic ones."""
    with _Gateways() as gateways:

        def started(**more: str) -> World:
            own = environment | more
            return World(_as_commands_see_it(own, gateways.start(own)), receiver)

        yield started


@pytest.fixture
def world(start: Start) -> World:
    return start()


def _as_commands_see_it(environ: Mapping[str, str], gateway: Gateway) -> dict[str, str]:
    """The same settings, with the ports that the system chose."""
    listeners = {"GATEWAY_LISTEN": gateway.webhooks, "GATEWAY_OPS_LISTEN": gateway.ops}
    bound = {name: f"127.0.0.1:{addresses[0][1]}" for name, addresses in listeners.items() if addresses}
    return {**environ, **bound}


class _Gateways:
    def __init__(self) -> None:
        self._threads: list[tuple[threading.Thread, Future[Callable[[], object]]]] = []

    def __enter__(self) -> Self:
        return self

    def start(self, environ: Mapping[str, str]) -> Gateway:
        up: Future[Gateway] = Future()
        ender: Future[Callable[[], object]] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(_live(environ, up, ender)))
        thread.start()
        self._threads.append((thread, ender))
        return up.result(WITHIN_S)

    def __exit__(self, *_: object) -> None:
        for thread, ender in self._threads:
            if ender.done():
                ender.result()()
            thread.join(WITHIN_S)


async def _live(environ: Mapping[str, str], up: Future[Gateway], ender: Future[Callable[[], object]]) -> None:
    try:
        async with running(read_configuration(environ)) as gateway:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            ender.set_result(lambda: loop.call_soon_threadsafe(stop.set))
            up.set_result(gateway)
            await stop.wait()
    except Exception as error:
        if up.done():
            raise
        up.set_exception(error)
