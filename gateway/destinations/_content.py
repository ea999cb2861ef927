"""The body of a message for receivers that take any: queues, buses, functions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal

from pydantic import ByteSize, Field

from gateway.destinations import Context, DestinationSettings
from gateway.destinations._event import LEAST_BYTES, fitted_event
from gateway.destinations._http import as_json
from gateway.domain import cloudevents
from gateway.domain.alert import Alert
from gateway.domain.clip import Document

JSON_TYPE = "application/json"
LARGEST = 1024 * 1024
"""Consumers seldom expect more, and many a receiver takes no more."""


class ContentSettings(DestinationSettings):
    format: Literal["original", "alert", "cloudevents"] = Field(
        "original", description="the bytes as received, the alert as JSON, or a CloudEvent"
    )
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES)] = Field(
        ByteSize(LARGEST), description="longest body of alert and cloudevents; default 1 MiB"
    )

    def against_digests(self) -> str:
        if self.format != "original":
            return ""
        return "FORMAT=original sends the bytes of one alert. Set FORMAT to alert or cloudevents."


def content(alert: Alert, context: Context, settings: ContentSettings) -> tuple[bytes, str]:
    """The body and its type. The bytes as received cannot be made smaller."""
    match settings.format:
        case "original":
            return context.body, JSON_TYPE
        case "alert":
            return as_json(fitted_event(alert, context, "alert", settings.max_bytes)), JSON_TYPE
        case "cloudevents":
            return as_json(cloud_event(alert, context, settings.max_bytes)), cloudevents.CONTENT_TYPE


def cloud_event(alert: Alert, context: Context, max_bytes: int) -> Document:
    """With all attributes within `max_bytes`."""
    attributes = cloudevents.attributes(alert, context.delivery_id, context.sent_at)
    data = fitted_event(alert, context, "alert", max_bytes, partial(_event_bytes, attributes))
    return {**attributes, "data": data}


def _event_bytes(attributes: Mapping[str, str], data: Document) -> int:
    return len(as_json({**attributes, "data": data}))
