from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, assert_never

from gateway.domain.message import (
    Answer,
    AwsRequest,
    GrantedRequest,
    HttpAnswers,
    HttpRequest,
    HttpRequests,
    Line,
    Mail,
    Message,
    Notification,
    Publication,
    SyslogRecord,
)
from gateway.outbound.tls import TlsContexts

if TYPE_CHECKING:
    from gateway.outbound.apprise import AppriseTransport
    from gateway.outbound.aws import AwsTransport
    from gateway.outbound.broker import Broker, Lines
    from gateway.outbound.granting import GrantingTransport
    from gateway.outbound.http import HttpTransport
    from gateway.outbound.line import LineTransport
    from gateway.outbound.proxies import Proxies
    from gateway.outbound.smtp import SmtpTransport
    from gateway.outbound.syslog import SyslogTransport


class Transports:
    """Every message to the transport of its kind; fills `ports.Transport`.

    A transport, and the library below it, is imported and made when its first message comes: who sends no mail does not
    pay for it. `proxies`: None for those of the environment. Usable in one event loop.
    """

    def __init__(self, user_agent: str, *, proxies: Proxies | None = None) -> None:
        self._user_agent = user_agent
        self._proxies = proxies
        self._tls = TlsContexts()
        self._http: HttpTransport | None = None
        self._aws: AwsTransport | None = None
        self._granting: GrantingTransport | None = None
        self._syslog: SyslogTransport | None = None
        self._smtp: SmtpTransport | None = None
        self._line: LineTransport | None = None
        self._apprise: AppriseTransport | None = None
        self._brokers: dict[str, Lines[Any]] = {}

    async def send(self, message: Message, timeout_s: float) -> Answer:
        match message:
            case HttpRequest():
                return await self._send_request(message, timeout_s)
            case HttpRequests():
                return await self._send_requests(message, timeout_s)
            case SyslogRecord():
                return await (self._syslog or self._make_syslog()).send(message, timeout_s)
            case Mail():
                return await (self._smtp or self._make_smtp()).send(message, timeout_s)
            case Publication():
                return await (self._brokers.get(message.broker) or self._make_broker(message)).send(message, timeout_s)
            case Notification():
                return await (self._apprise or self._make_apprise()).send(message, timeout_s)
            case Line():
                return await (self._line or self._make_line()).send(message, timeout_s)
            case _:
                assert_never(message)

    async def _send_request(self, request: HttpRequest | AwsRequest | GrantedRequest, timeout_s: float) -> Answer:
        match request:
            case AwsRequest():
                return await (self._aws or self._make_aws()).send(request, timeout_s)
            case GrantedRequest():
                return await (self._granting or self._make_granting()).send(request, timeout_s)
            case _:
                return await (self._http or self._make_http()).send(request, timeout_s)

    async def _send_requests(self, message: HttpRequests, timeout_s: float) -> HttpAnswers:
        http = self._http or self._make_http()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(http.send(request, timeout_s)) for request in message.requests]
        return HttpAnswers(tuple(task.result() for task in asked))

    async def close(self) -> None:
        """Close what stands open. A later send opens anew."""
        http = (self._aws, self._granting, self._http)
        for transport in (*http, self._syslog, self._line, self._apprise, *self._brokers.values()):
            if transport is not None:
                await transport.close()

    def _make_http(self) -> HttpTransport:
        from gateway.outbound.http import HttpTransport  # noqa: PLC0415 - see the class
        from gateway.outbound.proxies import Proxies  # noqa: PLC0415

        self._http = HttpTransport(self._user_agent, self._tls, self._proxies or Proxies())
        return self._http

    def _make_aws(self) -> AwsTransport:
        from gateway.outbound.aws import AwsTransport  # noqa: PLC0415 - see the class

        self._aws = AwsTransport(self._http or self._make_http())
        return self._aws

    def _make_granting(self) -> GrantingTransport:
        from gateway.outbound.granting import GrantingTransport  # noqa: PLC0415 - see the class
        from gateway.outbound.http import HttpTransport  # noqa: PLC0415
        from gateway.outbound.proxies import Proxies  # noqa: PLC0415

        local = HttpTransport(self._user_agent, self._tls, Proxies({}), local=True)
        self._granting = GrantingTransport(self._http or self._make_http(), local)
        return self._granting

    def _make_syslog(self) -> SyslogTransport:
        from gateway.outbound.syslog import SyslogTransport  # noqa: PLC0415 - see the class

        self._syslog = SyslogTransport(self._tls)
        return self._syslog

    def _make_smtp(self) -> SmtpTransport:
        from gateway.outbound.smtp import SmtpTransport  # noqa: PLC0415 - see the class

        self._smtp = SmtpTransport(self._tls)
        return self._smtp

    def _make_line(self) -> LineTransport:
        from gateway.outbound.line import LineTransport  # noqa: PLC0415 - see the class

        self._line = LineTransport()
        return self._line

    def _make_apprise(self) -> AppriseTransport:
        from gateway.outbound.apprise import AppriseTransport  # noqa: PLC0415 - see the class

        self._apprise = AppriseTransport(self._user_agent)
        return self._apprise

    def _make_broker(self, message: Publication) -> Lines[Any]:
        from gateway.outbound.broker import Lines  # noqa: PLC0415 - see the class

        self._brokers[message.broker] = made = Lines(_broker(message, self._tls))
        return made


def _broker(message: Publication, tls: TlsContexts) -> Broker[Any]:
    match message.broker:
        case "redis":
            from gateway.outbound.redis import RedisBroker  # noqa: PLC0415 - see Transports

            return RedisBroker(tls)
        case "nats":
            from gateway.outbound.nats import NatsBroker  # noqa: PLC0415

            return NatsBroker(tls)
        case "rabbitmq":
            from gateway.outbound.rabbitmq import RabbitBroker  # noqa: PLC0415

            return RabbitBroker(tls)
        case "mqtt":
            from gateway.outbound.mqtt import MqttBroker  # noqa: PLC0415

            return MqttBroker(tls)
        case "kafka":
            from gateway.outbound.kafka import KafkaBroker  # noqa: PLC0415

            return KafkaBroker(tls)
        case _:
            assert_never(message.broker)
