"""Amazon S3: takes away the public grants of a bucket's ACL that the alert is about, and nothing else.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html and API_PutBucketAcl.html (the whole ACL
is replaced; a checksum is needed), https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
(403 where the owner is another one), https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
(ACLs that are switched off).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._aws import AwsSettings, address, aws_request, domain_of
from gateway.destinations._aws_answer import fault_of, read_aws
from gateway.destinations._extra import needs
from gateway.destinations._http import text_of
from gateway.destinations._remedy import Found, Plan, Target
from gateway.destinations._s3_acl import PERMISSIONS, NotUnderstood, acl_of, is_meant, read_acl, write_acl
from gateway.domain.alert import Alert
from gateway.domain.message import Answer, AwsAccess, AwsRequest, HttpAnswer
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.remediation import Step, StepWord
from gateway.domain.text import delimited

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_HOST = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z0-9-]{4,30}")
_SERVER_ERROR = 500
_ROLE = r"^(arn:aws[a-z-]*:iam::([0-9]{12}|\{environment\}):role/[!-z|~]+)?$"


class S3PublicAclSettings(AwsSettings):
    service: ClassVar[str] = "s3"

    role_arn: str = Field(
        "", pattern=_ROLE, description="a role to assume; {environment} in it is the alert's account: one role for each"
    )
    authenticated_users: bool = Field(
        False, description="take the same grants from AuthenticatedUsers too, which is anyone with an AWS account"
    )


class S3PublicAcl:
    """The remediation, a step at a time."""

    rules = tuple(PERMISSIONS)

    def asks(self, target: Target, settings: S3PublicAclSettings) -> str:
        groups = "AllUsers and AuthenticatedUsers" if settings.authenticated_users else "AllUsers"
        permission = PERMISSIONS.get(target.rule.strip().upper(), "?")
        bucket, account = delimited(target.resource), delimited(target.environment) if target.environment else "?"
        return f"remove {permission} and FULL_CONTROL of {groups} from the bucket {bucket} in account {account}"

    def refuses(self, target: Target) -> str:
        if target.rule.strip().upper() not in self.rules:
            rule = delimited(target.rule[:40])
            return f"the rule {rule} is not about the ACL of a bucket: name {', '.join(self.rules)} in RULES"
        if not _ACCOUNT.fullmatch(target.environment):
            return (
                "the alert's environment is no AWS account number of 12 digits, so whose bucket it is cannot be checked"
            )
        if not _BUCKET.fullmatch(target.resource):
            # Filters and locks go by the name: one bucket must not have two.
            return "the resource is no name of a bucket (an ARN is none)"
        return ""

    def look(self, target: Target, settings: S3PublicAclSettings) -> AwsRequest:
        return _request(target, settings, "GET", b"", ())

    def read(self, target: Target, answer: Answer, now: datetime) -> Found:
        outcome = read_aws(answer, now)
        if outcome.kind is OutcomeClass.OK and isinstance(answer, HttpAnswer):
            return _seen(target, answer, outcome)
        return _not_seen(target, answer, outcome)

    def plan(self, target: Target, setting: str, settings: S3PublicAclSettings) -> Plan:
        acl = acl_of(setting)
        gone = [g for g in acl.grants if is_meant(g, target.rule, authenticated=settings.authenticated_users)]
        kept = tuple(grant for grant in acl.grants if grant not in gone)
        said = ", ".join(f"{grant.permission} of {grant.grantee.rpartition('/')[2]}" for grant in gone)
        return Plan(f"remove {said}" if gone else "", acl._replace(grants=kept).written())

    def write(self, target: Target, setting: str, settings: S3PublicAclSettings) -> AwsRequest:
        body = write_acl(acl_of(setting))
        checksum = b64encode(sha256(body).digest()).decode("ascii")
        headers = (
            ("Content-Type", "application/xml"),
            ("x-amz-sdk-checksum-algorithm", "SHA256"),
            ("x-amz-checksum-sha256", checksum),
        )
        return _request(target, settings, "PUT", body, headers)

    def wrote(self, target: Target, answer: Answer, now: datetime) -> Found:
        outcome = read_aws(answer, now)
        if outcome.kind is OutcomeClass.OK:
            return Found(outcome)
        found = _not_seen(target._replace(unsure=True), answer, outcome)  # whose it is was asked before
        ended = found.ended or Step(target.resource, StepWord.FAILED, outcome.reason)
        return Found(found.outcome, ended=ended, refused=_is_refusal(answer))


def _is_refusal(answer: Answer) -> bool:
    """Other errors of the server's may come after it was written."""
    return isinstance(answer, HttpAnswer) and (answer.status < _SERVER_ERROR or fault_of(answer).code == "SlowDown")


def _seen(target: Target, answer: HttpAnswer, outcome: Outcome) -> Found:
    if target.unsure:
        said = f"the bucket does not belong to account {target.environment}"
        ended = Step(target.resource, StepWord.NOT_OURS, said)
        return Found(Outcome(OutcomeClass.REJECTED, said, answer.status), ended=ended)
    try:
        return Found(outcome, setting=read_acl(answer.body).written())
    except NotUnderstood as why:
        ended = Step(target.resource, StepWord.FAILED, str(why))
        return Found(Outcome(OutcomeClass.REJECTED, str(why), answer.status), ended=ended)


