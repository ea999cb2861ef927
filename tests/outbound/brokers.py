"""Real brokers for the tests: where they are, what they hold afterwards, and a way in between that can be cut."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika
import nats
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from redis.asyncio import Redis

from tests.journey.journey_world import until
from tests.outbound.cluster import advertising, cluster
from tests.outbound.conftest import RawServer
from tests.services import require

HERE = "127.0.0.1"
ADDRESSES = {
    "redis": os.environ.get("REDIS_URL", f"redis://{HERE}:6379"),
    "nats": os.environ.get("NATS_URL", f"nats://{HERE}:4222"),
    "rabbitmq": os.environ.get("AMQP_URL", f"amqp://{HERE}:5672"),
    "mqtt": os.environ.get("MQTT_URL", f"mqtt://{HERE}:1883"),
    "kafka": f"kafka://{HERE}",
}
"""None of them needs a login beyond RabbitMQ's guest. Kafka's cluster runs within the tests."""


class Received(NamedTuple):
    id: str
    content_type: str
    body: bytes
    headers: dict[str, str]


class Inbox(NamedTuple):
    """`target` and `key` as in a Publication; `received` tells all that arrived, once there are that many."""

    target: str
    key: str
    received: Callable[[int], Awaitable[list[Received]]]


def address(broker: str) -> str:
    if broker == "kafka":
        return f"kafka://{cluster().address}"
    url = ADDRESSES[broker]
    require(broker, answers(url), f"start it at {url}")
    return url


def answers(url: str) -> bool:
    parts = urlsplit(url)
    with suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2):
        return True
    return False


@asynccontextmanager
async def redis_inbox(url: str) -> AsyncIterator[Inbox]:
    stream = f"optix-test-{uuid4().hex}"
    async with Redis.from_url(url, decode_responses=True, protocol=2) as client:

        async def received(_count: int) -> list[Received]:
            return [_from_fields(fields) for _, fields in await client.xrange(stream) or ()]

        yield Inbox(stream, "", received)
        await client.delete(stream)


def _from_fields(entry: Any) -> Received:
    fields = dict(entry)
    body = fields.pop("data").encode()
    return Received(fields.pop("id"), fields.pop("content_type"), body, fields)


@asynccontextmanager
async def nats_inbox(url: str, **limits: Any) -> AsyncIterator[Inbox]:
    name = f"optix-test-{uuid4().hex}"
    client = await nats.connect(url, allow_reconnect=False)
    stream = client.jetstream()
    await stream.add_stream(name=name, subjects=[f"{name}.>"], **limits)

    async def received(_count: int) -> list[Received]:
        found = []
        for number in range(1, (await stream.stream_info(name)).state.last_seq + 1):
            message = await stream.get_msg(name, number)
            headers = dict(message.headers or {})
            body = message.data or b""
            found.append(Received(headers.pop("Nats-Msg-Id"), headers.pop("Content-Type"), body, headers))
        return found

    try:
        yield Inbox(f"{name}.alerts", "", received)
    finally:
        await stream.delete_stream(name)
        await client.close()


@asynccontextmanager
async def rabbitmq_inbox(url: str) -> AsyncIterator[Inbox]:
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(f"optix-test-{uuid4().hex}", exclusive=True)

        async def received(_count: int) -> list[Received]:
            found = []
            while message := await queue.get(fail=False):
                headers = {name: str(value) for name, value in message.headers.items()}
                assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
                found.append(Received(message.message_id or "", message.content_type or "", message.body, headers))
            return found

        yield Inbox("", queue.name, received)


@asynccontextmanager
async def mqtt_inbox(url: str, username: str = "", password: str = "") -> AsyncIterator[Inbox]:
    topic = f"optix-test/{uuid4().hex}"
    loop = asyncio.get_running_loop()
    subscribed, arrived = asyncio.Event(), asyncio.Queue[Received]()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5, reconnect_on_failure=False)
    if username:
        client.username_pw_set(username, password)

    def message_came(_c: Client, _u: object, message: MQTTMessage) -> None:
        headers = dict(message.properties.UserProperty)  # type: ignore[union-attr]  # MQTT 5 has them
        kind = message.properties.ContentType  # type: ignore[union-attr]  # the same
        loop.call_soon_threadsafe(
            arrived.put_nowait, Received(headers.pop("id"), kind, bytes(message.payload), headers)
        )

    client.on_message = message_came

    def entered(*_told: Any) -> None:
        client.subscribe(topic, qos=1)

    def listening(*_told: Any) -> None:
        loop.call_soon_threadsafe(subscribed.set)

    client.on_connect, client.on_subscribe = entered, listening
    parts = urlsplit(url)
    client.connect(parts.hostname or "", parts.port or 1883)
    client.loop_start()

    async def received(count: int) -> list[Received]:
        found = [await arrived.get() for _ in range(count)]
        while not arrived.empty():
            found.append(arrived.get_nowait())
        return found

    try:
        async with asyncio.timeout(5):
            await subscribed.wait()
        yield Inbox(topic, "", received)
    finally:
        client.disconnect()
        await asyncio.to_thread(client.loop_stop)


@asynccontextmanager
async def kafka_inbox(url: str) -> AsyncIterator[Inbox]:
    """Read with the library's consumer, from the first record of every partition."""
    topic = f"optix-test-{uuid4().hex}"

    async def received(count: int) -> list[Received]:
        return await asyncio.to_thread(_read_topic, url.partition("//")[2], topic, count)

    yield Inbox(topic, "optix-0123", received)


