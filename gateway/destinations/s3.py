"""Amazon S3, or a store that speaks its language: one object for each alert.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (headers, a checksum where the bucket locks
objects), https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html (names of objects),
https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html (a name with dots is not covered by the
certificate), https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (301 names the bucket's region).

An object's name is made of the day, the incident and the delivery, and is the same in every attempt: a repeat writes
the same object again.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from gateway.destinations import Context, Destination
from gateway.destinations._aws import AwsSettings, aws_request, domain_of
from gateway.destinations._aws_answer import read_aws
from gateway.destinations._aws_event import AGAINST_DIGESTS, FORMS, Form, event_text, type_of
from gateway.destinations._extra import needs
from gateway.destinations._http import text_of, unproven
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, AwsRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass

_OBJECT_BYTES = 5_000_000
_NAME = r"^[a-z0-9][a-z0-9.-]+[a-z0-9]$"
_PREFIX = r"^([A-Za-z0-9_=-][A-Za-z0-9_=.-]*/)*$"


class S3Settings(AwsSettings):
    service: ClassVar[str] = "s3"

    bucket: str = Field(pattern=_NAME, max_length=63, description="name of the bucket")
    prefix: str = Field(
        "cloud-optix/", pattern=_PREFIX, max_length=512, description="what names begin with; it ends in a slash"
    )
    format: Form = Field("original", description=FORMS)
    bucket_owner: str = Field(
        "", pattern=r"^([0-9]{12})?$", description="the account that must own the bucket, or nothing is written"
    )
    encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = Field(
        "", description="server-side encryption; the bucket's own unless set"
    )
    kms_key_id: str = Field("", pattern=r"^[!-~]*$", description="the key, with ENCRYPTION=aws:kms")
    storage_class: str = Field("", pattern=r"^[A-Z_]*$", description="the bucket's own unless set, as in STANDARD_IA")

    def against_digests(self) -> str:
        return AGAINST_DIGESTS if self.format == "original" else ""

    @model_validator(mode="after")
    def _key_with_encryption(self) -> Self:
        if self.kms_key_id and not self.encryption.startswith("aws:kms"):
            raise ValueError("KMS_KEY_ID goes with ENCRYPTION=aws:kms")
        return self


def format_message(alert: Alert, context: Context, settings: S3Settings) -> AwsRequest:
    body = _body(alert, context, settings)
    headers = (
        ("Content-Type", type_of(settings.format)),
        ("x-amz-checksum-sha256", b64encode(sha256(body).digest()).decode("ascii")),
        ("x-amz-meta-delivery-id", quote(context.delivery_id)),
        ("x-amz-meta-incident", alert.key),
        ("x-amz-meta-severity", alert.severity.value),
        ("x-amz-meta-state", "suppressed" if alert.is_closed else "open"),
        *((("x-amz-meta-test", "true"),) if context.test else ()),
        *_chosen(settings),
    )
    url = f"{_place(settings)}/{quote(_name(alert, context, settings), safe='/~')}"
    return aws_request(settings, url, body, headers, method="PUT")


def _body(alert: Alert, context: Context, settings: S3Settings) -> bytes:
    if settings.format == "original":
        return context.body
    return event_text(alert, context, settings.format, _OBJECT_BYTES).encode()


def _chosen(settings: S3Settings) -> tuple[tuple[str, str], ...]:
    found = {
        "x-amz-expected-bucket-owner": settings.bucket_owner,
        "x-amz-server-side-encryption": settings.encryption,
        "x-amz-server-side-encryption-aws-kms-key-id": settings.kms_key_id,
        "x-amz-storage-class": settings.storage_class,
    }
    return tuple((name, value) for name, value in found.items() if value)


def _place(settings: S3Settings) -> str:
    if settings.endpoint_url or "." in settings.bucket:
        return f"{settings.endpoint}/{settings.bucket}"
    return f"https://{settings.bucket}.s3.{settings.place}.{domain_of(settings.place)}"


def _name(alert: Alert, context: Context, settings: S3Settings) -> str:
    """The day is the vendor's, as that of the attempt may be another one the next time."""
    day = f"{alert.seen_at.astimezone(UTC):%Y/%m/%d}" if alert.seen_at else "undated"
    delivery = sha256(context.delivery_id.encode()).hexdigest()[:32]
    return f"{settings.prefix}{day}/{alert.key}-{delivery}.json"


def read(answer: Answer, now: datetime) -> Outcome:
    outcome = read_aws(answer, now)
    if not isinstance(answer, HttpAnswer):
        return outcome
    region = text_of(answer.headers.get("x-amz-bucket-region"), 30)
    if answer.status in (301, 400) and region:
        reason = f"{outcome.reason}: the bucket is in {region}: set REGION={region}"
        return replace(outcome, kind=OutcomeClass.GONE, reason=reason)
    if answer.status == 307:
        return replace(outcome, kind=OutcomeClass.REJECTED if not region else OutcomeClass.RETRY)
    if outcome.kind is not OutcomeClass.OK:
        return outcome
    etag = text_of(answer.headers.get("x-amz-version-id") or answer.headers.get("etag"))
    return replace(outcome, reference=etag) if etag else unproven(outcome, "it has no ETag")


DESTINATION = Destination(
    summary="Amazon S3, or a store that speaks its language: an object for each alert, by day",
    settings=S3Settings,
    format=format_message,
    read=read,
    verify=needs("botocore", "aws"),
    backlog="all",
    concurrency=16,
    limits={
        "name": "PREFIX, the day it was seen, incident and delivery: the same in every attempt",
        "object": "FORMAT=original: what was received; else 5 000 000 bytes, beyond that lists give way",
        "repeats": "none: the same object is written again",
        "permissions": "s3:PutObject; with a key of your own kms:GenerateDataKey",
    },
    example="""\
# Leave the two keys out where the environment, EKS, ECS or EC2 gives the credentials, ENDPOINT_URL for Amazon's own
DESTINATION=s3
BUCKET=optix-archive
REGION=eu-west-1
ACCESS_KEY_ID=AKIAEXAMPLEKEYID0000
SECRET_ACCESS_KEY=example/not-a-real-secret-access-key
ENDPOINT_URL=https://s3.eu-west-1.amazonaws.com
FORMAT=ocsf
""",
)
