"""NATS JetStream, through nats-py. Core NATS acknowledges nothing, so it is not spoken."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import ParseResult, urlsplit

from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.errors import AuthorizationError, MaxPayloadError, SecureConnWantedError
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NoStreamResponseError

from gateway.domain.message import Declined, Publication, Published
from gateway.outbound.tls import TlsContexts

_FAREWELL_S = 1.0


@dataclass(frozen=True, slots=True)
class Link:
    """`denied` holds the server's complaint about this login's permissions once there is one: it answers a message
    that may not be published with that alone, outside of the message's own exchange. `lost` is done when the connection
    is closed: the library leaves those waiting who published before.
    """

    client: Client
    denied: asyncio.Future[str]
    lost: asyncio.Future[None]


class Secured(TcpTransport):
    """Says nothing before TLS stands. The library itself goes on in plain text, login and all, with a server (or with
    somebody in between) that does not ask for TLS.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library gives it no types
        self._is_secured = False

    def __bool__(self) -> bool:
        return True  # or the library would put its own in this place

    async def connect_tls(
        self, uri: str | ParseResult, ssl_context: ssl.SSLContext, buffer_size: int, connect_timeout: int
    ) -> None:
        await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        self._is_secured = True

    def write(self, payload: bytes) -> None:
        if not self._is_secured:
            raise SecureConnWantedError
        super().write(payload)  # type: ignore[no-untyped-call]  # see above

    async def wait_closed(self) -> None:
        """After a handshake that failed there is nothing to wait for: the library would do so for ever."""
        if self._is_secured:
            await super().wait_closed()  # type: ignore[no-untyped-call]  # see above


class NatsBroker:
    """A `Broker`. `password` without `username` is a token."""

    errors: tuple[type[Exception], ...] = (OSError, NatsError)
    default_port = 4222

    def __init__(self, tls: TlsContexts) -> None:
        self._tls = tls

    async def open(self, publication: Publication, timeout_s: float) -> Link:
        secure = urlsplit(publication.url).scheme == "tls"
        context = await self._tls.of(publication.tls) if secure else None
        client = Client()
        if secure:
            client._transport = Secured()  # noqa: SLF001 - the library takes none
        loop = asyncio.get_running_loop()
        link = Link(client, loop.create_future(), loop.create_future())
        try:
            await client.connect(
                publication.url,
                name="optix-gateway",
                error_cb=partial(_complain, link),
                closed_cb=partial(_lose, link),
                allow_reconnect=False,
                connect_timeout=max(1, int(timeout_s)),
                tls=context,
                **_credentials(publication),
            )
        except BaseException:
            with suppress(*self.errors):
                async with asyncio.timeout(_FAREWELL_S):
                    await client.close()
            raise
        return link

    async def publish(self, link: Link, publication: Publication, timeout_s: float) -> Published | Declined:
        """`options`: `stream`, the one that is expected to take it. The reference is `stream:sequence`."""
        sending = asyncio.ensure_future(_sent(link.client, publication, timeout_s))
        any_of: set[asyncio.Future[Any]] = {sending, link.denied, link.lost}
        try:
            await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return await sending
            if link.denied.done():
                return Declined("permissions", link.denied.result())
            raise ConnectionError
        finally:
            sending.cancel()

    async def shut(self, link: Link) -> None:
        await link.client.close()

    def is_whole(self, link: Link) -> bool:
        return bool(link.client.is_connected) and not link.denied.done()

    def declined(self, error: Exception) -> Declined | None:
        match error:
            case NoStreamResponseError():
                return Declined("no responders", "no stream takes this subject, or JetStream is away")
            case APIError():
                return Declined(str(error.err_code or error.code or ""), error.description or "")
            case MaxPayloadError():
                return Declined("max_payload", "the server takes no message of this size")
            case SecureConnWantedError():
                return Declined("no TLS", "the server asks for no TLS, so nothing was sent")
            case AuthorizationError():
                return Declined("authorization", "the login was refused")
            case _:
                return _refused(str(error))


async def _complain(link: Link, error: Exception) -> None:
    if "permissions violation" in str(error).lower() and not link.denied.done():
        link.denied.set_result(str(error).removeprefix("nats: "))


async def _lose(link: Link) -> None:
    if not link.lost.done():
        link.lost.set_result(None)


def _credentials(publication: Publication) -> dict[str, Any]:
    if publication.username:
        return {"user": publication.username, "password": publication.password}
    return {"token": publication.password} if publication.password else {}


async def _sent(client: Client, publication: Publication, timeout_s: float) -> Published:
    ack = await client.jetstream().publish(
        publication.target,
        publication.body,
        timeout=timeout_s,
        stream=dict(publication.options).get("stream"),
        headers={
            "Nats-Msg-Id": publication.message_id,
            "Content-Type": publication.content_type,
            **dict(publication.headers),
        },
    )
    return Published(f"{ack.stream}:{ack.seq}")


def _refused(text: str) -> Declined | None:
    """The library hands some refusals of a login on as the server's words."""
    if "authorization" in text.lower() or "authentication" in text.lower():
        return Declined("authorization", "the login was refused")
    return None
