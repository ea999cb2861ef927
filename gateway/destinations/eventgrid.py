"""Azure Event Grid: one event for a custom topic or a domain, in the schema that the topic was made for.

Sources: https://learn.microsoft.com/en-us/azure/event-grid/post-to-custom-topic (`aeg-sas-key`, `api-version`, an array
of events; 200; 400, 401, 404, 413), https://learn.microsoft.com/en-us/azure/event-grid/cloud-event-schema (an event of
its own with `application/cloudevents+json`), https://learn.microsoft.com/en-us/azure/event-grid/authenticate-with-microsoft-entra-id,
https://learn.microsoft.com/en-us/azure/event-grid/quotas-limits (1 MB an event). Event Grid drops no repeats: the
event's id tells them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Literal

from pydantic import ByteSize, Field

from gateway.destinations import Context, Destination
from gateway.destinations._azure import EntraSettings, said, sized
from gateway.destinations._content import cloud_event
from gateway.destinations._event import LEAST_BYTES, fitted_event
from gateway.destinations._http import Token, as_json, unproven
from gateway.destinations._sign_in import BaseUrl
from gateway.domain import cloudevents
from gateway.domain.alert import JSON, Alert
from gateway.domain.clip import Document
from gateway.domain.message import Answer, GrantedRequest, HttpAnswer, HttpRequest
from gateway.domain.outcome import Outcome, OutcomeClass, judge

_TAKEN = 200
_EVENT_BYTES = 1_000_000
_WRONG_SCHEMA = re.compile(r"schema", re.IGNORECASE)


class EventGridSettings(EntraSettings):
    url: BaseUrl = Field(
        description="the topic's endpoint, as in https://optix.westeurope-1.eventgrid.azure.net/api/events"
    )
    key: Token | None = Field(None, description="an access key of the topic")
    input_schema: Literal["cloudevents", "eventgrid"] = Field(
        "cloudevents", description="the schema that the topic was made for: CloudEvents 1.0, or Event Grid's own"
    )
    scope: str = Field("https://eventgrid.azure.net/.default", pattern=r"^\S+$", description="what the token is for")
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES, le=_EVENT_BYTES)] = Field(
        ByteSize(_EVENT_BYTES), description="longest event; each begun 64 KB is paid for as one more"
    )

    def ways(self) -> dict[str, bool]:
        return {"KEY": self.key is not None, **super().ways()}


def format_message(alert: Alert, context: Context, settings: EventGridSettings) -> HttpRequest:
    made = cloud_event if settings.input_schema == "cloudevents" else _own_event
    event = made(alert, context, settings.max_bytes)
    if settings.input_schema == "cloudevents":
        body, content_type = as_json(event), cloudevents.CONTENT_TYPE
    else:
        body, content_type = as_json([event]), "application/json"
    url = f"{settings.url}?api-version=2018-01-01"
    headers = (("Content-Type", content_type),)
    if settings.key is None:
        return GrantedRequest(url, body, headers=headers, tls=settings.tls, grant=settings.entra)
    return HttpRequest(
        url, body, headers=(*headers, ("aeg-sas-key", settings.key.get_secret_value())), tls=settings.tls
    )


def _own_event(alert: Alert, context: Context, max_bytes: int) -> Document:
    """Within `max_bytes` as the one event of an array."""
    attributes = cloudevents.attributes(alert, context.delivery_id, context.sent_at)
    around: dict[str, JSON] = {
        "id": attributes["id"],
        "eventType": attributes["type"],
        "subject": f"{attributes['source']}/{attributes.get('subject', '')}",
        "eventTime": (alert.seen_at or context.sent_at).astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "dataVersion": "1",
    }
    return around | {"data": fitted_event(alert, context, "alert", max_bytes, partial(_bytes_of, around))}


def _bytes_of(around: Document, data: Document) -> int:
    return len(as_json([{**around, "data": data}]))


def read(answer: Answer, now: datetime) -> Outcome:
    """200 and nothing else is success. A wrong schema is a setting's fault, and true of every alert."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK:
        return outcome if answer.status == _TAKEN else unproven(outcome, "Event Grid answers 200 when it took an event")
    told = sized(said(outcome, answer), 400)
    if told.kind is OutcomeClass.REJECTED and _WRONG_SCHEMA.search(told.reason):
        return replace(told, kind=OutcomeClass.GONE)
    return told


DESTINATION = Destination(
    summary="Azure Event Grid: one event for each alert, for a custom topic",
    settings=EventGridSettings,
    format=format_message,
    read=read,
    backlog="all",
    can_shrink=True,
    limits={
        "event": "MAX_BYTES, 1 000 000 unless set; beyond that resources give way, with left_out as a true count",
        "repeats": "rare: drop events whose source and id you have seen",
        "schema": "one that the topic was not made for pauses the route",
    },
    example="""\
# A topic made with --input-schema cloudeventschemav1_0; for others INPUT_SCHEMA=eventgrid
DESTINATION=eventgrid
URL=https://optix.westeurope-1.eventgrid.azure.net/api/events
KEY=bm90LWEtcmVhbC1rZXktYnV0LWxvbmctZW5vdWdo
""",
)
