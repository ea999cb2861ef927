"""A gateway with real sockets, in this process or in one of its own, and receivers that do as they are told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from aiohttp import ClientSession, ClientTimeout, web

from gateway import samples
from gateway.settings.configuration import read_configuration
from gateway.wiring import Gateway, running

HEADER, SECRET = "X-Optix-Key", "journey-credential-5a1f"
SAMPLE = samples.load(samples.DOCUMENTED)
WITHIN_S = 30.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Settings of a gateway that listens on loopback, on ports that the system chooses, without routes yet."""
    settings = {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "GATEWAY_OPS_LISTEN": "127.0.0.1:0",
        "GATEWAY_DATABASE": f"sqlite:///{folder / 'gateway.db'}",
        "GATEWAY_AUTH_HEADER": HEADER,
        "GATEWAY_AUTH_VALUES": SECRET,
        "GATEWAY_ROUTES_DIR": str(folder / "routes"),
        "GATEWAY_DISK_RESERVE": "0",
        "GATEWAY_LOG_FORMAT": "json",
    }
    (folder / "routes").mkdir(exist_ok=True)
    return settings | more


def a_route(name: str, destination: str = "webhook", **keys: object) -> dict[str, str]:
    """The keys of one route as settings; a retry comes soon unless told otherwise."""
    given = {"DESTINATION": destination, "RETRY_SCHEDULE": "50ms,50ms,50ms,50ms", "TIMEOUT": "5s"} | keys
    return {f"GATEWAY_ROUTES__{name.upper()}__{key}": str(value) for key, value in given.items()}


def a_body(alert_id: str, **payload: object) -> bytes:
    event = json.loads(SAMPLE)
    event["payloadData"] |= {"alertId": alert_id} | payload
    return json.dumps(event).encode()


async def until(holds: Callable[[], Awaitable[bool] | bool], within_s: float = WITHIN_S) -> None:
    """Wait until it is so; TimeoutError when it never is."""
    async with asyncio.timeout(within_s):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """An HTTP server that answers with `statuses` in turn, the last one for ever, or as `answer` says for a path. While
    `shut`, nobody is answered. `echo`: the answer repeats the request, headers and all.
    """

    def __init__(self, *statuses: int, answer: Callable[[str], int] | None = None, echo: bool = False) -> None:
        self.statuses = list(statuses) or [200]
        self._status_of = answer or self._next_status
        self.got: list[Received] = []
        self._echo = echo
        self._open = asyncio.Event()
        self._open.set()
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        self.port = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open.set()
        await self._runner.cleanup()

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def bodies(self) -> list[bytes]:
        return [received.body for received in self.got]

    async def until(self, count: int) -> None:
        await until(lambda: len(self.got) >= count)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.got.append(Received(request.path_qs, dict(request.headers), await _whole(request)))
        await self._open.wait()
        status = self._status_of(request.path_qs)
        if not self._echo:
            return web.Response(status=status)
        said = [request.path_qs, str(request.rel_url), *request.headers.values()]
        spelt = [(each, quote(each), json.dumps(each), b64encode(each.encode()).decode()) for each in said]
        quoted = {"X-Request-Id": request.headers.get("Authorization", "none"), "Via": request.path_qs}
        return web.Response(status=status, text=json.dumps({"message": spelt, "id": spelt}), headers=quoted)

    def _next_status(self, _path: str) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


async def _whole(request: web.BaseRequest) -> bytes:
    """Beyond aiohttp's own limit of 1 MiB."""
    chunks = [chunk async for chunk in request.content.iter_any()]
    return b"".join(chunks)


class Client:
    """Speaks to both listeners of one gateway."""

    def __init__(self, session: ClientSession, webhooks: str, ops: str = "", token: str = "") -> None:
        self.session, self.webhooks, self.ops = session, webhooks, ops
        self._bearer = {"Authorization": f"Bearer {token}"} if token else {}

    async def post(
        self, body: bytes, source: str = "optix", *, header: str = HEADER, secret: str | None = SECRET, **more: Any
    ) -> tuple[int, dict[str, Any]]:
        headers = {} if secret is None else {header: secret}
        url = f"{self.webhooks}/webhooks/{source}"
        async with self.session.post(url, data=BytesIO(body), headers=headers, **more) as got:
            return got.status, await got.json()

    async def accepted(self, body: bytes, source: str = "optix", **more: Any) -> str:
        """Post a webhook that must be taken; the gateway's id of it."""
        status, answer = await self.post(body, source, **more)
        assert (status, answer["status"]) == (200, "accepted"), answer
        alert: str = answer["id"]
        return alert

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.ops}{path}", headers=self._bearer) as answer:
            text = await answer.text()
            assert answer.status == 200, text
            return json.loads(text) if answer.content_type == "application/json" else text

    async def status(self, path: str) -> int:
        async with self.session.get(f"{self.ops}{path}", headers=self._bearer) as answer:
            return answer.status

    async def change(self, path: str, **body: Any) -> Any:
        async with self.session.post(f"{self.ops}{path}", json=body, headers=self._bearer) as answer:
            return await answer.json()

    async def delivery(self, alert: str, route: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/api/v1/deliveries/{alert}.{route}")
        return found

    async def until_state(self, state: str, *deliveries: tuple[str, str]) -> None:
        """Wait until each (alert, route) has come into that state."""

        async def reached() -> bool:
            return all([(await self.delivery(alert, route))["state"] == state for alert, route in deliveries])

        await until(reached)


@asynccontextmanager
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=WITHIN_S)) as made:
        yield made


@asynccontextmanager
async def a_gateway(environ: Mapping[str, str], *, scheme: str = "http") -> AsyncIterator[tuple[Gateway, Client]]:
    """A gateway in this process, and someone who speaks to it."""
    token = environ.get("GATEWAY_OPS_TOKEN", "")
    async with session() as made, running(read_configuration(environ)) as gateway:
        (webhooks, *_), (ops, *_) = gateway.webhooks, gateway.ops
        yield gateway, Client(made, f"{scheme}://{webhooks[0]}:{webhooks[1]}", f"http://{ops[0]}:{ops[1]}", token)


@dataclass(slots=True)
class Process:
    """`optix-gateway serve` as a process of its own. `lines` is what it said so far, `log` those of them in JSON."""

    environ: Mapping[str, str]
    lines: list[str] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = None
    _reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "gateway", "serve"),
            env=kept | dict(self.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._running.kill()
        await self.ended()

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def _read(self) -> None:
        assert self._running.stdout is not None
        while line := await self._running.stdout.readline():
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines if line.startswith("{")]

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    async def until_said(self, event: str) -> dict[str, Any]:
        def said() -> bool:
            assert self._running.returncode is None, "\n".join(self.lines)
            return bool(self.said(event))

        await until(said)
        return self.said(event)[0]

    async def client(self, made: ClientSession) -> Client:
        """Wait until it listens."""
        started = await self.until_said("gateway.started")
        return Client(made, f"http://{started['webhooks']}", f"http://{started['ops']}")

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._running.send_signal(number)

    async def ended(self, within_s: float = 60.0) -> int:
        """The exit code; everything that it said has been read then."""
        async with asyncio.timeout(within_s):
            code = await self._running.wait()
            assert self._reading is not None
            await self._reading
        return code
