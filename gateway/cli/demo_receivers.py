"""The receivers of the demonstration: one port for HTTP, one for syslog, each message shown when it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from aiohttp import web

Show: TypeAlias = Callable[[str, str], None]
"""Called with the receiver's name and what it got."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Where they listen."""

    http: str
    syslog_port: int


@asynccontextmanager
async def receiving(show: Show) -> AsyncIterator[Receivers]:
    from aiohttp import web  # noqa: PLC0415 - only the demonstration pays for it

    application = web.Application(client_max_size=16 << 20)
    application.router.add_post("/{path:.*}", _http(show))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    syslog = await asyncio.start_server(_syslog(show), "127.0.0.1", 0)
    try:
        yield Receivers(f"http://127.0.0.1:{runner.addresses[0][1]}", syslog.sockets[0].getsockname()[1])
    finally:
        syslog.close()
        await runner.cleanup()


def _http(show: Show) -> Callable[[web.Request], Any]:
    from aiohttp import web  # noqa: PLC0415

    async def receive(request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        if request.path == "/events":
            show("archive (CloudEvents)", f"{body['id']}  {body['type']}  {body['source']}  {body['subject']}")
        elif "topic" in body:
            show("phone (ntfy)", f"[priority {body['priority']}] {body['title']}\n{body['message']}")
        else:
            show("chat (Discord)", _card(body["embeds"][0]))
        return web.json_response({"id": "1"})

    return receive


def _card(embed: Mapping[str, Any]) -> str:
    fields = "  ".join(f"{field['name']}: {field['value']}" for field in embed.get("fields", ())).replace("\n", " ")
    return "\n".join(part for part in (embed["title"], embed.get("description", ""), fields) if part)


def _syslog(show: Show) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async for record in reader:
                show("siem (syslog, CEF)", record.decode("utf-8", "replace").rstrip("\n"))
        finally:
            writer.close()

    return receive
