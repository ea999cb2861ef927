"""AWS Security Hub: a finding for each incident, brought up to date as it changes and archived when it is suppressed.

Sources: https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html (ASFF) with
https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html (lengths),
https://docs.aws.amazon.com/securityhub/latest/userguide/finding-update-batchimportfindings.html (the account of the
credentials has to be the finding's; the same Id updates; who imports says severity and types in FindingProviderFields,
and Workflow only with the first import), the service model in https://github.com/boto/botocore (240 KB; 200 also when
the finding failed: FailedCount and FailedFindings). Types: https://docs.aws.amazon.com/securityhub/latest/userguide/asff-type-taxonomy.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field

from gateway.destinations import Context, Destination
from gateway.destinations._aws import AwsSettings, aws_request
from gateway.destinations._aws_answer import Fault, judged, read_aws
from gateway.destinations._extra import needs
from gateway.destinations._follow_up import follow_up
from gateway.destinations._http import as_json, json_object, text_of, unproven
from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.finding_kind import FindingKind, finding_kind
from gateway.domain.message import Answer, AwsRequest, HttpAnswer
from gateway.domain.optix import console_url
from gateway.domain.outcome import Outcome, OutcomeClass
from gateway.domain.policy import Pace
from gateway.domain.severity import Severity
from gateway.domain.severity_map import level
from gateway.domain.text import code_points, cut, is_visible, one_line
from gateway.domain.wording import details, marks, policies, state, state_word, summary

_TITLE, _DESCRIPTION, _ID, _VALUE, _RESOURCES, _REQUIREMENTS, _URL = 256, 1024, 512, 2048, 32, 32, 1024
_LABELS = {
    Severity.CRITICAL: "CRITICAL",
    Severity.HIGH: "HIGH",
    Severity.MEDIUM: "MEDIUM",
    Severity.LOW: "LOW",
    Severity.UNKNOWN: "MEDIUM",
}
_TYPES = {
    FindingKind.COMPLIANCE: "Software and Configuration Checks/Industry and Regulatory Standards",
    FindingKind.DETECTION: "Unusual Behaviors",
    FindingKind.MALWARE: "TTPs",
}
_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"), ("eusc-", "aws-eusc"))


class SecurityHubSettings(AwsSettings):
    service: ClassVar[str] = "securityhub"

    account: str = Field(
        pattern=r"^[0-9]{12}$", description="the account whose Security Hub it is: the credentials' own"
    )

    @property
    def partition(self) -> str:
        return next((name for prefix, name in _PARTITIONS if self.place.startswith(prefix)), "aws")


def format_message(alert: Alert, context: Context, settings: SecurityHubSettings) -> AwsRequest:
    body = as_json({"Findings": [finding(alert, context, settings)]})
    headers = (("Content-Type", "application/json"),)
    return aws_request(settings, f"{settings.endpoint}/findings/import", body, headers)


def finding(alert: Alert, context: Context, settings: SecurityHubSettings) -> dict[str, JSON]:
    """In the AWS Security Finding Format. `UpdatedAt` is now, as an update has to be younger than what is there."""
    seen = _time(min(alert.seen_at or context.sent_at, context.sent_at))
    account = settings.account
    product = f"arn:{settings.partition}:securityhub:{settings.place}:{account}:product/{account}/default"
    made: dict[str, JSON] = {
        "SchemaVersion": "2018-10-08",
        "Id": alert.key,
        "ProductArn": product,
        "ProductName": "Cloud Optix",
        "CompanyName": "Sophos",
        "GeneratorId": _field(f"sophos-cloud-optix/{one_line(alert.rule or alert.alert_type) or 'alert'}", _ID),
        "AwsAccountId": account,
        "CreatedAt": seen,
        "UpdatedAt": _time(context.sent_at),
        "LastObservedAt": seen,
        "Title": _field(f"{marks(alert, test=context.test)} {summary(alert)}".strip(), _TITLE),
        "Description": _description(alert, context),
        "FindingProviderFields": {
            "Severity": {"Label": level(alert, _LABELS), "Original": _original(alert)},
            "Types": [_TYPES[finding_kind(alert)]],
        },
        "Resources": _resources(alert, settings),
        "ProductFields": _product_fields(alert, context),
        "RecordState": "ARCHIVED" if alert.is_closed else "ACTIVE",
        "Workflow": {"Status": "RESOLVED" if alert.is_closed else "NEW"},
        **_compliance(alert),
    }
    link = console_url(alert)
    return made | ({"SourceUrl": link} if len(link) <= _URL else {})


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _field(text: str, limit: int) -> str:
    return cut(one_line(text), limit, code_points)


def _original(alert: Alert) -> str:
    return alert.severity.value if alert.score is None else f"{alert.score:g}"


def _description(alert: Alert, context: Context) -> str:
    """What changed first, then how it stands, then the vendor's words."""
    follows = follow_up(alert, context)
    changed = [f"{label}: {value}." for label, value in follows.facts]
    said = "" if context.shrink else details(alert)
    text = "\n".join([*changed, f"{state(alert)}.", *filter(None, [said])])
    return cut(text, _DESCRIPTION, code_points)


