from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain import wording
from gateway.domain.alert import JSON, Alert, Resource
from gateway.domain.severity import Severity

ALERT = Alert(
    source="optix",
    event_type="ALERT",
    environment="444",
    alert_id="A-1",
    key="optix-0",
    severity=Severity.HIGH,
    score=80,
    summary="Bucket is\npublic",
    alert_type="Policy",
    provider="AWS",
    rule="AR-251",
    last_seen="Nov 2, 2020 3:56:18 PM",
    seen_at=datetime(2020, 11, 2, 15, 56, 18, tzinfo=UTC),
    policy_labels=("GDPR", "PCI"),
    resources=(Resource("b-1", "SUPPRESS"), Resource("b-2", "OPEN")),
)
CLOSED = replace(ALERT, resources=(Resource("b-1", "SUPPRESS"), Resource("b-2", "suppress")))


@pytest.mark.parametrize(
    ("alert", "test", "said"),
    [
        (ALERT, False, "High: Bucket is public"),
        (ALERT, True, "[TEST] High: Bucket is public"),
        (CLOSED, False, "[SUPPRESSED] High: Bucket is public"),
        (CLOSED, True, "[TEST] [SUPPRESSED] High: Bucket is public"),
        (replace(ALERT, severity=Severity.UNKNOWN), False, "Unknown severity: Bucket is public"),
        (replace(ALERT, summary="\u200b "), False, "High: Policy alert A-1"),
    ],
)
def test_the_title_says_how_bad_and_whether_it_is_a_test_or_closed(alert: Alert, test: bool, said: str) -> None:  # noqa: FBT001
    assert wording.title(alert, test=test) == said


def test_the_first_line_stands_alone() -> None:
    assert wording.first_line(ALERT) == "High: Bucket is public (AWS, 444, AR-251, 1 open, 1 suppressed)"
    said = wording.first_line(ALERT, news="1 new of 1 open")
    assert said == "High: Bucket is public (AWS, 444, AR-251, 1 open, 1 suppressed); 1 new of 1 open"


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ((), "No resources listed"),
        (CLOSED.resources, "Suppressed: all 2 resources"),
        ((Resource("b", "SUPPRESS"),), "Suppressed: the only resource"),
        (ALERT.resources, "1 open, 1 suppressed"),
        (
            (Resource("b", "RESOLVED"), Resource("c", "OPEN"), Resource("d", "")),
            "1 open, 1 in no stated state, 1 resolved",
        ),
    ],
)
def test_the_state_counts_resources_in_the_senders_words(resources: tuple[Resource, ...], said: str) -> None:
    assert wording.state(replace(ALERT, resources=resources)) == said


def test_facts_say_what_where_and_when_and_leave_out_what_is_missing() -> None:
    assert wording.facts(ALERT) == (
        ("Severity", "High (80 of 100)"),
        ("Environment", "444"),
        ("Provider", "AWS"),
        ("Type", "Policy"),
        ("Rule", "AR-251"),
        ("Policies", "GDPR, PCI"),
        ("Resources", "1 open, 1 suppressed"),
        ("Last seen", "2020-11-02 15:56:18 UTC"),
        ("Alert", "A-1"),
    )
    bare = replace(ALERT, provider="", rule="\u200d", policy_labels=(), seen_at=None, last_seen="some day", score=None)
    assert dict(wording.facts(bare)) == {
        "Severity": "High",
        "Environment": "444",
        "Type": "Policy",
        "Resources": "1 open, 1 suppressed",
        "Last seen": "some day",
        "Alert": "A-1",
    }


def test_policy_labels_are_cut_with_a_true_count() -> None:
    alert = replace(ALERT, policy_labels=tuple(f"LABEL-{number}" for number in range(40)))
    assert wording.policies(alert, 40) == "LABEL-0, LABEL-1, LABEL-2, +37 more"


def test_open_resources_come_first_and_others_say_their_state() -> None:
    assert wording.resource_lines(ALERT) == ("b-2", "b-1 [suppressed]")
    odd = replace(
        ALERT, resources=(Resource(" \u200b", "GONE"), Resource("a\nb", "OPEN", details={"files": ["x", "y"]}))
    )
    assert wording.resource_lines(odd) == ("a b - files: x; y", "(unnamed resource) [gone]")


@pytest.mark.parametrize(
    ("details", "shown"),
    [("b-1\nb-2", ""), ("b-2", ""), ("b-1 is open\nb-2", "b-1 is open\nb-2"), ("", ""), ("\r\n\u200b", "")],
)
def test_details_that_only_name_the_resources_again_are_left_out(details: str, shown: str) -> None:
    assert wording.details(replace(ALERT, details=details)) == shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"affectedFiles": [{"objectKey": "a.exe", "version": 3}]}, "affectedFiles: objectKey: a.exe, version: 3"),
        ([True, None, False, 1.5], "yes; none; no; 1.5"),
        ("raw text", "raw text"),
        ([[[[[[["deep"]]]]]]], "…"),
    ],
)
def test_nested_details_are_said_in_words(value: JSON, text: str) -> None:
    assert wording.said(value) == text


@pytest.mark.parametrize(
    ("alert", "sign"), [(ALERT, "🟠"), (replace(ALERT, severity=Severity.CRITICAL), "🔴"), (CLOSED, "🔕")]
)
def test_the_icon_follows_severity_and_state(alert: Alert, sign: str) -> None:
    assert wording.icon(alert) == sign
