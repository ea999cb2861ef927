"""Opening a listener, or saying why this machine does not let us."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web

from gateway.web.server import Handler, WebServer, tls_context


class CannotStart(Exception):
    """The configuration is right, but this machine does not let the gateway run: why, and what to do."""


async def listen(
    served: Handler | web.Application,
    address: tuple[str, int],
    setting: str,
    stack: AsyncExitStack,
    tls: ssl.SSLContext | None = None,
) -> Sequence[tuple[str, int]]:
    server = WebServer(served, host=address[0], port=address[1], tls=tls)
    try:
        bound = await server.start()
    except OSError as error:
        hint = " Is another program using it?" if error.errno == errno.EADDRINUSE else ""
        raise CannotStart(f"{setting}={_shown(*address)}: {_what(error)}.{hint}") from None
    stack.push_async_callback(server.stop)
    return bound


def _what(error: OSError) -> str:
    """The system's own words: asyncio puts the address into them once more."""
    number = error.errno or 0
    return os.strerror(number) if number > 0 else error.strerror or type(error).__name__


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def tls_of(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """None where webhooks come without TLS."""
    if certificate is None or key is None:
        return None
    try:
        return tls_context(certificate, key)
    except (OSError, ssl.SSLError) as error:
        what = error.strerror or type(error).__name__
        raise CannotStart(f"GATEWAY_TLS_CERT and GATEWAY_TLS_KEY cannot be used together: {what}.") from None