def _resources(alert: Alert, settings: SecurityHubSettings) -> JSON:
    """Open ones first; the environment where none is named, as a finding needs one."""
    ordered = sorted(alert.resources, key=lambda resource: not resource.is_open)
    named: dict[str, Resource] = {}
    for resource in ordered:
        identity = _field(resource.info, _ID)
        named.setdefault(identity if is_visible(identity) else "(unnamed resource)", resource)
    if not named:
        return [_environment(alert, settings)]
    return [_resource(identity, resource) for identity, resource in list(named.items())[:_RESOURCES]]


def _resource(identity: str, resource: Resource) -> JSON:
    return {"Type": "Other", "Id": identity, "Details": {"Other": {"state": _field(state_word(resource), 64)}}}


def _environment(alert: Alert, settings: SecurityHubSettings) -> JSON:
    name = _field(alert.environment, _ID - 16) or "(no environment)"
    if len(name) == 12 and name.isascii() and name.isdigit():
        return {"Type": "AwsAccount", "Id": f"AWS::::Account:{name}", "Partition": settings.partition}
    return {"Type": "Other", "Id": name}


def _product_fields(alert: Alert, context: Context) -> JSON:
    """Fifty at most, none of them empty. `resources`: the true count, where Security Hub holds 32 of them."""
    follows = follow_up(alert, context)
    found: Mapping[str, str] = {
        "alert_id": alert.alert_id,
        "alert_type": alert.alert_type,
        "change": follows.reasons,
        "changed": follows.news,
        "delivery_id": context.delivery_id,
        "environment": alert.environment,
        "open": str(alert.open_count),
        "policies": policies(alert, _VALUE // 2),
        "provider": alert.provider,
        "resources": str(len(alert.resources)),
        "rule": alert.rule,
        "source": alert.source,
        "test": "true" if context.test else "",
    }
    return {f"optix/{name}": said for name, text in found.items() if is_visible(said := _field(text, _VALUE))}


def _compliance(alert: Alert) -> dict[str, JSON]:
    """A rule that is suppressed is broken all the same."""
    if finding_kind(alert) is not FindingKind.COMPLIANCE:
        return {}
    labels = dict.fromkeys(label for text in alert.policy_labels if is_visible(label := _field(text, 256)))
    named: dict[str, JSON] = {"RelatedRequirements": list[JSON](labels)[:_REQUIREMENTS]} if labels else {}
    return {"Compliance": {"Status": "FAILED", **named}}


def read(answer: Answer, now: datetime) -> Outcome:
    outcome = read_aws(answer, now)
    if outcome.kind is not OutcomeClass.OK or not isinstance(answer, HttpAnswer):
        return outcome
    said = json_object(answer)
    if said.get("FailedCount"):
        failed = said.get("FailedFindings")
        first = failed[0] if isinstance(failed, list) and failed and isinstance(failed[0], dict) else {}
        fault = Fault(text_of(first.get("ErrorCode")), text_of(first.get("ErrorMessage")))
        refused = Outcome(OutcomeClass.REJECTED, "Security Hub did not take the finding", answer.status)
        return judged(refused, fault, answer, now)
    if said.get("SuccessCount") != 1:
        return unproven(outcome, "it does not say that the finding was imported")
    return outcome


DESTINATION = Destination(
    summary="AWS Security Hub: a finding for each incident, updated as it changes and archived when it is suppressed",
    settings=SecurityHubSettings,
    format=format_message,
    read=read,
    verify=needs("botocore", "aws"),
    backlog="latest",
    pace=Pace(per_s=5, burst=20),
    concurrency=4,
    limits={
        "title": "256 characters",
        "description": "1024 characters",
        "resources": "32 of them, open ones first; the true counts stand in ProductFields",
        "identity": "the incident's: a repeat, a change and the end are updates of the same finding",
        "age": "Security Hub forgets what was not updated for 90 days: REMIND_AFTER keeps it",
        "workflow": "set with the first import only; afterwards it is that of the people there",
        "permissions": "securityhub:BatchImportFindings",
    },
    example="""\
# Leave the two keys out where the environment, EKS, ECS or EC2 gives the credentials, ENDPOINT_URL without VPC endpoint
DESTINATION=securityhub
ACCOUNT=111122223333
REGION=eu-west-1
ACCESS_KEY_ID=AKIAEXAMPLEKEYID0000
SECRET_ACCESS_KEY=example/not-a-real-secret-access-key
ENDPOINT_URL=https://vpce-0123456789abcdef0-example.securityhub.eu-west-1.vpce.amazonaws.com
""",
)
