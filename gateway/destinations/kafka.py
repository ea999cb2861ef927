"""Kafka, and what speaks its protocol (Redpanda, Azure Event Hubs, Confluent Cloud): a record, acknowledged by all
replicas in sync.

Sources: https://kafka.apache.org/documentation/ (message.max.bytes: 1 048 588 bytes for a batch unless set otherwise;
legal topic names), https://kafka.apache.org/protocol.html#protocol_error_codes and
https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md. The library tries again by itself what may
pass (no leader, too few replicas) for as long as an attempt may take, without making it arrive twice.

The key of a record is the incident's, so that all states of an incident are in one partition, in their order, and a
compacted topic keeps the last. CloudEvents are written in structured mode, as its binding to Kafka says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, ByteSize, Field, SecretStr

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
from gateway.destinations._event import LEAST_BYTES
from gateway.destinations._extra import needs
from gateway.domain.alert import Alert
from gateway.domain.message import Publication
from gateway.domain.outcome import OutcomeClass

_LARGEST = 1_000_000


def _checked(url: str) -> str:
    """Every host by itself."""
    scheme, _, hosts = url.partition("://")
    for host in hosts.split(","):
        broker_url(f"{scheme}://{host}" if "://" in url else url, ("kafka", "kafkas"))
    return url


class KafkaSettings(BrokerSettings):
    url: Annotated[str, AfterValidator(_checked)] = Field(
        description="kafka://host:9092, or kafkas:// for TLS; more hosts of the cluster follow with commas"
    )
    username: str = Field("", description="name to log in with (SASL); none unless set")
    password: SecretStr = Field(SecretStr(""), description="password to log in with")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="how to log in; PLAIN without TLS shows the password to the network"
    )
    topic: Pattern = Field("optix-alerts", pattern=r"^[A-Za-z0-9._{}-]+$", max_length=180, description=f"{PLACES}")
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES)] = Field(
        ByteSize(_LARGEST), description="longest body of alert and cloudevents; default 1 MB"
    )


def _format(alert: Alert, context: Context, settings: KafkaSettings) -> Publication:
    message = publication("kafka", settings.url, placed(settings.topic, alert), alert, context, settings)
    return replace(message, key=alert.key, options=(("mechanism", settings.mechanism),) if settings.username else ())


CLASSES = {
    "_AUTHENTICATION": OutcomeClass.AUTH,
    "SASL_AUTHENTICATION_FAILED": OutcomeClass.AUTH,
    "TOPIC_AUTHORIZATION_FAILED": OutcomeClass.AUTH,
    "CLUSTER_AUTHORIZATION_FAILED": OutcomeClass.AUTH,
    "MSG_SIZE_TOO_LARGE": OutcomeClass.TOO_LARGE,
    "RECORD_LIST_TOO_LARGE": OutcomeClass.TOO_LARGE,
    "TOPIC_EXCEPTION": OutcomeClass.GONE,
    "UNKNOWN_TOPIC_OR_PART": OutcomeClass.GONE,
    "_UNKNOWN_TOPIC": OutcomeClass.GONE,
    "_UNKNOWN_PARTITION": OutcomeClass.GONE,
    "INVALID_RECORD": OutcomeClass.REJECTED,
    "POLICY_VIOLATION": OutcomeClass.REJECTED,
    "THROTTLING_QUOTA_EXCEEDED": OutcomeClass.RATE_LIMITED,
}
"""As librdkafka names the protocol's errors; one that begins with `_` is its own. All else passes."""

DESTINATION = Destination(
    summary="Kafka: a record acknowledged by all replicas in sync, with the incident as its key",
    settings=KafkaSettings,
    format=_format,
    read=read_by(CLASSES),
    verify=needs("confluent_kafka", "kafka"),
    backlog="all",
    can_shrink=True,
    limits={
        "body": "MAX_BYTES, 1 MB unless set; FORMAT=original sends what was received",
        "key": "the incident's: its states are in one partition, and a compacted topic keeps the last",
        "headers": "id (the same in every attempt), content-type, optix-gateway-key, optix-gateway-test",
        "repeats": "rare: drop records whose id you have seen",
        "topics": "must exist, unless the cluster makes them; one that does not stops the route",
        "login": "SASL PLAIN or SCRAM; no client certificates, no Kerberos",
    },
    example=(
        "DESTINATION=kafka\nURL=kafkas://kafka-1.example.com:9093,kafka-2.example.com:9093\n"
        "USERNAME=optix\nPASSWORD=change-me\nMECHANISM=SCRAM-SHA-512\n"
        "FORMAT=alert\nTOPIC=optix-{severity}\n"
    ),
)
