"""Azure Event Hubs, over HTTPS: one event for each alert.

Sources: https://learn.microsoft.com/en-us/rest/api/eventhub/send-event (201; 401; properties are headers),
https://learn.microsoft.com/en-us/rest/api/eventhub/event-hubs-runtime-rest (`BrokerProperties` with `PartitionKey`),
https://learn.microsoft.com/en-us/azure/event-hubs/event-hubs-quotas (1 MB a publication, 256 KB in the basic tier),
https://learn.microsoft.com/en-us/azure/event-hubs/event-hubs-messaging-exceptions (ServerBusy: 503 with 50002, …).
Event Hubs drops no repeats: the property `Optix-Delivery` tells them. That the size of an event counts its properties
too is not said there, so that we stay below the limit.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

from pydantic import ByteSize, Field

from gateway.destinations import Context, Destination
from gateway.destinations._azure import said, sized
from gateway.destinations._content import content
from gateway.destinations._event import LEAST_BYTES
from gateway.destinations._http import unproven
from gateway.destinations._service_bus import Entity, NamespaceSettings, request
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, GrantedRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass, judge

_CREATED = 201


class EventHubsSettings(NamespaceSettings):
    hub: Entity = Field(description="the event hub; EntityPath of the connection string")
    scope: str = Field("https://eventhubs.azure.net/.default", pattern=r"^\S+$", description="what the token is for")
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES)] = Field(
        ByteSize(1_000_000), description="longest body of alert and cloudevents; 250KB in the basic tier"
    )


def format_message(alert: Alert, context: Context, settings: EventHubsSettings) -> GrantedRequest:
    """All events of an incident go to one partition, so that they stay in order."""
    body, content_type = content(alert, context, settings)
    headers = (
        ("Content-Type", content_type),
        ("BrokerProperties", json.dumps({"PartitionKey": alert.key})),
        ("Optix-Delivery", context.delivery_id),
        ("Optix-Incident", alert.key),
        *((("Optix-Test", "true"),) if context.test else ()),
    )
    return request(settings, settings.hub, body, headers)


def read(answer: Answer, now: datetime) -> Outcome:
    """201 and nothing else is success."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK:
        return (
            outcome if answer.status == _CREATED else unproven(outcome, "Event Hubs answers 201 when it took an event")
        )
    return sized(said(outcome, answer), 400, 403)


DESTINATION = Destination(
    summary="Azure Event Hubs: one event for each alert, in order for each incident",
    settings=EventHubsSettings,
    format=format_message,
    read=read,
    backlog="all",
    can_shrink=True,
    limits={
        "body": "MAX_BYTES, 1 000 000 unless set; FORMAT=original sends what was received",
        "properties": "Optix-Delivery (the same in every attempt), Optix-Incident, Optix-Test",
        "order": "kept within an incident, whose key is the PartitionKey",
        "repeats": "rare: drop events whose Optix-Delivery you have seen",
    },
    example="""\
# The connection string of a shared access policy with Send:
# Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=optix;SharedAccessKey=…;EntityPath=alerts
DESTINATION=eventhubs
URL=https://contoso.servicebus.windows.net
HUB=alerts
KEY_NAME=optix
KEY=bm90LWEtcmVhbC1rZXktYnV0LWxvbmctZW5vdWdo
FORMAT=alert
""",
)
