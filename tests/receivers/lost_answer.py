"""A way to a server that loses its first answers: the server has done what it was asked, and nobody hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.outbound.conftest import RawServer


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def losing_answers(port: int, count: int = 2) -> AsyncIterator[RawServer]:
    """Leads to that port on loopback. Two are lost, since aiohttp itself asks once more with a PUT."""

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
        asking = asyncio.ensure_future(_copy(reader, to_server))
        try:
            if way.connections <= count:
                await from_server.read(65536)
                raise ConnectionResetError
            await _copy(from_server, writer)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            to_server.transport.abort()

    way = RawServer(between)
    await way.start()
    try:
        yield way
    finally:
        await way.stop()
