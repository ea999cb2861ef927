"""RabbitMQ with publisher confirms, through aio-pika (AMQP 0-9-1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import exceptions as faults
from pamqp.commands import Basic

from gateway.domain.message import Declined, Publication, Published
from gateway.outbound.tls import TlsContexts

_CODES: tuple[tuple[type[Exception], str], ...] = (
    (faults.ProbableAuthenticationError, "403"),
    (faults.AuthenticationError, "403"),
    (faults.ChannelAccessRefused, "403"),
    (faults.ConnectionNotAllowed, "530"),
    (faults.ChannelNotFoundEntity, "404"),
    (faults.ChannelPreconditionFailed, "406"),
    (faults.ConnectionResourceError, "506"),
)
"""The library makes a class of the reply codes (AMQP 0-9-1, 1.2)."""


@dataclass(frozen=True, slots=True)
class Link:
    connection: AbstractConnection
    channel: AbstractChannel


class RabbitBroker:
    """A `Broker`. Every message is persistent and mandatory: what no queue takes comes back."""

    errors: tuple[type[Exception], ...] = (OSError, faults.AMQPError, faults.ChannelInvalidStateError)
    default_port = 5672

    def __init__(self, tls: TlsContexts) -> None:
        self._tls = tls

    async def open(self, publication: Publication, timeout_s: float) -> Link:
        parts = urlsplit(publication.url)
        secure = parts.scheme == "amqps"
        connection = await aio_pika.connect(
            host=parts.hostname or "",
            port=parts.port or (5671 if secure else self.default_port),
            login=publication.username or "guest",
            password=publication.password or "guest",
            virtualhost=unquote(parts.path[1:]) or "/",
            ssl=secure,
            ssl_context=await self._tls.of(publication.tls) if secure else None,
            timeout=timeout_s,
            client_properties={"connection_name": "optix-gateway"},
        )
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        return Link(connection, channel)

    async def publish(self, link: Link, publication: Publication, _timeout_s: float) -> Published | Declined:
        """The protocol gives what was acknowledged no name."""
        message = aio_pika.Message(
            publication.body,
            headers=dict(publication.headers),
            content_type=publication.content_type,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=publication.message_id,
            app_id="optix-gateway",
        )
        if publication.target:
            exchange = await link.channel.get_exchange(publication.target, ensure=False)
        else:
            exchange = link.channel.default_exchange
        await exchange.publish(message, publication.key, mandatory=True)
        return Published()

    async def shut(self, link: Link) -> None:
        await link.connection.close()

    def is_whole(self, link: Link) -> bool:
        return not (link.channel.is_closed or link.connection.is_closed)

    def declined(self, error: Exception) -> Declined | None:
        if isinstance(error, faults.PublishError):
            return Declined("312", "no queue is bound that takes this routing key")
        if isinstance(error, faults.DeliveryError):
            return Declined(
                "nack" if isinstance(error.frame, Basic.Nack) else "reject", "the broker took no charge of it"
            )
        if isinstance(error, faults.InvalidFrameError) and "Connection.OpenOk" in str(error):
            # The library takes the broker's refusal of a virtual host for a broken frame.
            return Declined("530", "the virtual host does not exist, or the user may not enter it")
        code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
        return Declined(code, str(error.args[0]) if error.args else "") if code else None
