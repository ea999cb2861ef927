from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import samples
from gateway.domain.alert import JSON, Resource
from gateway.domain.document import document
from gateway.domain.optix import console_url, incident_key
from gateway.domain.severity import Severity
from tests.domain.bodies import body, read


def test_the_documented_sample_is_read_in_full() -> None:
    alert = read(samples.load(samples.DOCUMENTED))
    assert document(alert) == {
        "source": "optix",
        "event_type": "ALERT",
        "environment": "44412345678075",
        "alert_id": "A-000001",
        "key": "optix-11b630a7c974ac9d99a1f122ee38b429",
        "severity": "high",
        "score": 80,
        "summary": "Ensure S3 buckets do not allow public read/list permission",
        "type": "Policy",
        "alert_type": "Policy",
        "provider": "AWS",
        "rule": "AR-251",
        "details": "demo-bucket-1\ndemo-bucket-2",
        "last_seen": "Nov 2, 2020 3:56:18 PM",
        "seen_at": "2020-11-02T15:56:18Z",
        "console_url": "https://optix.sophos.com/public/redirect?c=false&a="
        "alerts%2FA-000001%3Fstate%3DOPEN%26accountId%3D44412345678075",
        "policy_labels": [
            "FEDRAMP-HIGH", "FEDRAMP-LOW", "FEDRAMP-MODERATE", "FEDRAMP/NIST800-53-LOW", "FFIEC", "GDPR", "ISO 27001",
            "PCI", "SOC2", "SOC2-TSP", "Sophos",
        ],
        "open_count": 2,
        "suppressed_count": 0,
        "closed": False,
        "resources": [
            {"info": "demo-bucket-1", "state": "OPEN", "details": None, "extra": {}},
            {"info": "demo-bucket-2", "state": "OPEN", "details": None, "extra": {}},
        ],
        "extra": {},
        "envelope_extra": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "alert_id", "alert_type", "provider", "score", "severity", "seen_at", "resources"),
    [
        ("anomaly-narrow-space", "A-000311", "Anomaly", "Azure", 79, "medium", "2025-11-03T04:05:06Z", 1),
        ("guardduty", "A-000207", "GuardDuty", "AWS", 92, "critical", "2026-03-14T23:02:07Z", 1),
        ("hostile-text", "A-000666", "Policy", "GCP", 90, "critical", "2026-01-01T01:02:03Z", 2),
        ("iac-many-branches", "A-011510", "IaC", "IaC", 85, "high", "2020-12-01T09:17:39Z", 210),
        ("policy-s3-public-read", "A-000001", "Policy", "AWS", 80, "high", "2020-11-02T15:56:18Z", 2),
        (
            "serverless-storage-protection", "A-000520", "Serverless Storage Protection", "AWS", 95, "critical",
            "2023-04-28T18:41:00Z", 1,
        ),
        ("spend", "A-000402", "Spend", "AWS", 49, "low", "2026-02-02T00:00:00Z", 0),
        ("suppressed", "A-000001", "Policy", "AWS", 80, "high", "2020-11-03T09:00:00Z", 2),
        ("unknown-values", "A-000777", "Container Image", "OCI", 83, "high", "2026-05-04T03:02:01Z", 1),
    ],
)  # fmt: skip
def test_each_sample_is_read(
    name: str, alert_id: str, alert_type: str, provider: str, score: int, severity: str, seen_at: str, resources: int
) -> None:
    alert = read(samples.load(name))
    shown = document(alert)
    assert (alert.alert_id, alert.alert_type, alert.provider) == (alert_id, alert_type, provider)
    assert (shown["score"], shown["severity"], shown["seen_at"]) == (score, severity, seen_at)
    assert len(alert.resources) == resources


def test_no_sample_is_without_a_test() -> None:
    assert len(samples.names()) == 9


def test_unknown_keys_are_kept_where_they_stood() -> None:
    alert = read(samples.load("unknown-values"))
    assert alert.envelope_extra == {"schemaVersion": "2"}
    assert alert.extra == {"newField": {"a": 1}}
    assert alert.resources[0].extra == {"cve": "CVE-2026-1"}
    assert alert.environment == "000012345678"


