"""Amazon SNS: one message to a topic for each alert.

Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html and the service model in
https://github.com/boto/botocore (query protocol; 256 KiB with the attributes, up to 1 MiB where the topic's
MaximumMessageSize says so; subject under 100 characters without line ends; FIFO topics need a group, and drop repeats
within five minutes). The subject is sent in ASCII, which older pages ask for.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlencode

from pydantic import ByteSize, Field

from gateway.destinations import Context, Destination
from gateway.destinations._aws import AwsSettings, aws_request, region_of_arn
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
from gateway.destinations._form import FORM
from gateway.destinations._post import PLAIN, Room, post
from gateway.destinations.sqs import group_of, stored
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, AwsRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.text import code_points, cut, utf8_bytes
from gateway.domain.wording import title

USUAL, LARGEST = 256 * 1024, 1024 * 1024
_SUBJECT = 99
_MESSAGE_ID = re.compile(rb"<MessageId>\s*([0-9A-Za-z-]{1,100})\s*</MessageId>")


class SnsSettings(AwsSettings):
    service: ClassVar[str] = "sns"

    topic_arn: str = Field(
        pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(\.fifo)?$",
        description="the topic, as in arn:aws:sns:eu-west-1:111122223333:alerts",
    )
    format: Form | Literal["text"] = Field("original", description=f"{FORMS}; text is for people who subscribe by mail")
    max_bytes: Annotated[ByteSize, Field(ge=LEAST_BYTES, le=LARGEST)] = Field(
        ByteSize(USUAL),
        description="longest message, attributes included; default 256 KiB. More needs a topic that does",
    )
    message_group: Literal["environment", "incident"] = Field(
        "environment", description="what a FIFO topic keeps in order"
    )

    def against_digests(self) -> str:
        return AGAINST_DIGESTS if self.format == "original" else ""

    def named_region(self) -> str:
        return region_of_arn(self.topic_arn)


def format_message(alert: Alert, context: Context, settings: SnsSettings) -> AwsRequest:
    content_type = "text/plain" if settings.format == "text" else type_of(settings.format)
    attributes = attributes_of(alert, context, content_type)
    room = settings.max_bytes - attribute_bytes(attributes)
    fields = {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": settings.topic_arn,
        "Subject": _subject(alert, context),
        "Message": _message(alert, context, settings, room),
    }
    for number, (name, value) in enumerate(attributes.items(), start=1):
        entry = f"MessageAttributes.entry.{number}"
        fields |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
    if settings.topic_arn.endswith(".fifo"):
        fields["MessageGroupId"] = group_of(alert, settings.message_group)
        fields["MessageDeduplicationId"] = name_of(context.delivery_id)
    return aws_request(settings, f"{settings.endpoint}/", urlencode(fields).encode(), (("Content-Type", FORM),))


def _subject(alert: Alert, context: Context) -> str:
    plain = title(alert, test=context.test).encode("ascii", "replace").decode()
    return cut(plain, _SUBJECT - 2, code_points).replace("…", "...")


def _message(alert: Alert, context: Context, settings: SnsSettings, room: int) -> str:
    if settings.format == "text":
        return carried(post(alert, context, Room(room, utf8_bytes), PLAIN._replace(link=lambda url, _label: url)))
    return event_text(alert, context, settings.format, room)


def read(answer: Answer, now: datetime) -> Outcome:
    outcome = read_aws(answer, now)
    if outcome.kind is not OutcomeClass.OK or not isinstance(answer, HttpAnswer):
        return outcome
    match = _MESSAGE_ID.search(answer.body)
    return stored(outcome, match[1].decode() if match else "")


DESTINATION = Destination(
    summary="Amazon SNS: a message to a topic, with attributes that subscriptions can filter by",
    settings=SnsSettings,
    format=format_message,
    read=read,
    verify=needs("botocore", "aws"),
    backlog="all",
    concurrency=16,
    can_shrink=True,
    limits={
        "message": "MAX_BYTES, 256 KiB unless set; beyond that lists give way, with left_out as a true count",
        "subject": "99 characters of ASCII",
        "characters": "those of XML; others are written as JSON escapes",
        "attributes": ATTRIBUTES,
        "repeats": "FIFO: dropped within five minutes (deduplication id: the delivery's); else rare: see delivery_id",
        "permissions": "sns:Publish; with a key of your own kms:GenerateDataKey and kms:Decrypt",
    },
    example="""\
# Leave the two keys out where the environment, EKS, ECS or EC2 gives the credentials, ENDPOINT_URL without VPC endpoint
DESTINATION=sns
TOPIC_ARN=arn:aws:sns:eu-west-1:111122223333:optix-alerts
ACCESS_KEY_ID=AKIAEXAMPLEKEYID0000
SECRET_ACCESS_KEY=example/not-a-real-secret-access-key
ENDPOINT_URL=https://vpce-0123456789abcdef0-example.sns.eu-west-1.vpce.amazonaws.com
FORMAT=alert
""",
)
