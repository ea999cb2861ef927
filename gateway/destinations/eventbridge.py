"""Amazon EventBridge: one event on a bus for each alert.

Sources: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html and the service model in
https://github.com/boto/botocore (JSON protocol 1.1; an entry below 1 MB; DetailType 128 characters; Detail an object of
JSON, whole numbers of 64 bits; 200 also when the entry failed: FailedEntryCount, and each entry's ErrorCode),
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html (how an entry is measured),
https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb (since
2026-01; a region that still takes 256 KB refuses, and is sent less).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import ByteSize, Field

from gateway.destinations import Context, Destination
from gateway.destinations._aws import AwsSettings, call, region_of_arn
from gateway.destinations._aws_answer import Fault, judged, read_aws
from gateway.destinations._aws_event import AGAINST_DIGESTS, FORMS, Form, event_text, strict
from gateway.destinations._event import LEAST_BYTES
from gateway.destinations._extra import needs
from gateway.destinations._http import as_json, json_object, text_of
from gateway.destinations.sqs import stored
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, AwsRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.text import utf8_bytes

LARGEST = 1_000_000
_TIME_BYTES = 14
_BUS = r"^(arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/)?[./_A-Za-z0-9-]+$"


class EventBridgeSettings(AwsSettings):
    service: ClassVar[str] = "events"

    event_bus: str = Field("default", pattern=_BUS, description="name or ARN of the bus")
    event_source: str = Field(
        "sophos.cloud-optix", pattern=r"^[A-Za-z0-9._/-]+$", max_length=256, description="what rules know it by"
    )
    detail_type: str = Field("Cloud Optix Alert", min_length=1, max_length=128, description="what rules know it by")
    format: Form = Field("original", description=FORMS)
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES, le=LARGEST)] = Field(
        ByteSize(LARGEST), description="largest entry; default 1 MB"
    )

    def against_digests(self) -> str:
        return AGAINST_DIGESTS if self.format == "original" else ""

    def named_region(self) -> str:
        return region_of_arn(self.event_bus)


def format_message(alert: Alert, context: Context, settings: EventBridgeSettings) -> AwsRequest:
    named = f"{settings.event_source}{settings.detail_type}"
    room = settings.max_bytes - utf8_bytes(named) - _TIME_BYTES - 1
    entry: dict[str, JSON] = {
        "Source": settings.event_source,
        "DetailType": settings.detail_type,
        "Detail": strict(event_text(alert, context, settings.format, room, _detail_bytes)),
        "EventBusName": settings.event_bus,
        "Time": int(context.sent_at.timestamp()),
    }
    return call(settings, "AWSEvents.PutEvents", "1.1", as_json({"Entries": [entry]}))


def _detail_bytes(text: str) -> int:
    return utf8_bytes(strict(text))


def read(answer: Answer, now: datetime) -> Outcome:
    outcome = read_aws(answer, now)
    if outcome.kind is not OutcomeClass.OK or not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    entry = _first(said.get("Entries"))
    if not said.get("FailedEntryCount"):
        return stored(outcome, entry.get("EventId"), "EventId")
    fault = Fault(text_of(entry.get("ErrorCode")), text_of(entry.get("ErrorMessage")))
    return judged(Outcome(OutcomeClass.REJECTED, "the bus did not take the event", answer.status), fault, answer, now)


def _first(entries: object) -> dict[str, object]:
    first = entries[0] if isinstance(entries, list) and entries else None
    return first if isinstance(first, dict) else {}


DESTINATION = Destination(
    summary="Amazon EventBridge: an event on a bus, for rules to match",
    settings=EventBridgeSettings,
    format=format_message,
    read=read,
    verify=needs("botocore", "aws"),
    backlog="all",
    concurrency=16,
    can_shrink=True,
    limits={
        "entry": "MAX_BYTES, 1 MB unless set; beyond that lists give way, with left_out as a true count",
        "detail": "always valid JSON: what is not, is written anew",
        "repeats": "rare: FORMAT=alert has delivery_id in detail, FORMAT=cloudevents has id",
        "permissions": "events:PutEvents",
    },
    example="""\
# Leave the two keys out where the environment, EKS, ECS or EC2 gives the credentials, ENDPOINT_URL without VPC endpoint
DESTINATION=eventbridge
EVENT_BUS=arn:aws:events:eu-west-1:111122223333:event-bus/security
ACCESS_KEY_ID=AKIAEXAMPLEKEYID0000
SECRET_ACCESS_KEY=example/not-a-real-secret-access-key
ENDPOINT_URL=https://vpce-0123456789abcdef0-example.events.eu-west-1.vpce.amazonaws.com
FORMAT=alert
""",
)
