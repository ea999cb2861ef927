"""A listening socket and its requests, from start to stop."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from aiohttp import web

from gateway.web.protocol import JsonServer

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_BACKLOG = 1024  # a burst of senders must not be turned away by the kernel while one commit is under way


class WebServer:
    """Serves one handler, or one aiohttp application, on one address. `start` once, `stop` once."""

    def __init__(
        self,
        served: Handler | web.Application,
        *,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        finish_within_s: float = 10.0,
    ) -> None:
        self._served, self._host, self._port = served, host, port
        self._tls, self._finish_within_s = tls, finish_within_s
        self._runners: list[web.AppRunner | web.ServerRunner] = []

    async def start(self) -> tuple[tuple[str, int], ...]:
        """The addresses that it listens on, with the real port where 0 was asked for. OSError when it cannot."""
        runner = web.ServerRunner(await self._server(), shutdown_timeout=self._finish_within_s)
        self._runners.insert(0, runner)
        await runner.setup()
        site = web.TCPSite(runner, self._host or None, self._port, ssl_context=self._tls, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise
        return tuple((address[0], address[1]) for address in runner.addresses)

    async def stop(self) -> None:
        """Close the socket and idle connections, give requests under way their time, then close those too."""
        while self._runners:
            await self._runners.pop(0).cleanup()

    async def _server(self) -> JsonServer:
        if not isinstance(self._served, web.Application):
            return JsonServer(self._served)
        application = web.AppRunner(self._served)
        await application.setup()
        self._runners.append(application)
        server = application.server
        assert server is not None  # noqa: S101 - setup has made it
        return JsonServer(server.request_handler, request_factory=server.request_factory)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For a listener that serves TLS 1.2 and up. OSError, or ssl.SSLError when certificate and key do not fit."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