def _read_topic(servers: str, topic: str, count: int) -> list[Received]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.partition.eof": True})
    partitions = consumer.list_topics(topic, timeout=5).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: list[tuple[int, Received]] = []
    ended = set[int]()
    while len(ended) < len(partitions) or len(found) < count:
        message = consumer.poll(5)
        assert message is not None, f"{len(found)} records of {count}"
        error = message.error()
        if error is None:
            found.append((message.offset() or 0, _from_record(message)))
            continue
        assert error.code() == KafkaError._PARTITION_EOF, error
        ended.add(message.partition() or 0)
    consumer.close()
    return [record for _, record in sorted(found)]


def _from_record(message: Message) -> Received:
    given: Any = message.headers()  # the library's types allow for what it never returns
    headers = {name: value.decode() for name, value in given}
    assert message.key() == (headers.get("optix-gateway-key") or headers["key"]).encode()
    return Received(headers.pop("id"), headers.pop("content-type"), message.value() or b"", headers)


INBOXES: dict[str, Callable[[str], AbstractAsyncContextManager[Inbox]]] = {
    "redis": redis_inbox,
    "nats": nats_inbox,
    "rabbitmq": rabbitmq_inbox,
    "mqtt": mqtt_inbox,
    "kafka": kafka_inbox,
}


class Proxy(RawServer):
    """A way to a broker that can be cut and opened again, on the same port."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._scheme, self._to = parts.scheme, (parts.hostname or "", parts.port or 0)
        super().__init__(self._through)

    @property
    def url(self) -> str:
        return f"{self._scheme}://{HERE}:{self.port}"

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_broker, to_broker = await asyncio.open_connection(*self._to)
        ways = [
            asyncio.ensure_future(_copy(reader, to_broker)),
            asyncio.ensure_future(_copy(from_broker, writer, advertising(self._to[1], self.port))),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_broker.transport.abort()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, instead: tuple[bytes, bytes] = (b"", b"")
) -> None:
    while data := await reader.read(65536):
        writer.write(data.replace(*instead) if instead[0] else data)
        await writer.drain()


@asynccontextmanager
async def a_proxy(url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(url)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()


def a_port() -> int:
    with socket.create_server((HERE, 0)) as server:
        port: int = server.getsockname()[1]
        return port


@asynccontextmanager
async def a_server(program: str, arguments: Sequence[str | Path], port: int) -> AsyncIterator[None]:
    """A broker of the test's own, which answers at that port."""
    async with AsyncExitStack() as stack:
        silent = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(program, *arguments, stdout=silent, stderr=silent)

        async def end() -> None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

        stack.push_async_callback(end)
        await until(lambda: answers(f"tcp://{HERE}:{port}"))
        yield