_HARMLESS = {
    "NoSuchBucket": "there is no such bucket any more",
    "AccessControlListNotSupported": "ACLs are switched off for this bucket: its grants give nobody anything",
}


def _not_seen(target: Target, answer: Answer, outcome: Outcome) -> Found:
    if isinstance(answer, HttpAnswer):
        code = fault_of(answer).code
        if code in _HARMLESS:
            return Found(
                Outcome(OutcomeClass.OK, _HARMLESS[code]), ended=Step(target.resource, StepWord.SAFE, _HARMLESS[code])
            )
        region = text_of(answer.headers.get("x-amz-bucket-region"), 30)
        if answer.status in (301, 307, 400) and _REGION.fullmatch(region) and region != target.place:
            return Found(outcome, next=target._replace(place=region))
        if code == "AccessDenied" and not target.unsure:
            return Found(outcome, next=target._replace(unsure=True))
    said = f"{outcome.reason}: {_DENIED}" if outcome.kind is OutcomeClass.AUTH else outcome.reason
    kind = outcome.kind
    if kind is OutcomeClass.GONE or (isinstance(answer, HttpAnswer) and fault_of(answer).code == "AccessDenied"):
        kind = OutcomeClass.REJECTED  # about this bucket, not about the route
    return Found(replace(outcome, kind=kind), ended=Step(target.resource, StepWord.FAILED, said))


_DENIED = "the bucket belongs to another account, or the credentials may not s3:GetBucketAcl and s3:PutBucketAcl"


def _request(
    target: Target, settings: S3PublicAclSettings, method: str, body: bytes, headers: Sequence[tuple[str, str]]
) -> AwsRequest:
    owner = () if target.unsure else (("x-amz-expected-bucket-owner", target.environment),)
    request = aws_request(settings, _url(target, settings), body, (*headers, *owner), method=method)
    return replace(request, access=_access(target, settings))


def _url(target: Target, settings: S3PublicAclSettings) -> str:
    bucket, region = quote(target.resource, safe=""), target.place or settings.place
    if settings.endpoint_url:
        return f"{settings.endpoint_url}/{bucket}?acl="
    if _HOST.fullmatch(bucket):
        return f"https://{bucket}.s3.{region}.{domain_of(region)}/?acl="
    return f"{address('s3', region)}/{bucket}?acl="


def _access(target: Target, settings: S3PublicAclSettings) -> AwsAccess:
    role = settings.role_arn.replace("{environment}", target.environment)
    return replace(settings.access, region=target.place or settings.place, role_arn=role)


REMEDY = S3PublicAcl()


def format_message(alert: Alert, context: Context, settings: S3PublicAclSettings) -> AwsRequest:
    """What is asked first: the ACL of the first bucket. Of a test, and where there is none, who we are."""
    targets = [Target(resource.info, alert.environment, alert.rule) for resource in alert.resources if resource.is_open]
    possible = [target for target in targets if not REMEDY.refuses(target)]
    return REMEDY.look(possible[0], settings) if possible and not context.test else _who_are_we(settings)


def _who_are_we(settings: S3PublicAclSettings) -> AwsRequest:
    """Needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    url = settings.sts_endpoint_url or address("sts", settings.place)
    headers = (("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),)
    role = "" if "{environment}" in settings.role_arn else settings.role_arn
    access = replace(settings.access, role_arn=role)
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    return AwsRequest(f"{url}/", body, "POST", headers, settings.tls, service="sts", access=access)


DESTINATION = Destination(
    summary="Amazon S3: takes away the public grants of a bucket's ACL that an alert is about; can be undone",
    settings=S3PublicAclSettings,
    format=format_message,
    read=read_aws,
    verify=needs("botocore", "aws"),
    backlog="latest",
    concurrency=4,
    changes=True,
    remedy=REMEDY,
    harmless_test=True,
    limits={
        "rules": "AR-251 (READ), AR-252 (READ_ACP), AR-267 (WRITE), AR-268 (WRITE_ACP), each with FULL_CONTROL",
        "environment": "must own the bucket; an AWS account number of 12 digits",
        "DRY_RUN": "true unless switched off: the ACL is read, and what would change is recorded",
        "test": "asks AWS who we are, and touches no bucket",
        "permissions": "s3:GetBucketAcl, s3:PutBucketAcl; sts:AssumeRole with ROLE_ARN",
    },
    example="""\
# Public grants on the buckets of one account; with DRY_RUN=true it only says what it would do. The credentials are
# those of where the gateway runs, unless ACCESS_KEY_ID and SECRET_ACCESS_KEY, or PROFILE, are set
DESTINATION=s3-public-acl
ENVIRONMENTS=123456789012
RULES=AR-251,AR-252,AR-267,AR-268
REGION=eu-west-1
ROLE_ARN=arn:aws:iam::{environment}:role/optix-close-buckets
APPROVAL=required
DRY_RUN=true
""",
)