def test_a_suppressed_alert_is_closed_and_an_alert_without_resources_is_not() -> None:
    assert read(samples.load("suppressed")).is_closed
    assert not read(samples.load("spend")).is_closed


@pytest.mark.parametrize(
    ("sent", "score", "severity"),
    [
        (80, 80, Severity.HIGH),
        ("83", 83, Severity.HIGH),
        (" 83 ", 83, Severity.HIGH),
        (80.0, 80, Severity.HIGH),
        ("80.0", 80, Severity.HIGH),
        (79.5, 79.5, Severity.MEDIUM),
        (0, 0, Severity.LOW),
        (100, 100, Severity.CRITICAL),
        (-0.0, 0, Severity.LOW),
        (None, None, Severity.UNKNOWN),
        (True, None, Severity.UNKNOWN),
        (False, None, Severity.UNKNOWN),
        (-1, None, Severity.UNKNOWN),
        (101, None, Severity.UNKNOWN),
        (10**400, None, Severity.UNKNOWN),
        (float("nan"), None, Severity.UNKNOWN),
        (float("inf"), None, Severity.UNKNOWN),
        (float("-inf"), None, Severity.UNKNOWN),
        ("", None, Severity.UNKNOWN),
        ("high", None, Severity.UNKNOWN),
        ("nan", None, Severity.UNKNOWN),
        ("inf", None, Severity.UNKNOWN),
        ("1_0", None, Severity.UNKNOWN),
        ([80], None, Severity.UNKNOWN),
        ({"value": 80}, None, Severity.UNKNOWN),
    ],
)
def test_a_score_is_used_in_any_sensible_form_and_else_unknown(
    sent: JSON, score: float | None, severity: Severity
) -> None:
    alert = read(body(score=sent))
    assert (alert.score, type(alert.score), alert.severity) == (score, type(score), severity)


def test_a_missing_score_is_unknown() -> None:
    assert read(body()).severity is Severity.UNKNOWN


def test_a_number_beyond_any_float_is_no_score_and_no_reason_to_refuse() -> None:
    raw = b'{"eventType":"ALERT","payloadData":{"alertId":"A","score":1e999,"accountId":' + b"7" * 5000 + b"}}"
    alert = read(raw)
    assert alert.score is None
    assert alert.environment == "7" * 5000


@pytest.mark.parametrize(
    ("sent", "labels"),
    [
        ("GDPR,PCI", ("GDPR", "PCI")),
        (" FEDRAMP/NIST800-53-LOW , ISO 27001 ", ("FEDRAMP/NIST800-53-LOW", "ISO 27001")),
        ("", ()),
        (" , ,", ()),
        (None, ()),
        (["GDPR", " ISO 27001 ", "", None], ("GDPR", "ISO 27001")),
        (["GDPR,PCI"], ("GDPR", "PCI")),
        (7, ("7",)),
    ],
)
def test_policy_labels_are_split_at_commas_and_trimmed(sent: JSON, labels: tuple[str, ...]) -> None:
    assert read(body(policyLabel=sent)).policy_labels == labels


@pytest.mark.parametrize(("sent", "rule"), [(None, ""), ("", ""), ("AR-251", "AR-251"), (251, "251")])
def test_a_rule_number_may_be_absent_null_or_empty(sent: JSON, rule: str) -> None:
    assert read(body(ruleNumber=sent)).rule == rule
    assert read(body()).rule == ""


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (123456789012, "123456789012"),
        (123456789012.0, "123456789012"),
        ("000012345678", "000012345678"),
        (1.5, "1.5"),
        (True, "true"),
        (None, ""),
        ({"a": [1, "é"]}, '{"a":[1,"é"]}'),
        (["x", None], '["x",null]'),
    ],
)
@pytest.mark.parametrize(
    ("key", "attribute"),
    [
        ("accountId", "environment"), ("alertSummary", "summary"), ("alertType", "alert_type"),
        ("provider", "provider"), ("ruleNumber", "rule"), ("alertDetails", "details"), ("lastSeen", "last_seen"),
    ],
)  # fmt: skip
def test_what_is_no_text_where_a_text_belongs_becomes_one(sent: JSON, text: str, key: str, attribute: str) -> None:
    assert getattr(read(body(**{key: sent})), attribute) == text


