"""MQTT 5: a message for a topic with QoS 1.

https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html, reason codes in 2.4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

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
    return broker_url(url, ("mqtt", "mqtts"))


class MqttSettings(BrokerSettings):
    url: Annotated[str, AfterValidator(_checked)] = Field(description="mqtt://host:1883, or mqtts://host:8883 for TLS")
    topic: Pattern = Field(
        "optix/{source}/{severity}",
        pattern=r"^[^$+#\x00-\x1f\x7f][^+#\x00-\x1f\x7f]*$",
        max_length=512,
        description=f"without wildcards; {PLACES}",
    )
    client_id: str = Field(
        "", pattern=r"^[ -~]{0,64}$", description="the broker makes one up unless set; no two clients may share one"
    )

    @model_validator(mode="after")
    def _name_comes_first(self) -> Self:
        if self.password.get_secret_value() and not self.username:
            raise ValueError("PASSWORD needs a USERNAME.")
        return self


def _format(alert: Alert, context: Context, settings: MqttSettings) -> Publication:
    topic = placed(settings.topic, alert)
    message = publication("mqtt", settings.url, topic, alert, context, settings, prefix="")
    return replace(message, options=(("client_id", settings.client_id),) if settings.client_id else ())


CLASSES = {
    "132": OutcomeClass.GONE,
    "133": OutcomeClass.GONE,
    "134": OutcomeClass.AUTH,
    "135": OutcomeClass.AUTH,
    "138": OutcomeClass.AUTH,
    "140": OutcomeClass.AUTH,
    "144": OutcomeClass.GONE,
    "149": OutcomeClass.TOO_LARGE,
    "150": OutcomeClass.RATE_LIMITED,
    "151": OutcomeClass.RATE_LIMITED,
    "153": OutcomeClass.REJECTED,
    "155": OutcomeClass.GONE,
}
"""The settings do not fit the broker: 132 version, 133 client id, 144 topic, 155 QoS 1. 134, 135, 138, 140: who we are.
150 and 151: rate and quota. 153: the payload is not what its type says. All else passes: 136 and 137 busy, 139 shutting
down, 142 taken over.
"""

DESTINATION = Destination(
    summary="MQTT 5 broker: a message for a topic, acknowledged (QoS 1)",
    settings=MqttSettings,
    format=_format,
    read=read_by(CLASSES),
    verify=needs("paho", "mqtt"),
    backlog="all",
    can_shrink=True,
    limits={
        "body": "MAX_BYTES, 1 MiB unless set; FORMAT=original sends what was received",
        "user properties": "id (the same in every attempt), key (of the incident), test",
        "repeats": "rare: drop messages whose id you have seen",
        "acknowledgement": "means that the broker has it, not that anybody listens",
    },
    example=(
        "DESTINATION=mqtt\nURL=mqtts://mqtt.example.com:8883\nUSERNAME=optix\nPASSWORD=change-me\n"
        "FORMAT=alert\nTOPIC=optix/{source}/{severity}\n"
    ),
)
