"""NATS JetStream: a message for a subject that a stream listens to.

https://docs.nats.io/nats-concepts/jetstream/headers and the server's list of JetStream errors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context, Destination
from gateway.destinations._broker import (
    PLACES,
    BrokerSettings,
    Pattern,
    broker_url,
    placed,
    publication,
    read_by,
)
from gateway.destinations._extra import needs
from gateway.domain.alert import Alert
from gateway.domain.message import Publication
from gateway.domain.outcome import OutcomeClass


def _checked(url: str) -> str:
    return broker_url(url, ("nats", "tls"))


class NatsSettings(BrokerSettings):
    url: Annotated[str, AfterValidator(_checked)] = Field(description="nats://host:4222, or tls:// to insist on TLS")
    password: SecretStr = Field(SecretStr(""), description="password to log in with; without USERNAME it is a token")
    subject: Pattern = Field(
        "optix.alerts", pattern=r"^[^\s.*>]+(\.[^\s.*>]+)*$", max_length=512, description=f"without wildcards; {PLACES}"
    )
    stream: str = Field(
        "", pattern=r"^[^\s.*>/\\]*$", description="the stream that is expected to take it; any unless set"
    )


def _format(alert: Alert, context: Context, settings: NatsSettings) -> Publication:
    subject = placed(settings.subject, alert)
    message = publication("nats", settings.url, subject, alert, context, settings, prefix="Optix-Gateway-")
    return replace(message, options=(("stream", settings.stream),) if settings.stream else ())


CLASSES = {
    "authorization": OutcomeClass.AUTH,
    "permissions": OutcomeClass.AUTH,
    "max_payload": OutcomeClass.TOO_LARGE,
    "10054": OutcomeClass.TOO_LARGE,
    "10060": OutcomeClass.GONE,
}
"""10054: larger than the stream takes. 10060: another stream than the expected one. All else passes: no responders,
10077 (the stream is full), 10008 and 10023 (the system is short of something).
"""

DESTINATION = Destination(
    summary="NATS JetStream: a message in a stream, acknowledged by its sequence and told from its repeats",
    settings=NatsSettings,
    format=_format,
    read=read_by(CLASSES),
    verify=needs("nats", "nats"),
    backlog="all",
    can_shrink=True,
    limits={
        "body": "MAX_BYTES, 1 MiB unless set; FORMAT=original sends what was received",
        "headers": "Nats-Msg-Id (the same in every attempt), Content-Type, Optix-Gateway-Key, Optix-Gateway-Test",
        "repeats": "dropped by the stream within its duplicate window (2 minutes unless set there)",
        "streams": "must exist: core NATS acknowledges nothing",
    },
    example=(
        "DESTINATION=nats\nURL=tls://nats.example.com:4222\nUSERNAME=optix\nPASSWORD=change-me\n"
        "FORMAT=alert\nSUBJECT=optix.{source}.{severity}\nSTREAM=OPTIX\n"
    ),
)
