"""Amazon SQS: one message in a queue for each alert.

Sources: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html, the service model
in https://github.com/boto/botocore (JSON protocol 1.0; 1 MiB with the attributes, only characters of XML; group and
deduplication id up to 128 letters, figures and punctuation; repeats within five minutes are dropped in a FIFO queue),
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html (ten attributes),
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ByteSize, Field

from gateway.destinations import Context, Destination
from gateway.destinations._aws import REGION, AwsSettings, call
from gateway.destinations._aws_answer import read_aws
from gateway.destinations._aws_event import (
    AGAINST_DIGESTS,
    ATTRIBUTES,
    FORMS,
    Form,
    attribute_bytes,
    attributes_of,
    carried,
    event_text,
    name_of,
    type_of,
)
from gateway.destinations._event import LEAST_BYTES
from gateway.destinations._extra import needs
from gateway.destinations._http import as_json, base_url, json_object, text_of, unproven
from gateway.domain.alert import JSON, Alert
from gateway.domain.message import Answer, AwsRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass

LARGEST = 1024 * 1024
_HOSTS = (re.compile(rf"(?:sqs|sqs-fips|vpce-[\w-]+\.sqs)\.({REGION})\."), re.compile(rf"({REGION})\.queue\."))


def _checked(url: str) -> str:
    base_url(url)
    if not re.fullmatch(r"/(?:[^/\s]+/)*[^/\s]+/[\w-]{1,80}(?:\.fifo)?", urlsplit(url).path):
        raise ValueError("must be the URL of a queue, as in https://sqs.eu-west-1.amazonaws.com/111122223333/alerts")
    return url


class SqsSettings(AwsSettings):
    service: ClassVar[str] = "sqs"

    queue_url: Annotated[str, AfterValidator(_checked)] = Field(
        description="the queue, as in https://sqs.eu-west-1.amazonaws.com/111122223333/alerts"
    )
    format: Form = Field("original", description=FORMS)
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES, le=LARGEST)] = Field(
        ByteSize(LARGEST), description="longest message, attributes included; default 1 MiB"
    )
    message_group: Literal["environment", "incident"] = Field(
        "environment", description="what a FIFO queue keeps in order and hands out one by one"
    )

    def against_digests(self) -> str:
        return AGAINST_DIGESTS if self.format == "original" else ""

    def named_region(self) -> str:
        host = urlsplit(self.queue_url).hostname or ""
        return next((match[1] for pattern in _HOSTS if (match := pattern.match(host))), "")

    @property
    def endpoint(self) -> str:
        """That of the queue, unless it is written in the old way."""
        parts = urlsplit(self.queue_url)
        if self.endpoint_url or re.search(r"(?:^|\.)queue\.", parts.hostname or ""):
            return super().endpoint
        return f"{parts.scheme}://{parts.netloc}"


def group_of(alert: Alert, message_group: str) -> str:
    return name_of(alert.environment or "none") if message_group == "environment" else alert.key


def format_message(alert: Alert, context: Context, settings: SqsSettings) -> AwsRequest:
    attributes = attributes_of(alert, context, type_of(settings.format))
    room = settings.max_bytes - attribute_bytes(attributes)
    said: dict[str, JSON] = {
        "QueueUrl": settings.queue_url,
        "MessageBody": carried(event_text(alert, context, settings.format, room)),
        "MessageAttributes": {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()},
    }
    if settings.queue_url.endswith(".fifo"):
        said["MessageGroupId"] = group_of(alert, settings.message_group)
        said["MessageDeduplicationId"] = name_of(context.delivery_id)
    return call(settings, "AmazonSQS.SendMessage", "1.0", as_json(said))


def read(answer: Answer, now: datetime) -> Outcome:
    outcome = read_aws(answer, now)
    if outcome.kind is not OutcomeClass.OK or not isinstance(answer, HttpAnswer):
        return outcome
    return stored(outcome, json_object(answer).get("MessageId"))


def stored(outcome: Outcome, found: object, name: str = "MessageId") -> Outcome:
    """Only with an id it is in there."""
    reference = text_of(found)
    return replace(outcome, reference=reference) if reference else unproven(outcome, f"it has no {name}")


DESTINATION = Destination(
    summary="Amazon SQS: a message in a queue, FIFO or not",
    settings=SqsSettings,
    format=format_message,
    read=read,
    verify=needs("botocore", "aws"),
    backlog="all",
    concurrency=16,
    can_shrink=True,
    limits={
        "message": "MAX_BYTES, 1 MiB unless set; beyond that lists give way, with left_out as a true count",
        "characters": "those of XML; others are written as JSON escapes",
        "attributes": ATTRIBUTES,
        "repeats": "FIFO: dropped within five minutes (deduplication id: the delivery's); else rare: see delivery_id",
        "order": "FIFO: MESSAGE_GROUP",
        "permissions": "sqs:SendMessage; with a key of your own kms:GenerateDataKey and kms:Decrypt",
    },
    example="""\
# Leave the two keys out where the environment, EKS, ECS or EC2 gives the credentials
DESTINATION=sqs
QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/111122223333/optix-alerts.fifo
REGION=eu-west-1
ACCESS_KEY_ID=AKIAEXAMPLEKEYID0000
SECRET_ACCESS_KEY=example/not-a-real-secret-access-key
FORMAT=alert
""",
)