def test_an_alert_id_may_be_a_number() -> None:
    assert read(body(alertId=17)).alert_id == "17"


@pytest.mark.parametrize("key", ["alertType", "provider"])
def test_open_sets_keep_what_was_sent(key: str) -> None:
    alert = read(body(**{key: " Something  New "}))
    assert " Something  New " in (alert.alert_type, alert.provider)


def test_an_event_type_that_is_not_documented_is_read() -> None:
    alert = read(b'{"eventType":"Resolved","payloadData":{"alertId":"A"}}')
    assert (alert.event_type, alert.environment) == ("Resolved", "")


def test_a_time_that_cannot_be_read_is_kept_as_it_came() -> None:
    alert = read(body(lastSeen="a while ago"))
    assert (alert.last_seen, alert.seen_at, document(alert)["seen_at"]) == ("a while ago", None, None)


@pytest.mark.parametrize(
    ("sent", "resources"),
    [
        (None, ()),
        ([], ()),
        ([None], ()),
        ({"resourceInfo": "b", "state": "OPEN"}, (Resource("b", "OPEN"),)),
        ("bucket", (Resource("bucket", ""),)),
        (["bucket", 7], (Resource("bucket", ""), Resource("7", ""))),
        ([{"resourceInfo": "b"}], (Resource("b", ""),)),
        ([{"state": "OPEN"}], (Resource("", "OPEN"),)),
        ([{"resourceInfo": 12, "state": None}], (Resource("12", ""),)),
        ([{"resourceInfo": "b", "state": "Muted"}], (Resource("b", "Muted"),)),
        ([{"resourceInfo": "b", "new": 1}], (Resource("b", "", None, {"new": 1}),)),
        ([["a", "b"]], (Resource('["a","b"]', ""),)),
    ],
)
def test_affected_resources_are_read_in_any_shape(sent: JSON, resources: tuple[Resource, ...]) -> None:
    assert read(body(affectedResources=sent)).resources == resources


@pytest.mark.parametrize(
    ("sent", "details"),
    [
        ('{"affectedFiles":[{"objectKey":"a"}]}', {"affectedFiles": [{"objectKey": "a"}]}),
        ('{"affectedFiles":', '{"affectedFiles":'),
        ("[" * 5000, "[" * 5000),
        ('"\\ud800"', "\ufffd"),
        ({"already": "parsed"}, {"already": "parsed"}),
        ("", None),
        (None, None),
    ],
)
def test_json_inside_a_resource_is_parsed_or_kept_as_text(sent: JSON, details: JSON) -> None:
    alert = read(body(affectedResources=[{"resourceInfo": "b", "state": "OPEN", "affectedResourceJSON": sent}]))
    assert alert.resources == (Resource("b", "OPEN", details),)


@given(st.text(), st.text(), st.text())
def test_an_incident_key_has_one_form_for_every_identity(source: str, environment: str, alert_id: str) -> None:
    key = incident_key(source, environment, alert_id)
    prefix, _, digits = key.partition("-")
    assert (prefix, len(digits)) == ("optix", 32)
    assert set(digits) <= set("0123456789abcdef")


def test_an_incident_key_is_stable_and_parts_its_three_parts() -> None:
    assert incident_key("optix", "44412345678075", "A-000001") == "optix-11b630a7c974ac9d99a1f122ee38b429"
    assert len({incident_key("ab", "c", "d"), incident_key("a", "bc", "d"), incident_key("a", "b", "cd")}) == 3


def test_a_console_link_keeps_nothing_of_the_payload_unescaped() -> None:
    alert = read(body(alertId="A/1&x=é", accountId="https://github.com/acme/infra?a#b"))
    assert console_url(alert) == (
        "https://optix.sophos.com/public/redirect?c=false&a="
        "alerts%2FA%2F1%26x%3D%C3%A9%3Fstate%3DOPEN%26accountId%3Dhttps%3A%2F%2Fgithub.com%2Facme%2Finfra%3Fa%23b"
    )
