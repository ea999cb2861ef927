from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway import samples
from gateway.cli.output import line
from gateway.domain.alert import Alert
from gateway.domain.optix import parse
from gateway.domain.route import RouteTable
from gateway.settings.configuration import Configuration, read_configuration

if TYPE_CHECKING:
    from aiohttp import web

    from gateway.wiring import Gateway

SECRET = "demo-secret"  # noqa: S105 - of a gateway that lives for one demonstration, on loopback
_WITHIN_S = 30.0
_SHOWN_LINES = 6


def demo(
    *, once: Annotated[bool, typer.Option("--once", help="End when everything arrived; exit 1 if it did not.")] = False
) -> None:
    """Show the whole journey on this machine with nothing configured: sample alerts in, formatted messages out."""
    with tempfile.TemporaryDirectory(prefix="optix-gateway-demo-") as folder:
        try:
            arrived = asyncio.run(_demo(Path(folder), once=once))
        except KeyboardInterrupt:
            return
    if not arrived:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Arrivals:
    """Counts what the receivers got, and prints each message when it comes."""

    expected: int = 0
    count: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, route: str, text: str) -> None:
        self.count += 1
        line(f"\n<- {route}")
        lines = text.splitlines()
        for shown in lines[:_SHOWN_LINES]:
            line(f"   {shown[:160]}")
        if len(lines) > _SHOWN_LINES:
            line(f"   … {len(lines) - _SHOWN_LINES} more lines")
        if self.count >= self.expected:
            self.complete.set()


async def _demo(folder: Path, *, once: bool) -> bool:
    from gateway.telemetry.logs import configure  # noqa: PLC0415 - only the demo itself pays for the server
    from gateway.wiring import running  # noqa: PLC0415

    configure("console", "warning", sys.stderr, {SECRET})
    arrivals = _Arrivals()
    http, stop_http = await _http_receiver(arrivals)
    syslog = await asyncio.start_server(_syslog_receiver(arrivals), "127.0.0.1", 0)
    configuration = _configuration(folder, http, syslog.sockets[0].getsockname()[1])
    arrivals.expected = _expected(configuration)
    try:
        async with running(configuration) as gateway:
            _introduce(configuration, gateway)
            await _send_samples(gateway)
            await _all_arrived(arrivals)
            line(f"\n{arrivals.count} of {arrivals.expected} messages arrived.")
            if not once:
                line("The gateway stays up: try `curl` on the addresses above. Ctrl-C ends it.")
                await asyncio.Event().wait()
    finally:
        await stop_http()
        syslog.close()
    return arrivals.count == arrivals.expected


async def _all_arrived(arrivals: _Arrivals) -> None:
    try:
        await asyncio.wait_for(arrivals.complete.wait(), _WITHIN_S)
    except TimeoutError:
        line(f"After {_WITHIN_S:g} s something is still missing.", error=True)


def _configuration(folder: Path, http: str, syslog_port: int) -> Configuration:
    """Four receivers of different kinds, by the same settings that a user would write."""
    routes = {
        "chat": {"DESTINATION": "discord", "URL": f"{http}/api/webhooks/1/demo", "RATE_LIMIT": "off", "BACKLOG": "all"},
        "phone": {
            "DESTINATION": "ntfy",
            "URL": http,
            "TOPIC": "oncall",
            "MIN_SEVERITY": "high",
            "RATE_LIMIT": "off",
            "BACKLOG": "all",
        },
        "siem": {"DESTINATION": "syslog", "HOST": "127.0.0.1", "PORT": str(syslog_port), "FORMAT": "cef"},
        "archive": {"DESTINATION": "webhook", "URL": f"{http}/events", "FORMAT": "cloudevents"},
    }
    routes["siem"] |= {"TRANSPORT": "tcp", "FRAMING": "lf"}
    environ = {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "GATEWAY_OPS_LISTEN": "127.0.0.1:0",
        "GATEWAY_DATABASE": f"sqlite:///{folder / 'demo.db'}",
        "GATEWAY_DISK_RESERVE": "1MiB",
        "GATEWAY_AUTH_HEADER": "X-Optix-Auth",
        "GATEWAY_AUTH_VALUES": SECRET,
        "GATEWAY_ROUTES_DIR": str(folder),
    }
    for name, keys in routes.items():
        environ |= {f"GATEWAY_ROUTES__{name.upper()}__{key}": value for key, value in keys.items()}
    return read_configuration(environ)


def _expected(configuration: Configuration) -> int:
    table = RouteTable([(route.name, route.filter) for route in configuration.routes])
    alerts = [parse("optix", samples.load(name)) for name in samples.names()]
    return sum(len(table.taking(alert)) for alert in alerts if isinstance(alert, Alert))


def _introduce(configuration: Configuration, gateway: Gateway) -> None:
    line(f"webhooks   http://127.0.0.1:{gateway.webhooks[0][1]}/webhooks/optix  (X-Optix-Auth: {SECRET})")
    line(f"operators  http://127.0.0.1:{gateway.ops[0][1]}/")
    for route in configuration.routes:
        line(f"route      {route.name} -> {route.kind}: {route.filter.describe()}")


async def _send_samples(gateway: Gateway) -> None:
    from aiohttp import ClientSession  # noqa: PLC0415

    url = f"http://127.0.0.1:{gateway.webhooks[0][1]}/webhooks/optix"
    async with ClientSession(headers={"X-Optix-Auth": SECRET}) as session:
        for name in samples.names():
            async with session.post(url, data=samples.load(name)) as answer:
                said: dict[str, Any] = await answer.json()
            taken = ", ".join(said.get("routes", ())) or "no route"
            line(f"\n-> {name}: {answer.status} {said.get('status')} {said.get('id')} for {taken}")


async def _http_receiver(arrivals: _Arrivals) -> tuple[str, Callable[[], Any]]:
    from aiohttp import web  # noqa: PLC0415

    async def receive(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        if request.path == "/events":
            arrivals.add("archive (CloudEvents)", f"{body['id']}  {body['type']}  {body['source']}  {body['subject']}")
            return web.Response()
        if "topic" in body:
            arrivals.add("phone (ntfy)", f"[priority {body['priority']}] {body['title']}\n{body['message']}")
            return web.json_response({"id": "demo"})
        embed = body["embeds"][0]
        arrivals.add("chat (discord)", f"{embed['title']}\n{embed.get('description', '')}\n{_fields(embed)}")
        return web.json_response({"id": "1"})

    application = web.Application()
    application.router.add_post("/{path:.*}", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}", runner.cleanup


def _fields(embed: dict[str, Any]) -> str:
    return "  ".join(f"{field['name']}: {field['value']}" for field in embed.get("fields", ())).replace("\n", " ")


def _syslog_receiver(
    arrivals: _Arrivals,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for record in reader:
            arrivals.add("siem (syslog, CEF)", record.decode("utf-8", "replace").rstrip("\n"))
        writer.close()

    return receive
