"""A persistent TCP or TLS connection to a receiver that never answers (syslog)."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from contextlib import suppress
from ssl import SSLContext

from gateway.outbound.address import dial
from gateway.outbound.reasons import CONNECT_S, of_network

# A receiver that hangs up on us (no backend behind a balancer, a TLS 1.3 client certificate missing) does so just after
# the connection stands: the first message waits this long to see it.
_SETTLE_S = 0.05
_GOODBYE_S = 1.0
_FIRST_LOOK_S, _LONGEST_LOOK_S = 0.001, 0.02


class BrokenConnection(Exception):
    """The receiver went away with a message not surely taken. The text is safe to show."""


class Link:
    """One connection for one receiver, opened when needed. One message is written at a time; several may wait together
    for their bytes to be acknowledged.
    """

    def __init__(self, host: str, port: int, context: SSLContext | None) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._turn = asyncio.Lock()
        self._connection: _Connection | None = None

    async def send(self, framed: bytes, timeout_s: float) -> None:
        """Raises BrokenConnection and OSError (TimeoutError without a number: the whole took too long)."""
        try:
            async with asyncio.timeout(timeout_s):
                connection = await self._write(framed)
                await connection.until_acknowledged()
        except TimeoutError:
            # A peer that stopped acknowledging may be gone without a word, and half a message may stand in between.
            await self.close()
            raise

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _write(self, framed: bytes) -> _Connection:
        async with self._turn:
            connection = await self._usable()
            await connection.write(framed)
            return connection

    async def _usable(self) -> _Connection:
        """The standing connection, unless it turns out dead before anything was written: then a new one."""
        await _let_the_loop_look()
        standing = self._connection
        if standing is not None and standing.is_whole:
            return standing
        await self.close()
        self._connection = opened = await self._open()
        return opened

    async def _open(self) -> _Connection:
        try:
            async with asyncio.timeout(CONNECT_S):
                return _Connection(*await self._connect())
        except TimeoutError as error:
            raise TimeoutError(errno.ETIMEDOUT, "no connection") from error

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = await dial(self._host, self._port)
        try:
            _keep_alive(sock)
            server = self._host if self._context else None
            return await asyncio.open_connection(sock=sock, ssl=self._context, server_hostname=server)
        except BaseException:
            sock.close()
            raise


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._settled = False
        self._end = asyncio.create_task(_read_to_the_end(reader))
        self._acknowledgement: asyncio.Task[bool] | None = None

    @property
    def is_whole(self) -> bool:
        return not self._end.done() and not self._writer.is_closing()

    @property
    def is_stuck(self) -> bool:
        return self._end.done() or self._unacknowledged() > 0

    async def write(self, framed: bytes) -> None:
        self._writer.write(framed)
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise BrokenConnection(self._how_it_ended()) from error

    async def until_acknowledged(self) -> None:
        """Wait until nothing is unacknowledged. One look serves everybody who wrote before it."""
        if self._acknowledgement is None or self._acknowledgement.done():
            self._acknowledgement = asyncio.create_task(self._look())
        if not await asyncio.shield(self._acknowledgement):
            raise BrokenConnection(self._how_it_ended())

    async def close(self) -> None:
        """In good order (TLS says goodbye) while nothing is stuck, else at once."""
        self._writer.close()
        if not self.is_stuck:
            with suppress(OSError):
                async with asyncio.timeout(_GOODBYE_S):
                    await self._writer.wait_closed()
        self._writer.transport.abort()
        self._end.cancel()
        await asyncio.wait([task for task in (self._end, self._acknowledgement) if task is not None])

    async def _look(self) -> bool:
        pause_s, self._settled = (0.0 if self._settled else _SETTLE_S), True
        while True:
            await asyncio.sleep(pause_s)
            nothing_left = self._unacknowledged() == 0
            await _let_the_loop_look()
            if not self.is_whole:
                return False
            if nothing_left:
                return True
            pause_s = min(max(2 * pause_s, _FIRST_LOOK_S), _LONGEST_LOOK_S)

    def _unacknowledged(self) -> int:
        """Bytes in our own buffer and in the kernel's that the peer's machine has not acknowledged."""
        buffered = self._writer.transport.get_write_buffer_size()
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return buffered
        return buffered + _in_kernel(sock.fileno())

    def _how_it_ended(self) -> str:
        if self._end.done() and not self._end.cancelled():
            return self._end.result()
        return "connection closed before the message was surely taken"


async def _read_to_the_end(reader: asyncio.StreamReader) -> str:
    """How the peer ended the connection. What it says until then means nothing in syslog and is thrown away."""
    try:
        while await reader.read(4096):
            pass
    except OSError as error:
        return of_network(error)
    return "connection closed by the receiver"


async def _let_the_loop_look() -> None:
    """Let the loop poll its sockets and wake who waits for them, so that a close that has arrived is known."""
    for _ in range(3):
        await asyncio.sleep(0)


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


def _in_kernel(descriptor: int) -> int:
    """SIOCOUTQ of tcp(7): bytes sent or waiting that are not acknowledged. Only Linux tells; elsewhere 0."""
    if sys.platform != "linux":
        return 0
    import fcntl  # noqa: PLC0415 - not everywhere
    import termios  # noqa: PLC0415

    answer: bytes = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
    count: int = struct.unpack("i", answer)[0]
    return count
