from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import load
from gateway.destinations.alertmanager import AlertmanagerSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.notify import EVERYTHING
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from tests.destinations.on_call import NOW, SUPPRESSED, by_score, huge, outcome, payload, sent

KIND = "alertmanager"
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
AlertOf = Callable[..., Alert]


def settings_with(**keys: object) -> AlertmanagerSettings:
    return AlertmanagerSettings.model_validate({"url": "http://am:9093"} | keys)


def posted(alert: Alert, **said: Any) -> Any:
    (only,) = payload(KIND, alert, **said)
    return only


def lasts(said: Any) -> tuple[timedelta, timedelta]:
    """Start and end, from now."""
    starts_at, ends_at = (datetime.fromisoformat(said[name]) - NOW for name in ("startsAt", "endsAt"))
    return starts_at, ends_at


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_labels_that_alertmanager_refuses(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    said = posted(data.draw(alerts))
    for name, value in said["labels"].items():
        assert LABEL_NAME.fullmatch(name)
        assert 0 < len(value) <= 400
    assert all(LABEL_NAME.fullmatch(name) for name in said["annotations"])
    assert said["startsAt"] <= said["endsAt"]


def test_the_worst_alert_of_all_is_cut(alert_of: AlertOf) -> None:
    said = posted(alert_of(**huge("🪣")))
    assert len(said["annotations"]["summary"]) == 1000
    assert len(said["annotations"]["description"].encode("utf-16-le")) // 2 <= 20_000
    assert len(said["labels"]["environment"]) == 400
    assert "generatorURL" not in said


@pytest.mark.parametrize(("length", "whole"), [(400, True), (401, False)])
def test_a_label_is_cut_only_beyond_400(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    environment = posted(alert_of(environment="x" * length))["labels"]["environment"]
    assert len(environment) == 400
    assert environment.endswith("x") is whole


def test_the_labels_say_what_routes_go_by_and_the_rest_is_in_annotations(alert_of: AlertOf) -> None:
    said = posted(alert_of())
    assert said["labels"] == {
        "alertname": "CloudOptix",
        "severity": "high",
        "optix_key": alert_of().key,
        "source": "optix",
        "environment": "444123456789",
        "provider": "AWS",
        "type": "Policy",
        "rule": "AR-251",
    }
    assert said["annotations"]["summary"] == "High: A bucket is public"
    assert (said["annotations"]["resources"], said["annotations"]["score"]) == ("1 open", "80")
    assert said["generatorURL"].startswith("https://optix.sophos.com/")


def test_an_alert_that_goes_on_keeps_its_labels_whatever_else_changes(alert_of: AlertOf) -> None:
    now = alert_of(score=85, details="more", last_seen="now", resources=(Resource("bucket-2", "OPEN"),) * 3)
    assert posted(now, before=alert_of())["labels"] == posted(alert_of())["labels"]
    assert posted(now, before=alert_of())["annotations"]["changed"]


def test_an_alert_stands_for_a_day_and_two_hours_unless_it_is_repeated(alert_of: AlertOf) -> None:
    assert lasts(posted(alert_of())) == (timedelta(0), timedelta(hours=26))
    assert lasts(posted(alert_of(), made=settings_with(ends_after_hours=2)))[1] == timedelta(hours=2)
    assert load(KIND).notify == EVERYTHING, "repeats push the end further"


def test_a_suppressed_alert_ends_a_few_minutes_ago_under_the_labels_that_opened_it(alert_of: AlertOf) -> None:
    """In the past by a clock that is a little behind, too."""
    closed = posted(alert_of(resources=SUPPRESSED))
    assert closed["labels"] == posted(alert_of())["labels"]
    assert lasts(closed) == (timedelta(minutes=-5), timedelta(minutes=-5))


def test_where_the_severity_changed_the_alert_under_the_old_label_is_resolved(alert_of: AlertOf) -> None:
    worse = alert_of(score=95, severity=severity_of(95))
    now, old = payload(KIND, worse, before=alert_of())
    assert (now["labels"]["severity"], lasts(now)[1]) == ("critical", timedelta(hours=26))
    assert (old["labels"]["severity"], lasts(old)[1]) == ("high", timedelta(minutes=-5))
    assert now["labels"] | {"severity": "high"} == old["labels"]
    assert now["annotations"] == old["annotations"]


def test_a_change_within_a_severity_resolves_nothing(alert_of: AlertOf) -> None:
    assert len(payload(KIND, alert_of(score=89), before=alert_of())) == 1


def test_a_test_is_labelled_and_goes_by_itself(alert_of: AlertOf) -> None:
    said = posted(alert_of(), test=True)
    assert said["labels"]["test"] == "true"
    assert lasts(said)[1] == timedelta(minutes=5)


@pytest.mark.parametrize(("score", "expected"), by_score("low", "medium", "high", "critical", "unknown"))
def test_the_label_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    assert posted(alert_of(score=score, severity=severity_of(score)))["labels"]["severity"] == expected


def test_credentials_go_in_the_header(alert_of: AlertOf) -> None:
    by_token = sent(KIND, alert_of(), made=settings_with(token="t-1"))
    by_name = settings_with(username="sœc", password="pässword")
    assert ("Authorization", "Bearer t-1") in by_token.headers
    assert ("Authorization", "Basic c8WTYzpww6Rzc3dvcmQ=") in sent(KIND, alert_of(), made=by_name).headers
    assert "c8WTYzpww6Rzc3dvcmQ=" in by_name.secrets()
    assert "Authorization" not in dict(sent(KIND, alert_of(), made=settings_with()).headers)


@pytest.mark.parametrize("base", ["https://am.example/alertmanager", "https://am.example/alertmanager/"])
def test_it_is_posted_below_the_address_given(alert_of: AlertOf, base: str) -> None:
    assert sent(KIND, alert_of(), made=settings_with(url=base)).url == "https://am.example/alertmanager/api/v2/alerts"


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (200, b"", Class.OK, "200 OK"),
        (200, b"<html>sign in", Class.RETRY, "200 OK, but the answer is a page, not Alertmanager's"),
        (
            400,
            b'"at least one label pair required"\n',
            Class.REJECTED,
            '400 Bad Request: "at least one label pair required"',
        ),
        (401, b"Unauthorized\n", Class.AUTH, "401 Unauthorized: Unauthorized"),
        (404, b"404 page not found", Class.GONE, "404 Not Found: 404 page not found"),
        (500, b'"out of memory"', Class.RETRY, '500 Internal Server Error: "out of memory"'),
    ],
)
def test_what_alertmanager_answers_is_understood(status: int, body: bytes, kind: Class, reason: str) -> None:
    found = outcome(KIND, status, body)
    assert (found.kind, found.reason) == (kind, reason)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "am:9093"},
        {"url": "http://user:pw@am:9093"},
        {"url": "http://am:9093, am2:9093"},
        {"url": "http://am:9093, http://am:9093/"},
        {"url": ", "},
        {"url": ",".join(f"http://am-{n}" for n in range(9))},
        {"ends_after_hours": 0},
        {"username": "me"},
        {"token": "t", "username": "me", "password": "pw"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings_with(**wrong)
