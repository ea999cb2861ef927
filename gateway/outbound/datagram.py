from __future__ import annotations

import asyncio
import socket
from collections import deque

from aiohappyeyeballs import AddrInfoType

from gateway.outbound.address import guarded_socket

# How long a name's addresses are used before it is looked up again.
_RESOLVED_FOR_S = 60.0
# How long a refusal (ICMP port unreachable) may take to come back.
_REFUSAL_WITHIN_S = 0.25


class Datagrams:
    """A connected UDP socket for one receiver, so that the kernel tells of refusals.

    A refusal comes after the datagram went. On a socket that has not proved itself (a new one, or after a refusal) each
    datagram waits for it; on a proved one none does, so that a busy route is not slowed down. One datagram at a time:
    a refusal could belong to any of several.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._turn = asyncio.Lock()
        self._addresses: deque[AddrInfoType] = deque()
        self._resolved_until_s = 0.0
        self._socket: socket.socket | None = None
        self._proved = False

    async def send(self, data: bytes, timeout_s: float) -> None:
        """Raises OSError."""
        async with asyncio.timeout(timeout_s), self._turn:
            await self._resolve()
            await self._send_to_any(data)

    def close(self) -> None:
        self._drop()

    async def _resolve(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._resolved_until_s:
            return
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
        if set(found) != set(self._addresses):
            self._drop()
            self._addresses = deque(found)
        self._resolved_until_s = loop.time() + _RESOLVED_FOR_S

    async def _send_to_any(self, data: bytes) -> None:
        """A name may stand for several addresses (localhost: ::1 and 127.0.0.1) of which one listens."""
        for _ in range(len(self._addresses) - 1):
            try:
                return await self._send(data)
            except ConnectionRefusedError:
                self._addresses.rotate(-1)
        return await self._send(data)

    async def _send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        sock = self._socket or self._open(self._addresses[0])
        try:
            await loop.sock_sendall(sock, data)
            if not self._proved:
                await self._hear_refusal(sock)
        except ConnectionRefusedError:
            self._drop()
            raise

    async def _hear_refusal(self, sock: socket.socket) -> None:
        try:
            async with asyncio.timeout(_REFUSAL_WITHIN_S):
                await asyncio.get_running_loop().sock_recv(sock, 1)
        except TimeoutError:
            self._proved = True

    def _open(self, address: AddrInfoType) -> socket.socket:
        sock = guarded_socket(address)
        sock.setblocking(False)
        try:
            sock.connect(address[4])
        except OSError:
            sock.close()
            raise
        self._socket = sock
        return sock

    def _drop(self) -> None:
        sock, self._socket = self._socket, None
        self._proved = False
        if sock is not None:
            sock.close()
