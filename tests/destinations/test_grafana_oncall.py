from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import load
from gateway.destinations.grafana_oncall import GrafanaOnCallSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import SUPPRESSED, by_score, huge, outcome, payload, sent

KIND = "grafana-oncall"
AlertOf = Callable[..., Alert]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_more_than_people_can_read(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    for shrink in (False, True):
        said = payload(KIND, alert, shrink=shrink)
        assert 0 < utf16_units(said["title"].strip()) <= 250
        assert 0 < utf16_units(said["message"]) <= 4000
        assert not set("<>|") & set(said["title"])


@pytest.mark.parametrize("sign", ["x", "🪣", "<", "*", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    said = payload(KIND, alert_of(**huge(sign)), before=alert_of())
    assert utf16_units(said["message"]) <= 4000


@pytest.mark.parametrize(("length", "whole"), [(250, True), (251, False)])
def test_a_title_is_cut_only_beyond_250(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    title = payload(KIND, alert_of(summary="x" * (length - len("High: "))))["title"]
    assert title.endswith("x") is whole
    assert len(title) == 250


def test_resources_fill_the_message_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket{number:04}", "OPEN") for number in range(900)))
    message = payload(KIND, alert)["message"]
    assert message.endswith(f"\n+{900 - message.count('- bucket')} more")
    assert len(message) > 3900


def test_a_suppressed_alert_is_ok_under_the_same_id_and_address(alert_of: AlertOf) -> None:
    opened, closed = payload(KIND, alert_of()), payload(KIND, alert_of(resources=SUPPRESSED))
    assert (opened["state"], closed["state"]) == ("alerting", "ok")
    assert opened["alert_uid"] == closed["alert_uid"] == alert_of().key
    assert sent(KIND, alert_of()).url == sent(KIND, alert_of(resources=SUPPRESSED)).url


@pytest.mark.parametrize(("score", "expected"), by_score("low", "medium", "high", "critical", "unknown"))
def test_severity_is_there_for_templates(alert_of: AlertOf, score: int | None, expected: str) -> None:
    assert payload(KIND, alert_of(score=score, severity=severity_of(score)))["severity"] == expected


def test_a_follow_up_begins_with_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket", "OPEN"), Resource("bucket-1", "OPEN")))
    assert payload(KIND, now, before=alert_of())["message"].startswith("- Changed: 1 new of 2 open\n- \\+ bucket\n")


def test_a_title_cannot_leave_the_slack_link_it_is_put_into(alert_of: AlertOf) -> None:
    title = payload(KIND, alert_of(summary="x>* <!channel> <http://evil|bank>"))["title"]
    assert title == "High: x›* ‹!channel› ‹http://evil¦bank›"


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (200, b"Ok.", Class.OK, "200 OK"),
        (200, b"<!doctype html>", Class.RETRY, "200 OK, but the answer is a page, not Grafana OnCall's"),
        (403, b"Integration is not found", Class.AUTH, "403 Forbidden: Integration is not found"),
        (404, b"", Class.GONE, "404 Not Found"),
        (429, b"Rate-limiting has been applied", Class.RATE_LIMITED, "429 Too Many Requests"),
        (502, b"", Class.RETRY, "502 Bad Gateway"),
    ],
)
def test_what_grafana_oncall_answers_is_understood(status: int, body: bytes, kind: Class, reason: str) -> None:
    found = outcome(KIND, status, body)
    assert (found.kind, found.reason) == (kind, reason)


def test_a_limit_lasts_for_the_five_minutes_that_are_counted() -> None:
    assert outcome(KIND, 429).hint_s == 300
    assert outcome(KIND, 429, headers={"retry-after": "7"}).hint_s == 7


def test_the_pace_stays_below_300_in_five_minutes() -> None:
    pace = load(KIND).pace
    assert pace is not None
    assert pace.per_s * 300 + pace.burst < 300


@pytest.mark.parametrize("wrong", [{}, {"url": "oncall.example.com"}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GrafanaOnCallSettings.model_validate(wrong)
