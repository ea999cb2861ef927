"""Google Cloud Pub/Sub: a message for a topic.

Sources: https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish (`messages`, `messageIds`),
https://cloud.google.com/pubsub/quotas#resource_limits (a request of 10 MB; 100 attributes with keys of 256 and values
of 1024 bytes; ordering keys of 1024 bytes and 1 MB/s each), https://cloud.google.com/pubsub/docs/ordering (order holds
for what comes through one region, so that URL should name one), https://cloud.google.com/pubsub/docs/reference/error-codes.
Pub/Sub drops no repeats of publishers: the attribute `delivery` tells them.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import ByteSize, Field

from gateway.destinations import Context, Destination
from gateway.destinations._content import LARGEST, content
from gateway.destinations._event import LEAST_BYTES
from gateway.destinations._google import GoogleSettings, said, verify
from gateway.destinations._http import as_json, json_object, unproven
from gateway.destinations._sign_in import BaseUrl
from gateway.domain.alert import JSON, Alert
from gateway.domain.grant import GoogleGrant
from gateway.domain.message import Answer, GrantedRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass, judge
from gateway.domain.text import cut, one_line, utf8_bytes

_SCOPE = "https://www.googleapis.com/auth/pubsub"
_LONGEST_VALUE = 1024
_INVALID = 400
_MOST_BYTES = 7_000_000
"""10 MB is for the whole request, in which the body is base64: four bytes for three."""
_TOO_LARGE = re.compile(r"exceeds the limit|too large|size limit", re.IGNORECASE)


class PubSubSettings(GoogleSettings):
    url: BaseUrl = Field("https://pubsub.googleapis.com", description="the service; with ORDERED that of one region")
    project: str = Field(pattern=r"^[a-z][a-z0-9.:-]{2,100}$", description="the project of the topic")
    topic: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$", description="the topic's short name")
    ordered: bool = Field(False, description="orderingKey: the incident, for subscriptions that keep order")
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES, le=_MOST_BYTES)] = Field(
        ByteSize(LARGEST), description="longest body of alert and cloudevents; default 1 MiB"
    )


def format_message(alert: Alert, context: Context, settings: PubSubSettings) -> GrantedRequest:
    body, content_type = content(alert, context, settings)
    message: dict[str, JSON] = {
        "data": b64encode(body).decode("ascii"),
        "attributes": _attributes(alert, context, content_type),
    }
    if settings.ordered:
        message["orderingKey"] = alert.key
    return GrantedRequest(
        f"{settings.url}/v1/projects/{settings.project}/topics/{settings.topic}:publish",
        as_json({"messages": [message]}),
        headers=(("Content-Type", "application/json; charset=utf-8"),),
        tls=settings.tls,
        grant=GoogleGrant(scope=_SCOPE, credentials=settings.credentials_text),
    )


def _attributes(alert: Alert, context: Context, content_type: str) -> dict[str, JSON]:
    """What subscriptions filter by: they cannot look into the body. None is empty."""
    found = {
        "delivery": context.delivery_id,
        "incident": alert.key,
        "content_type": content_type,
        "source": alert.source,
        "severity": alert.severity.value,
        "state": "suppressed" if alert.is_closed else "open",
        "environment": alert.environment,
        "alert_type": alert.alert_type,
        "rule": alert.rule,
        "test": "true" if context.test else "",
    }
    shown = {name: cut(one_line(text), _LONGEST_VALUE, utf8_bytes) for name, text in found.items()}
    return {name: text for name, text in shown.items() if text}


def read(answer: Answer, now: datetime) -> Outcome:
    """200 with the id of the message, and nothing else, is success."""
    outcome = judge(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    if outcome.kind is OutcomeClass.OK:
        ids = json_object(answer).get("messageIds")
        if not isinstance(ids, list) or len(ids) != 1 or not isinstance(ids[0], str):
            return unproven(outcome, "it has no id of the message")
        return replace(outcome, reference=one_line(ids[0])[:200])
    told = said(outcome, answer)
    if told.status == _INVALID and _TOO_LARGE.search(told.reason):
        return replace(told, kind=OutcomeClass.TOO_LARGE)
    return told


DESTINATION = Destination(
    summary="Google Cloud Pub/Sub: a message for a topic, with attributes to filter by",
    settings=PubSubSettings,
    format=format_message,
    read=read,
    backlog="all",
    can_shrink=True,
    verify=verify,
    limits={
        "body": "MAX_BYTES, 1 MiB unless set; FORMAT=original sends what was received",
        "attributes": "delivery (the same in every attempt), incident, content_type, source, severity, state, "
        "environment, alert_type, rule, test; 1024 bytes each",
        "repeats": "rare: drop messages whose delivery you have seen",
    },
    example="""\
# On Google Cloud leave CREDENTIALS out; with a file: CREDENTIALS_FILE=/run/secrets/google.json
DESTINATION=pubsub
PROJECT=acme-security
TOPIC=optix-alerts
FORMAT=alert
CREDENTIALS={"type":"service_account","client_email":"optix@acme-security.iam.gserviceaccount.com",\
"private_key_id":"0123456789abcdef","private_key":"-----BEGIN PRIVATE KEY-----\\nnot-a-real-key\\n\
-----END PRIVATE KEY-----\\n","token_uri":"https://oauth2.googleapis.com/token"}
""",
)
