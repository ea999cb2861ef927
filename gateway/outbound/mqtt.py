"""MQTT 5 with QoS 1, through paho-mqtt, whose own thread reads and writes.

Not through a wrapper of it for asyncio: they drop the reason code of an acknowledgement, so that a message which the
broker's rules forbid would pass for delivered.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.domain.message import Declined, Publication, Published
from gateway.outbound.tls import TlsContexts

_TLS_PORT = 8883
_KEEPALIVE_S = 30
_HEADER_BYTES = 1024
"""More than topic names and properties take beside the body, as a rule."""


class NotTaken(Exception):
    """The broker answered with a reason code of 0x80 or above (MQTT 5, 2.4)."""

    def __init__(self, code: ReasonCode) -> None:
        super().__init__(f"{code}")
        self.code = code.value


class Link:
    """One connection. What the library's thread tells is handed to the loop, where everything else happens."""

    def __init__(self, client: Client) -> None:
        loop = asyncio.get_running_loop()
        self.client = client
        self.entered: asyncio.Future[None] = loop.create_future()
        self.is_lost = False
        self.max_bytes: int | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}

        def connected(_c: Client, _u: object, _f: ConnectFlags, code: ReasonCode, told: Properties | None) -> None:
            loop.call_soon_threadsafe(self._enter, code, getattr(told, "MaximumPacketSize", None))

        def ended(_c: Client, _u: object, told: DisconnectFlags, code: ReasonCode, _p: Properties | None) -> None:
            loop.call_soon_threadsafe(self._lose, code if told.is_disconnect_packet_from_server else None)

        def published(_c: Client, _u: object, mid: int, code: ReasonCode, _p: Properties) -> None:
            loop.call_soon_threadsafe(self._settle, mid, code)

        client.on_connect, client.on_disconnect, client.on_publish = connected, ended, published

    async def publish(self, publication: Publication) -> None:
        """Raises NotTaken, and ConnectionError."""
        sent = self.client.publish(publication.target, publication.body, qos=1, properties=_properties(publication))
        if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise ConnectionError
        acknowledged = self._waiting[sent.mid] = asyncio.get_running_loop().create_future()
        try:
            await acknowledged
        finally:
            del self._waiting[sent.mid]

    def _enter(self, code: ReasonCode, max_bytes: int | None) -> None:
        self.max_bytes = max_bytes
        _resolve(self.entered, code)

    def _settle(self, mid: int, code: ReasonCode) -> None:
        if mid in self._waiting:
            _resolve(self._waiting[mid], code)

    def _lose(self, code: ReasonCode | None) -> None:
        """For all that wait. `code`: why the broker sent us away; None when the connection just ended."""
        self.is_lost = True
        for waiting in (self.entered, *self._waiting.values()):
            if not waiting.done():
                waiting.set_exception(NotTaken(code) if code else ConnectionError())


def _resolve(waiting: asyncio.Future[None], code: ReasonCode) -> None:
    if waiting.done():
        return
    if code.is_failure:
        waiting.set_exception(NotTaken(code))
    else:
        waiting.set_result(None)


class MqttBroker:
    """A `Broker`."""

    errors: tuple[type[Exception], ...] = (OSError, ValueError, NotTaken)
    default_port = 1883

    def __init__(self, tls: TlsContexts) -> None:
        self._tls = tls

    async def open(self, publication: Publication, timeout_s: float) -> Link:
        """`options`: `client_id`; the broker names us unless given."""
        parts = urlsplit(publication.url)
        client = _client(publication)
        client.connect_timeout = timeout_s
        secure = parts.scheme == "mqtts"
        if secure:
            client.tls_set_context(await self._tls.of(publication.tls))
        link = Link(client)
        port = parts.port or (_TLS_PORT if secure else self.default_port)
        await asyncio.to_thread(client.connect, parts.hostname or "", port, _KEEPALIVE_S)
        client.loop_start()
        try:
            await link.entered
        except BaseException:
            await self.shut(link)
            raise
        return link

    async def publish(self, link: Link, publication: Publication, _timeout_s: float) -> Published | Declined:
        if link.max_bytes is not None and len(publication.body) + _HEADER_BYTES > link.max_bytes:
            return Declined("149", f"the broker takes packets of {link.max_bytes} bytes at most")
        await link.publish(publication)
        return Published()

    async def shut(self, link: Link) -> None:
        link.client.disconnect()
        await asyncio.to_thread(link.client.loop_stop)

    def is_whole(self, link: Link) -> bool:
        return not link.is_lost

    def declined(self, error: Exception) -> Declined | None:
        return Declined(str(error.code), str(error)) if isinstance(error, NotTaken) else None


def _client(publication: Publication) -> Client:
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=dict(publication.options).get("client_id", ""),
        protocol=MQTTProtocolVersion.MQTTv5,
        reconnect_on_failure=False,
    )
    if publication.username:
        client.username_pw_set(publication.username, publication.password or None)
    return client


def _properties(publication: Publication) -> Properties:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # the library says nothing of it
    made.ContentType = publication.content_type
    made.UserProperty = [("id", publication.message_id), *publication.headers]
    return made
