from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations.pagerduty import PagerDutySettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import SUPPRESSED, by_score, huge, outcome, payload, sent

KIND = "pagerduty"
MOST_BYTES = 512 * 1024
AlertOf = Callable[..., Alert]


def overruns(alert: Alert, *, shrink: bool = False) -> list[str]:
    """PagerDuty's rules that a message breaks."""
    message = sent(KIND, alert, shrink=shrink)
    said = json.loads(message.body)
    event = said["payload"]
    broken = ["summary"] * (not 0 < utf16_units(event["summary"]) <= 1024) + ["source"] * (not event["source"].strip())
    return broken + ["key"] * (len(said["dedup_key"]) > 255) + ["body"] * (len(message.body) > MOST_BYTES)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_an_event_that_pagerduty_refuses(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    assert overruns(alert) == []
    assert overruns(alert, shrink=True) == []


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\\", "漢", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert overruns(alert_of(**huge(sign))) == []


@pytest.mark.parametrize(("length", "whole"), [(1024, True), (1025, False)])
def test_a_summary_is_cut_only_beyond_1024(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    summary = payload(KIND, alert_of(summary="x" * (length - len("High: "))))["payload"]["summary"]
    assert summary.endswith("x") is whole
    assert len(summary) == 1024


@pytest.mark.parametrize(("count", "last"), [(500, "r-499"), (501, "+1 more"), (900, "+400 more")])
def test_the_resource_list_is_cut_after_500_lines_with_a_true_count(alert_of: AlertOf, count: int, last: str) -> None:
    alert = alert_of(resources=tuple(Resource(f"r-{number}", "OPEN") for number in range(count)))
    assert payload(KIND, alert)["payload"]["custom_details"][f"Affected resources ({count})"][-1] == last


def test_a_suppressed_alert_resolves_with_the_key_and_the_credentials_that_opened_it(alert_of: AlertOf) -> None:
    opened, closed = payload(KIND, alert_of()), payload(KIND, alert_of(resources=SUPPRESSED))
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == alert_of().key
    assert opened["routing_key"] == closed["routing_key"]


@pytest.mark.parametrize(("score", "expected"), by_score("info", "warning", "error", "critical", "warning"))
def test_severity_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    alert = alert_of(score=score, severity=severity_of(score))
    assert payload(KIND, alert)["payload"]["severity"] == expected


def test_the_event_says_where_and_what(alert_of: AlertOf) -> None:
    said = payload(KIND, alert_of())
    assert said["payload"]["source"] == "444123456789"
    assert [said["payload"][name] for name in ("component", "group", "class")] == ["bucket-1", "AWS", "Policy"]
    assert said["client_url"] == said["links"][0]["href"]
    assert said["client_url"].startswith("https://optix.sophos.com/")


def test_an_alert_without_an_environment_has_a_source_all_the_same(alert_of: AlertOf) -> None:
    assert payload(KIND, alert_of(environment="\u200b"))["payload"]["source"] == "Sophos Cloud Optix"


def test_a_follow_up_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    details = payload(KIND, now, before=alert_of())["payload"]["custom_details"]
    assert details["Changed"] == "1 new of 2 open"
    assert details["Changes"] == ["+ bucket-2"]
    assert "Changed" not in payload(KIND, now)["payload"]["custom_details"]


def test_a_smaller_event_leaves_out_resources_and_details_and_says_so(alert_of: AlertOf) -> None:
    details = payload(KIND, alert_of(details="why"), shrink=True)["payload"]["custom_details"]
    assert "left out" in details["Details and resources"]
    assert "Details" not in details


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (202, b'{"status":"success","message":"Event processed","dedup_key":"k"}', Class.OK, "202 Accepted"),
        (200, b"<html>", Class.RETRY, "200 OK, but PagerDuty accepts with 202"),
        (
            400,
            b'{"status":"invalid event","message":"Event object is invalid","errors":["Length of \'routing_key\'"]}',
            Class.REJECTED,
            "400 Bad Request: Event object is invalid: Length of 'routing_key'",
        ),
        (404, b"", Class.GONE, "404 Not Found"),
        (413, b"", Class.TOO_LARGE, "413 "),
        (429, b'{"status":"throttle exceeded"}', Class.RATE_LIMITED, "429 Too Many Requests"),
        (500, b"", Class.RETRY, "500 Internal Server Error"),
    ],
)
def test_what_pagerduty_answers_is_understood(status: int, body: bytes, kind: Class, reason: str) -> None:
    found = outcome(KIND, status, body)
    assert found.kind is kind
    assert found.reason.startswith(reason)
    assert found.reference == ("k" if kind is Class.OK else "")


def test_a_limit_without_a_wait_lasts_for_the_minute_that_is_counted() -> None:
    assert outcome(KIND, 429).hint_s == 60
    assert outcome(KIND, 429, headers={"retry-after": "7"}).hint_s == 7


def test_an_account_in_the_eu_has_a_host_of_its_own(alert_of: AlertOf) -> None:
    made = PagerDutySettings.model_validate({"url": "https://events.eu.pagerduty.com/", "routing_key": "abc"})
    assert sent(KIND, alert_of(), made=made).url == "https://events.eu.pagerduty.com/v2/enqueue"


@pytest.mark.parametrize(
    "wrong", [{"routing_key": ""}, {"routing_key": "a b"}, {"routing_key": "a", "url": "host"}, {}]
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        PagerDutySettings.model_validate(wrong)
