"""Azure Service Bus, over HTTPS: a message for a queue or a topic.

Sources: https://learn.microsoft.com/en-us/rest/api/servicebus/send-message-to-queue (201; 400; 401; 403 for a full
queue and for a message that is too large; 410 and 404 for a queue that is not there),
https://learn.microsoft.com/en-us/rest/api/servicebus/introduction (`BrokerProperties`: `MessageId`, `SessionId`, …),
https://learn.microsoft.com/en-us/azure/service-bus-messaging/duplicate-detection (by `MessageId`, where it is on; at
most 128 characters), https://learn.microsoft.com/en-us/azure/service-bus-messaging/service-bus-quotas (256 KB in the
standard tier, headers included; `SessionId` 128 characters).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import ByteSize, Field

from gateway.destinations import Context, Destination
from gateway.destinations._azure import said, sized
from gateway.destinations._content import content
from gateway.destinations._event import LEAST_BYTES
from gateway.destinations._http import unproven
from gateway.destinations._service_bus import Entity, NamespaceSettings, request
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, GrantedRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass, judge

_CREATED, _FORBIDDEN = 201, 403
_FULL = re.compile(r"quota|maximum size of the (?:queue|topic|entity)|40310", re.IGNORECASE)


class ServiceBusSettings(NamespaceSettings):
    queue: Entity = Field(description="the queue or topic")
    sessions: bool = Field(False, description="SessionId: the incident, for queues that need sessions and keep order")
    scope: str = Field("https://servicebus.azure.net/.default", pattern=r"^\S+$", description="what the token is for")
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES)] = Field(
        ByteSize(240_000), description="longest body of alert and cloudevents; 1000KB in the premium tier"
    )


def format_message(alert: Alert, context: Context, settings: ServiceBusSettings) -> GrantedRequest:
    body, content_type = content(alert, context, settings)
    properties: dict[str, JSON] = {
        "MessageId": context.delivery_id,
        "CorrelationId": alert.key,
        "Label": "optix.test" if context.test else "optix.alert",
    }
    if settings.sessions:
        properties["SessionId"] = alert.key
    headers = (("Content-Type", content_type), ("BrokerProperties", json.dumps(properties)))
    return request(settings, settings.queue, body, headers)


def read(answer: Answer, now: datetime) -> Outcome:
    """201 and nothing else is success. 403 also stands for a full queue, and for a message that is too large."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK:
        return (
            outcome
            if answer.status == _CREATED
            else unproven(outcome, "Service Bus answers 201 when it took a message")
        )
    told = sized(said(outcome, answer), 400, _FORBIDDEN)
    if told.status == _FORBIDDEN and told.kind is OutcomeClass.AUTH and _FULL.search(told.reason):
        return replace(told, kind=OutcomeClass.RETRY)
    return told


DESTINATION = Destination(
    summary="Azure Service Bus: a message for a queue or topic, which can drop repeats",
    settings=ServiceBusSettings,
    format=format_message,
    read=read,
    backlog="all",
    can_shrink=True,
    limits={
        "body": "MAX_BYTES, 240 000 unless set; FORMAT=original sends what was received",
        "properties": "MessageId: the delivery (the same in every attempt); CorrelationId: the incident; "
        "Label: optix.alert or optix.test",
        "repeats": "none within the queue's window where its duplicate detection is on, else rare",
        "full queue": "messages wait here",
    },
    example="""\
# The connection string of a shared access policy with Send:
# Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=optix;SharedAccessKey=…
DESTINATION=servicebus
URL=https://contoso.servicebus.windows.net
QUEUE=optix-alerts
KEY_NAME=optix
KEY=bm90LWEtcmVhbC1rZXktYnV0LWxvbmctZW5vdWdo
FORMAT=alert
""",
)
