from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import samples
from gateway.destinations import Context, load
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import AwsRequest, HttpAnswer
from gateway.domain.optix import parse
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import Severity

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
SERVICE: Any = ServiceModel(Loader().load_service_model("securityhub", "service-2"))
IMPORT = SERVICE.operation_model("BatchImportFindings").input_shape
AlertOf = Callable[..., Alert]


def sent(alert: Alert, *, region: str = "eu-west-1", sent_at: datetime = NOW, **more: Any) -> dict[str, Any]:
    made = load("securityhub").settings.model_validate({"account": "111122223333", "region": region})
    message = load("securityhub").format(alert, Context("a-1.hub", "hub", b"{}", sent_at, **more), made)
    assert isinstance(message, AwsRequest)
    found: dict[str, Any] = json.loads(message.body)
    return found


def finding(alert: Alert, **more: Any) -> dict[str, Any]:
    (one,) = sent(alert, **more)["Findings"]
    assert isinstance(one, dict)
    return one


def check(request: dict[str, Any]) -> None:
    """Against the library's model of the service, and against the lengths that the model does not hold."""
    report = ParamValidator().validate(request, IMPORT)
    assert not report.has_errors(), report.generate_report()
    (one,) = request["Findings"]
    unknown = set(one) - set(SERVICE.shape_for("AwsSecurityFinding").members)
    assert unknown == set()
    assert 1 <= len(one["Title"]) <= 256
    assert 1 <= len(one["Description"]) <= 1024
    assert 1 <= len(one["GeneratorId"]) <= 512
    assert 1 <= len(one["Resources"]) <= 32
    assert all(1 <= len(resource["Id"]) <= 512 for resource in one["Resources"])
    assert len({resource["Id"] for resource in one["Resources"]}) == len(one["Resources"])
    fields = one["ProductFields"]
    assert len(fields) <= 50
    assert all(len(name) <= 128 and 1 <= len(value) <= 2048 for name, value in fields.items())
    assert len(one.get("Compliance", {}).get("RelatedRequirements", ())) <= 32
    assert len(json.dumps(one, ensure_ascii=False).encode()) < 240 * 1000
    assert one["CreatedAt"] <= one["UpdatedAt"]


@pytest.mark.parametrize("name", samples.names())
def test_every_sample_is_a_finding_as_the_service_describes_it(name: str) -> None:
    alert = parse("optix", samples.load(name))
    assert isinstance(alert, Alert)
    check(sent(alert))


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_no_alert_is_too_odd_or_too_large_for_a_finding(
    alerts: st.SearchStrategy[Alert], befores: st.SearchStrategy[bytes | None], data: st.DataObject
) -> None:
    check(
        sent(
            data.draw(alerts), before=data.draw(befores), shrink=data.draw(st.booleans()), test=data.draw(st.booleans())
        )
    )


def test_what_is_suppressed_is_archived_under_the_same_id(alert_of: AlertOf) -> None:
    opened = finding(alert_of())
    closed = finding(alert_of(resources=(Resource("bucket-1", "SUPPRESS"),)), sent_at=NOW + timedelta(hours=1))
    assert opened["Id"] == closed["Id"] == alert_of().key
    assert opened["UpdatedAt"] < closed["UpdatedAt"]
    assert (opened["RecordState"], opened["Workflow"]["Status"]) == ("ACTIVE", "NEW")
    assert (closed["RecordState"], closed["Workflow"]["Status"]) == ("ARCHIVED", "RESOLVED")


def test_what_is_beyond_32_resources_is_counted_and_open_ones_come_first(alert_of: AlertOf) -> None:
    resources = tuple(Resource(f"bucket-{n}", "OPEN" if n % 10 == 0 else "SUPPRESS") for n in range(210))
    one = finding(alert_of(resources=resources))
    assert [each["Details"]["Other"]["state"] for each in one["Resources"]] == ["open"] * 21 + ["suppressed"] * 11
    assert (one["ProductFields"]["optix/resources"], one["ProductFields"]["optix/open"]) == ("210", "21")


def test_a_finding_without_resources_names_the_environment(alert_of: AlertOf) -> None:
    (account,) = finding(alert_of(resources=(), environment="444123456789"))["Resources"]
    assert account == {"Type": "AwsAccount", "Id": "AWS::::Account:444123456789", "Partition": "aws"}
    (other,) = finding(alert_of(resources=(), environment="git.example/infra"))["Resources"]
    assert (other["Type"], other["Id"]) == ("Other", "git.example/infra")


@pytest.mark.parametrize(
    ("severity", "label"),
    [
        (Severity.CRITICAL, "CRITICAL"),
        (Severity.HIGH, "HIGH"),
        (Severity.MEDIUM, "MEDIUM"),
        (Severity.LOW, "LOW"),
        (Severity.UNKNOWN, "MEDIUM"),
    ],
)
def test_severities_in_the_words_of_the_service(severity: Severity, label: str, alert_of: AlertOf) -> None:
    assert finding(alert_of(severity=severity))["FindingProviderFields"]["Severity"]["Label"] == label


@pytest.mark.parametrize(
    ("region", "partition"), [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_the_product_is_the_accounts_own_in_its_partition(region: str, partition: str, alert_of: AlertOf) -> None:
    arn = f"arn:{partition}:securityhub:{region}:111122223333:product/111122223333/default"
    assert finding(alert_of(), region=region)["ProductArn"] == arn


def test_an_alert_from_the_future_is_not_created_after_it_was_updated(alert_of: AlertOf) -> None:
    one = finding(alert_of(seen_at=NOW + timedelta(days=400)))
    assert one["CreatedAt"] == one["UpdatedAt"] == "2026-05-04T03:02:01.000Z"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"FailedCount": 0, "SuccessCount": 1, "FailedFindings": []}, Class.OK),
        ({}, Class.RETRY),
        ({"FailedCount": 1, "FailedFindings": [{"ErrorCode": "InvalidInput", "ErrorMessage": "x"}]}, Class.REJECTED),
        ({"FailedCount": 1, "FailedFindings": [{"ErrorCode": "InvalidAccessException"}]}, Class.AUTH),
        ({"FailedCount": 1, "FailedFindings": [{"ErrorCode": "InternalException"}]}, Class.RETRY),
        ({"FailedCount": 1, "FailedFindings": [{"ErrorCode": "LimitExceeded"}]}, Class.RATE_LIMITED),
        ({"FailedCount": 1, "FailedFindings": "?"}, Class.REJECTED),
        ({"FailedCount": 1}, Class.REJECTED),
    ],
)
def test_the_finding_in_the_answer_counts(answer: dict[str, Any], expected: Class) -> None:
    assert load("securityhub").read(HttpAnswer(200, {}, json.dumps(answer).encode()), NOW).kind is expected
