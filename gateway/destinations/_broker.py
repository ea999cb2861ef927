"""What the destinations that publish to a message broker have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field, SecretStr

from gateway.destinations import Context, DestinationSettings
from gateway.destinations._event import LEAST_BYTES, fitted_event
from gateway.destinations._http import as_json
from gateway.domain import cloudevents
from gateway.domain.alert import Alert
from gateway.domain.clip import Document
from gateway.domain.message import Answer, Declined, Publication, Tls
from gateway.domain.outcome import Outcome, OutcomeClass, judge

JSON_TYPE = "application/json"
LARGEST = 1024 * 1024
"""NATS takes no more unless told to, and consumers of the others seldom expect more."""


def broker_url(url: str, schemes: tuple[str, ...], path: str = "/?") -> str:
    """The address of a broker. `path` is a pattern. ValueError for what is none, or holds a login."""
    example = f"{schemes[0]}://host"
    if re.search(r"[\s?#@\x00-\x1f]", url):
        raise ValueError(f"must be an address alone, as in {example}: the login goes into USERNAME and PASSWORD")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"must be an address, as in {example}, with a port up to 65535") from None
    if parts.scheme not in schemes or not parts.hostname or port == 0 or not re.fullmatch(path, parts.path):
        raise ValueError(f"must be an address, as in {example}, and begin with {' or '.join(schemes)}")
    return url


_NAMES = ("source", "severity")
PLACES = "may hold {source} and {severity}"


def _checked_places(pattern: str) -> str:
    """Only what cannot hold a sign that means something to a broker may stand in a name."""
    if re.search(r"[{}]", filled(pattern, dict.fromkeys(_NAMES, "x"))):
        raise ValueError("only {source} and {severity} can stand in braces")
    return pattern


def filled(pattern: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return pattern


Pattern = Annotated[str, AfterValidator(_checked_places)]
"""A name in which the alert's source and severity may stand."""


def placed(pattern: str, alert: Alert) -> str:
    return filled(pattern, {"source": alert.source, "severity": alert.severity.value})


class BrokerSettings(DestinationSettings):
    username: str = Field("", description="name to log in with; none unless set")
    password: SecretStr = Field(SecretStr(""), description="password to log in with")
    format: Literal["original", "alert", "cloudevents"] = Field(
        "original", description="the bytes as received, the alert as JSON, or a CloudEvent"
    )
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES)] = Field(
        ByteSize(LARGEST), description="longest body of alert and cloudevents; default 1 MiB"
    )
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    def against_digests(self) -> str:
        if self.format != "original":
            return ""
        return "FORMAT=original sends the bytes of one alert. Set FORMAT to alert or cloudevents."

    @property
    def tls(self) -> Tls:
        return Tls(self.ca_file, self.tls_verify)


def content(alert: Alert, context: Context, settings: BrokerSettings) -> tuple[bytes, str]:
    """The body and its type. The bytes as received cannot be made smaller."""
    match settings.format:
        case "original":
            return context.body, JSON_TYPE
        case "alert":
            return as_json(fitted_event(alert, context, "alert", settings.max_bytes)), JSON_TYPE
        case "cloudevents":
            attributes = cloudevents.attributes(alert, context.delivery_id, context.sent_at)
            cost = partial(_event_bytes, attributes)
            data = fitted_event(alert, context, "alert", settings.max_bytes, cost)
            return _as_event(attributes, data), cloudevents.CONTENT_TYPE


def _as_event(attributes: Mapping[str, str], data: Document) -> bytes:
    return as_json({**attributes, "data": data})


def _event_bytes(attributes: Mapping[str, str], data: Document) -> int:
    return len(_as_event(attributes, data))


def publication(
    broker: Literal["redis", "nats", "rabbitmq", "mqtt", "kafka"],
    url: str,
    target: str,
    alert: Alert,
    context: Context,
    settings: BrokerSettings,
    *,
    prefix: str = "optix-gateway-",
) -> Publication:
    """With the headers that every broker gets, under `prefix`: `key` is the incident's, `test` marks a test."""
    body, content_type = content(alert, context, settings)
    told = (("key", alert.key), *((("test", "true"),) if context.test else ()))
    return Publication(
        broker=broker,
        url=url,
        target=target,
        message_id=context.delivery_id,
        content_type=content_type,
        body=body,
        headers=tuple((prefix + name, value) for name, value in told),
        username=settings.username,
        password=settings.password.get_secret_value(),
        tls=settings.tls,
    )


def read_by(classes: Mapping[str, OutcomeClass]) -> Callable[[Answer, datetime], Outcome]:
    """Reads what a broker declined by its code; one that is not listed is tried again."""

    def read(answer: Answer, now: datetime) -> Outcome:
        outcome = judge(answer, now)
        if not isinstance(answer, Declined):
            return outcome
        return replace(outcome, kind=classes.get(answer.code, OutcomeClass.RETRY))

    return read
