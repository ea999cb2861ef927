"""RabbitMQ: a persistent, mandatory message for an exchange, confirmed by the broker.

https://www.rabbitmq.com/docs/confirms and https://www.rabbitmq.com/docs/publishers#unroutable
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

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
from gateway.domain.message import Answer, Declined, Publication
from gateway.domain.outcome import Outcome, OutcomeClass

_LONGEST_NAME = 255


def _checked(url: str) -> str:
    return broker_url(url, ("amqp", "amqps"), path=r"/?[^/]*")


def _checked_length(name: str) -> str:
    if len(name.encode("utf-8", "replace")) > _LONGEST_NAME - 64:
        raise ValueError(f"must be at most {_LONGEST_NAME - 64} bytes")
    return name


class RabbitSettings(BrokerSettings):
    url: Annotated[str, AfterValidator(_checked)] = Field(
        description="amqp://host:5672/vhost, or amqps:// for TLS; a slash in the vhost is %2F"
    )
    username: str = Field("guest", min_length=1, description="name to log in with")
    exchange: Annotated[str, AfterValidator(_checked_length)] = Field(
        "", description="the default exchange unless set, where ROUTING_KEY is the name of a queue"
    )
    routing_key: Annotated[Pattern, AfterValidator(_checked_length)] = Field(
        "optix-alerts", description=f"decides which queues take it; {PLACES}"
    )


def _format(alert: Alert, context: Context, settings: RabbitSettings) -> Publication:
    message = publication("rabbitmq", settings.url, settings.exchange, alert, context, settings)
    return replace(message, key=placed(settings.routing_key, alert))


CLASSES = {
    "403": OutcomeClass.AUTH,
    "530": OutcomeClass.AUTH,
    "404": OutcomeClass.GONE,
    "312": OutcomeClass.GONE,
    "406": OutcomeClass.REJECTED,
}
"""312 comes with a message that no queue takes. All else passes: a nack, 405, 506, 541."""

_read_code = read_by(CLASSES)


def _read(answer: Answer, now: datetime) -> Outcome:
    """406 stands for many things; one of them is a message larger than `max_message_size`."""
    outcome = _read_code(answer, now)
    if isinstance(answer, Declined) and answer.code == "406" and "larger" in answer.text:
        return replace(outcome, kind=OutcomeClass.TOO_LARGE)
    return outcome


DESTINATION = Destination(
    summary="RabbitMQ: a persistent message through an exchange, confirmed by the broker",
    settings=RabbitSettings,
    format=_format,
    read=_read,
    verify=needs("aio_pika", "rabbitmq"),
    backlog="all",
    can_shrink=True,
    limits={
        "body": "MAX_BYTES, 1 MiB unless set; FORMAT=original sends what was received",
        "properties": "message_id (the same in every attempt), content_type; headers optix-gateway-key and -test",
        "repeats": "rare: drop messages whose message_id you have seen",
        "queues": "one at least must be bound, or the route waits: what no queue takes comes back",
        "alarms": "while the broker is short of memory or disk it takes nothing; messages wait here",
    },
    example=(
        "DESTINATION=rabbitmq\nURL=amqps://rabbit.example.com:5671/soc\nUSERNAME=optix\nPASSWORD=change-me\n"
        "FORMAT=alert\nEXCHANGE=alerts\nROUTING_KEY=optix.{source}.{severity}\n"
    ),
)
