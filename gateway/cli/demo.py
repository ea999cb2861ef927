from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway import samples
from gateway.cli import INTERRUPTED
from gateway.cli.demo_receivers import Receivers, receiving
from gateway.cli.output import counted, heading, line
from gateway.domain.alert import Alert
from gateway.domain.optix import parse
from gateway.domain.route import RouteTable

if TYPE_CHECKING:
    from gateway.settings.configuration import Configuration
    from gateway.wiring import Gateway

HEADER, SECRET = "X-Optix-Auth", "demo-secret"  # of a gateway that lives for one demonstration, on loopback
_WITHIN_S = 30.0
_SHOWN_LINES, _SHOWN_WIDTH = 6, 160


def demo(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="End by itself: exit 0 if everything arrived, otherwise 1.")
    ] = False,
) -> None:
    """Show the whole journey, with nothing configured.

    On this machine: a gateway on an embedded database, sample alerts in, formatted messages out to four receivers.
    It stays up until Ctrl-C.
    """
    with tempfile.TemporaryDirectory(prefix="optix-gateway-demo-") as folder:
        code = asyncio.run(_demonstrate(Path(folder), once=once))
    raise typer.Exit(code)


@dataclass(slots=True)
class _Stage:
    """Prints what happens, and counts what arrives. `deserted`: whoever read our output has left."""

    expected: int = 0
    arrived: int = 0
    deserted: bool = False
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, text: str = "", *, bold: bool = False) -> None:
        try:
            heading(text) if bold else line(text)
        except BrokenPipeError:
            self.deserted = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def show(self, receiver: str, text: str) -> None:
        lines = text.splitlines()
        self.say(f"\n<- {receiver}", bold=True)
        for shown in lines[:_SHOWN_LINES]:
            self.say(f"   {shown[:_SHOWN_WIDTH]}")
        if left := lines[_SHOWN_LINES:]:
            self.say(f"   … {counted(len(left), 'more line')}")
        self.arrived += 1
        if self.arrived >= self.expected:
            self.complete.set()


async def _demonstrate(folder: Path, *, once: bool) -> int:
    """The exit code."""
    from gateway.telemetry.logs import configure  # noqa: PLC0415 - only the demonstration pays for the server
    from gateway.wiring import running  # noqa: PLC0415

    configure("console", "error", sys.stderr, {SECRET})
    stage, stop = _Stage(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with receiving(stage.show) as receivers:
        configuration = _configuration(folder, receivers)
        stage.expected = _expected(configuration)
        async with running(configuration) as gateway:
            _introduce(stage, configuration, gateway)
            if not await _first(stop, _journey(stage, gateway)):
                return INTERRUPTED
            _conclude(stage, gateway, once=once)
            if not once and not stage.deserted:
                await stop.wait()
    return 0 if stage.complete.is_set() else 1


async def _first(stop: asyncio.Event, journey: Coroutine[Any, Any, None]) -> bool:
    """Whether the journey came to its end before somebody ended it."""
    travelling, stopped = asyncio.ensure_future(journey), asyncio.ensure_future(stop.wait())
    await asyncio.wait((travelling, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if travelling.done():
        travelling.result()
        return True
    travelling.cancel()
    return False


async def _journey(stage: _Stage, gateway: Gateway) -> None:
    try:
        async with asyncio.timeout(_WITHIN_S):
            await _send_samples(stage, gateway)
            await stage.complete.wait()
    except TimeoutError:
        line(f"After {_WITHIN_S:g} s something is still missing.", error=True)


def _configuration(folder: Path, receivers: Receivers) -> Configuration:
    """Four receivers of different kinds, by the same settings that a user would write."""
    from gateway.settings.configuration import read_configuration  # noqa: PLC0415

    at_once = {"RATE_LIMIT": "off", "BACKLOG": "all"}
    chat = {"DESTINATION": "discord", "URL": f"{receivers.http}/api/webhooks/1/demo", **at_once}
    phone = {"DESTINATION": "ntfy", "URL": receivers.http, "TOPIC": "oncall", "MIN_SEVERITY": "high", **at_once}
    siem = {"DESTINATION": "syslog", "HOST": "127.0.0.1", "PORT": str(receivers.syslog_port), "FORMAT": "cef"}
    siem |= {"TRANSPORT": "tcp", "FRAMING": "lf"}
    archive = {"DESTINATION": "webhook", "URL": f"{receivers.http}/events", "FORMAT": "cloudevents"}
    environ = {
        "GATEWAY_LISTEN": "127.0.0.1:0",
        "GATEWAY_OPS_LISTEN": "127.0.0.1:0",
        "GATEWAY_DATABASE": f"sqlite:///{folder / 'demo.db'}",
        "GATEWAY_DISK_RESERVE": "1MiB",
        "GATEWAY_AUTH_HEADER": HEADER,
        "GATEWAY_AUTH_VALUES": SECRET,
        "GATEWAY_ROUTES_DIR": str(folder),
    }
    for name, keys in {"chat": chat, "phone": phone, "siem": siem, "archive": archive}.items():
        environ |= {f"GATEWAY_ROUTES__{name.upper()}__{key}": value for key, value in keys.items()}
    return read_configuration(environ)


def _expected(configuration: Configuration) -> int:
    """How many messages the samples make."""
    table = RouteTable([(route.name, route.filter) for route in configuration.routes])
    alerts = [parse("optix", samples.load(name)) for name in samples.names()]
    return sum(len(table.taking(alert)) for alert in alerts if isinstance(alert, Alert))


def _introduce(stage: _Stage, configuration: Configuration, gateway: Gateway) -> None:
    stage.say("A gateway with an embedded database, and four receivers, all on this machine:\n")
    stage.say(f"webhooks   http://127.0.0.1:{gateway.webhooks[0][1]}/webhooks/optix  ({HEADER}: {SECRET})")
    stage.say(f"operators  http://127.0.0.1:{gateway.ops[0][1]}/")
    for route in configuration.routes:
        stage.say(f"route      {route.name} -> {route.kind}: {route.filter.describe()}")


async def _send_samples(stage: _Stage, gateway: Gateway) -> None:
    from aiohttp import ClientSession  # noqa: PLC0415

    url = f"http://127.0.0.1:{gateway.webhooks[0][1]}/webhooks/optix"
    async with ClientSession(headers={HEADER: SECRET}) as session:
        for name in samples.names():
            async with session.post(url, data=samples.load(name)) as answer:
                said: dict[str, Any] = await answer.json()
            taken = ", ".join(said.get("routes", ())) or "no route"
            stage.say(f"\n-> {name}: {answer.status} {said.get('status')} {said.get('id')} for {taken}", bold=True)


def _conclude(stage: _Stage, gateway: Gateway, *, once: bool) -> None:
    stage.say(f"\n{stage.arrived} of {stage.expected} messages arrived.", bold=True)
    if once:
        return
    ops = f"http://127.0.0.1:{gateway.ops[0][1]}"
    stage.say("\nThe gateway stays up until Ctrl-C. In another shell:")
    stage.say(f"    optix-gateway deliveries list --url {ops}")
    stage.say(f"    curl {ops}/metrics")
    stage.say(
        f"    curl -H '{HEADER}: {SECRET}' -d @alert.json http://127.0.0.1:{gateway.webhooks[0][1]}/webhooks/optix"
    )
