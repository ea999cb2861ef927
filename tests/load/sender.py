from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from tests.load.wire import Message, take

HEADER, SECRET = "X-Optix-Auth", "bench-secret"


class Sender:
    """One kept-alive connection to the webhook endpoint, opened when it is needed; one post at a time."""

    def __init__(self, port: int, within_s: float = 30.0) -> None:
        self._port, self._within_s = port, within_s
        self._head = (
            f"POST /webhooks/optix HTTP/1.1\r\nHost: gateway\r\n{HEADER}: {SECRET}\r\nContent-Length: ".encode()
        )
        self._connection: _Connection | None = None

    async def open(self) -> None:
        if self._connection is None or self._connection.lost:
            loop = asyncio.get_running_loop()
            _, self._connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)

    async def post(self, body: bytes) -> int:
        """The status. OSError (TimeoutError too) when there was none: nobody knows whether the body was taken."""
        await self.open()
        assert self._connection is not None
        try:
            async with asyncio.timeout(self._within_s):
                answer = await self._connection.ask(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        except BaseException:
            self.close()
            raise
        return int(answer.first[9:12])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Connection(asyncio.Protocol):
    lost = False

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[Message] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(str(exc or "closed")))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        message = take(self._buffer)
        if message is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    async def ask(self, request: bytes) -> Message:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
        self._transport.abort()


async def post_all(port: int, bodies: Iterator[bytes], connections: int) -> None:
    """Post each body once, so many at a time. Any answer but 200 is an error."""

    async def work() -> None:
        sender = Sender(port)
        try:
            for body in bodies:
                status = await sender.post(body)
                if status != 200:
                    raise RuntimeError(f"the webhook was answered with {status}")
        finally:
            sender.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(work())


async def status_of(port: int, path: str) -> int | None:
    """What a GET on loopback is answered with; None when nobody listens."""
    with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
                return int((await reader.readuntil(b"\r\n"))[9:12])
            finally:
                writer.close()
    return None
