"""Kafka, through confluent-kafka (librdkafka).

The library connects again by itself, and to the addresses that the cluster names; what is left is what it had not sent.
Its threads never run our code: one thread of ours asks for its news and hands them to the loop.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from gateway.domain.message import Declined, Publication, Published
from gateway.outbound.address import addresses_in, dial
from gateway.outbound.reasons import CONNECT_S
from gateway.outbound.tls import TlsContexts

_NEWS_EVERY_S = 0.2
_UNKNOWN_TOPIC_AFTER_S = 5
_MOST_BYTES = 1_000_000_000
_SILENT = logging.getLogger(f"{__name__}.library")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

_OF_THE_LOGIN = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}  # noqa: SLF001 - the library's names
_ENDS = _OF_THE_LOGIN | {KafkaError._ALL_BROKERS_DOWN, KafkaError._SSL}  # noqa: SLF001
_OURS = {
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError._AUTHENTICATION,  # noqa: SLF001
    KafkaError._INVALID_ARG,  # noqa: SLF001
}
"""Numbers below zero are the library's own words; these say something about the message or the login."""
_KEPT = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001
"""What the library says of a topic for minutes, without asking again."""


@dataclass(frozen=True, slots=True)
class Link:
    """`lost` holds why no message gets through any more, once that is so. `stale`: the next one needs another link."""

    producer: Producer
    lost: asyncio.Future[KafkaError]
    ended: Event = field(default_factory=Event)
    stale: Event = field(default_factory=Event)


class KafkaBroker:
    """A `Broker`. An address may name several hosts, of which one has to answer."""

    errors: tuple[type[Exception], ...] = (OSError, KafkaException, BufferError)
    default_port = 9092

    def __init__(self, tls: TlsContexts) -> None:
        self._tls = tls

    async def open(self, publication: Publication, _timeout_s: float) -> Link:
        if urlsplit(publication.url).scheme == "kafkas":
            await _shake_hands(publication, await self._tls.of(publication.tls))
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[KafkaError] = loop.create_future()
        made = await asyncio.to_thread(Producer, _configuration(publication) | {"error_cb": partial(_notice, lost)})
        link = Link(made, lost)
        Thread(target=_listen, args=(made, link.ended), name="kafka-news", daemon=True).start()
        return link

    async def publish(self, link: Link, publication: Publication, _timeout_s: float) -> Published | Declined:
        """The reference is `topic:partition:offset`."""
        delivered: asyncio.Future[Published] = asyncio.get_running_loop().create_future()
        link.producer.produce(
            publication.target,
            publication.body,
            key=publication.key.encode(),
            headers=[
                ("id", publication.message_id),
                ("content-type", publication.content_type),
                *publication.headers,
            ],
            on_delivery=partial(_report, link, delivered),
        )
        any_of: set[asyncio.Future[Any]] = {delivered, link.lost}
        await asyncio.wait(any_of, return_when=asyncio.FIRST_COMPLETED)
        if delivered.done():
            return delivered.result()
        raise _fault(link.lost.result())

    async def shut(self, link: Link) -> None:
        """What was not acknowledged is not sent any more by this connection: it has its own next attempt."""
        link.producer.purge(blocking=False)
        link.ended.set()

    def is_whole(self, link: Link) -> bool:
        return not link.lost.done() and not link.stale.is_set()

    def declined(self, error: Exception) -> Declined | None:
        if isinstance(error, BufferError):
            return Declined("_QUEUE_FULL", "too many messages wait for this cluster")
        found = error.args[0] if isinstance(error, KafkaException) and error.args else None
        if not isinstance(found, KafkaError) or (found.code() < 0 and found.code() not in _OURS):
            return None
        text = "the login was refused" if found.code() in _OF_THE_LOGIN else KafkaError(found.code()).str()
        return Declined(found.name(), text)


def _configuration(publication: Publication) -> dict[str, Any]:
    """https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md. Idempotence brings acks=all.

    How large a message may be is for the cluster to say, and how long it may take for whoever waits.
    """
    secure, login = urlsplit(publication.url).scheme == "kafkas", bool(publication.username)
    found = addresses_in(publication.url, KafkaBroker.default_port)
    made: dict[str, Any] = {
        "bootstrap.servers": ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in found),
        "client.id": "optix-gateway",
        "enable.idempotence": True,
        "linger.ms": 0,
        "message.max.bytes": _MOST_BYTES,
        "topic.metadata.propagation.max.ms": _UNKNOWN_TOPIC_AFTER_S * 1000,
        "socket.connection.setup.timeout.ms": int(CONNECT_S * 1000),
        "security.protocol": ("SASL_" if login else "") + ("SSL" if secure else "PLAINTEXT"),
        "log_level": 0,
        "logger": _SILENT,
    }
    if secure:
        made["enable.ssl.certificate.verification"] = publication.tls.verify
        if not publication.tls.verify:
            made["ssl.endpoint.identification.algorithm"] = "none"
        if publication.tls.ca_file:
            made["ssl.ca.location"] = publication.tls.ca_file
    if login:
        made["sasl.mechanism"] = dict(publication.options).get("mechanism", "PLAIN")
        made["sasl.username"], made["sasl.password"] = publication.username, publication.password
    return made


async def _shake_hands(publication: Publication, context: ssl.SSLContext) -> None:
    """What is wrong with a certificate, in Python's words: the library has one word for all of it."""
    fault: OSError | None = None
    for host, port in addresses_in(publication.url, KafkaBroker.default_port):
        try:
            sock = await dial(host, port)
            _, writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=host)
        except OSError as error:
            fault = fault or error
            continue
        writer.transport.abort()
        return
    raise fault or ConnectionError


def _listen(producer: Producer, ended: Event) -> None:
    while not ended.is_set():
        producer.poll(_NEWS_EVERY_S)
    producer.poll(0)


def _notice(lost: asyncio.Future[KafkaError], error: KafkaError) -> None:
    if error.code() in _ENDS or error.fatal():
        _tell(lost, partial(_settle, lost, error))


def _report(link: Link, delivered: asyncio.Future[Published], error: KafkaError | None, message: Message) -> None:
    if error is not None and error.code() in _KEPT:
        link.stale.set()
    if error is None:
        made = Published(f"{message.topic()}:{message.partition()}:{message.offset()}")
        _tell(delivered, partial(_settle, delivered, made))
    else:
        _tell(delivered, partial(_fail, delivered, _fault(error)))


def _tell(future: asyncio.Future[Any], news: partial[None]) -> None:
    """Nobody is left to tell when the loop is closed."""
    with suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(news)


def _settle(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # who waited may be gone


def _fault(error: KafkaError) -> Exception:
    if error.code() == KafkaError._SSL:  # noqa: SLF001 - see above
        return ssl.SSLError(1, "refused by the library")
    return KafkaException(error)
