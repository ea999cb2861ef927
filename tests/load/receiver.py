"""Receivers on loopback that do as they are told and tell what they got."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Self

from tests.load.wire import take


class How(Enum):
    ANSWER = "answer"
    RESET = "reset"
    """The connection breaks after the request was read: the sender cannot know that it arrived."""
    SILENCE = "silence"


class Reply(NamedTuple):
    status: int = 200
    headers: bytes = b""
    wait_s: float = 0.0
    how: How = How.ANSWER


OK = Reply()
SILENT = Reply(how=How.SILENCE)


class Receiver:
    """`respond` decides about a body when it has come in; `answered` hears of it once a success has been written out.

    `count` is the number of bodies that came in.
    """

    def __init__(
        self, respond: Callable[[bytes], Reply] = lambda _: OK, answered: Callable[[bytes], None] | None = None
    ) -> None:
        self.respond, self.answered = respond, answered
        self.count = 0
        self._wanted: tuple[int, asyncio.Event] | None = None
        self._server: asyncio.Server | None = None
        self.connections: set[asyncio.Transport] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for transport in tuple(self.connections):
            transport.abort()
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def until(self, count: int, within_s: float) -> None:
        """Wait until that many bodies came in; TimeoutError when they do not."""
        if self.count >= count:
            return
        arrived = asyncio.Event()
        self._wanted = (count, arrived)
        async with asyncio.timeout(within_s):
            await arrived.wait()

    def arrived(self, body: bytes) -> Reply:
        self.count += 1
        if self._wanted is not None and self.count >= self._wanted[0]:
            self._wanted[1].set()
        return self.respond(body)


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._receiver.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._receiver.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (message := take(self._buffer)) is not None:
            reply = self._receiver.arrived(message.body)
            if reply.wait_s:
                asyncio.get_running_loop().call_later(reply.wait_s, self._act, reply, message.body)
            else:
                self._act(reply, message.body)

    def _act(self, reply: Reply, body: bytes) -> None:
        if reply.how is How.RESET:
            self._transport.abort()
        elif reply.how is How.ANSWER and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 %d -\r\n%bContent-Length: 0\r\n\r\n" % (reply.status, reply.headers))
            if self._receiver.answered is not None and reply.status == OK.status:
                self._receiver.answered(body)
