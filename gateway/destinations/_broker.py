"""What the destinations that publish to a message broker have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from gateway.destinations import Context
from gateway.destinations._content import ContentSettings, content
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, Declined, Publication, Tls
from gateway.domain.outcome import Outcome, OutcomeClass, judge


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


class BrokerSettings(ContentSettings):
    username: str = Field("", description="name to log in with; none unless set")
    password: SecretStr = Field(SecretStr(""), description="password to log in with")
    ca_file: str = Field("", description="PEM file of the authorities to trust instead of the system's")
    tls_verify: bool = Field(True, description="false accepts any certificate")

    @property
    def tls(self) -> Tls:
        return Tls(self.ca_file, self.tls_verify)


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
