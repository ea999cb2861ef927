"""Receivers over HTTP: one that says given bytes, one of aiohttp, and what is sent to them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.domain.message import Answer, HttpRequest, NoAnswer
from tests.outbound.conftest import RawServer, Serve

SECRET = "s3cret-token"
FORBIDDEN = "refused: the address is link-local or a cloud metadata service"


async def read_request(reader: asyncio.StreamReader) -> tuple[list[bytes], bytes]:
    """The lines of the head, and the body by its Content-Length."""
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[:-2]
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    return lines, await reader.readexactly(length)


async def answered_with(serve: Serve, raw: bytes) -> RawServer:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(raw)
        await writer.drain()

    return await serve(handler)


def post(server: RawServer, path: str = f"/hook/{SECRET}", body: bytes = b"{}") -> HttpRequest:
    return HttpRequest(f"http://127.0.0.1:{server.port}{path}", body)


def reason(answer: Answer) -> str:
    assert isinstance(answer, NoAnswer), answer
    assert SECRET not in answer.reason
    assert "http" not in answer.reason
    return answer.reason


class receiver:  # noqa: N801 - reads as a block
    """An aiohttp server for one handler; its URL, by the name `localhost` over TLS."""

    def __init__(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
    ) -> None:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        self._server = TestServer(app, host="127.0.0.1")
        self._tls = tls

    async def __aenter__(self) -> str:
        await self._server.start_server(ssl=self._tls)
        return f"https://localhost:{self._server.port}/{SECRET}" if self._tls else str(self._server.make_url("/hook"))

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()


async def ok(_: web.Request) -> web.Response:
    return web.Response(text="ok")
