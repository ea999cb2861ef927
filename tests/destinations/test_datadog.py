from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations.datadog import DatadogSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import NOW, SUPPRESSED, by_score, huge, outcome, payload, sent

AlertOf = Callable[..., Alert]


def made(**more: str) -> DatadogSettings:
    return DatadogSettings.model_validate({"api_key": "abc", **more})


EVENTS = made(send="events")


def log(alert: Alert, **more: Any) -> Any:
    (only,) = payload("datadog", alert, **more)
    return only


@pytest.mark.parametrize(
    ("send", "url"),
    [
        ("logs", "https://http-intake.logs.us5.datadoghq.com/api/v2/logs"),
        ("events", "https://api.us5.datadoghq.com/api/v1/events"),
    ],
)
def test_logs_and_events_have_their_own_addresses(alert_of: AlertOf, send: str, url: str) -> None:
    message = sent("datadog", alert_of(), made=made(send=send, site="us5.datadoghq.com"))
    assert message.url == url
    assert ("DD-API-KEY", "abc") in message.headers


@pytest.mark.parametrize(("send", "path"), [("logs", "/api/v2/logs"), ("events", "/api/v1/events")])
def test_a_proxy_of_ones_own_can_stand_between(alert_of: AlertOf, send: str, path: str) -> None:
    message = sent("datadog", alert_of(), made=made(send=send, url="http://proxy.example:8080/dd/"))
    assert message.url == f"http://proxy.example:8080/dd{path}"


@pytest.mark.parametrize(
    ("score", "status"), by_score(low="info", medium="warning", high="error", critical="critical", unknown="warning")
)
def test_the_status_of_a_log_follows_the_band(alert_of: AlertOf, score: int | None, status: str) -> None:
    assert log(alert_of(score=score, severity=severity_of(score)))["status"] == status


@pytest.mark.parametrize(
    ("score", "alert_type"), by_score(low="info", medium="warning", high="error", critical="error", unknown="warning")
)
def test_the_type_of_an_event_follows_the_band(alert_of: AlertOf, score: int | None, alert_type: str) -> None:
    alert = alert_of(score=score, severity=severity_of(score))
    assert payload("datadog", alert, made=EVENTS)["alert_type"] == alert_type


def test_a_closed_alert_is_a_success(alert_of: AlertOf) -> None:
    closed = alert_of(resources=SUPPRESSED)
    said = payload("datadog", closed, made=EVENTS)
    assert (said["alert_type"], said["priority"], log(closed)["status"]) == ("success", "low", "info")


@pytest.mark.parametrize("form", ["alert", "ocsf", "ecs"])
def test_attributes_stand_under_the_name_of_their_format(alert_of: AlertOf, form: str) -> None:
    assert isinstance(log(alert_of(), made=made(format=form))[form], dict)


@pytest.mark.parametrize(
    ("age", "kept"),
    [(timedelta(hours=17), True), (timedelta(hours=17, seconds=1), False), (timedelta(), True), (-timedelta(1), False)],
)
def test_what_datadog_would_drop_for_its_age_has_the_time_of_arrival(
    alert_of: AlertOf, age: timedelta, *, kept: bool
) -> None:
    alert = alert_of(seen_at=NOW - age)
    assert ("timestamp" in log(alert)) is kept
    assert ("date_happened" in payload("datadog", alert, made=EVENTS)) is kept


def test_the_time_is_in_milliseconds_for_logs_and_seconds_for_events(alert_of: AlertOf) -> None:
    alert = alert_of(seen_at=datetime(2026, 5, 4, tzinfo=UTC))
    assert log(alert)["timestamp"] == 1777852800000
    assert payload("datadog", alert, made=EVENTS)["date_happened"] == 1777852800


def test_a_comma_begins_no_further_tag(alert_of: AlertOf) -> None:
    said = log(alert_of(rule="AR-1,env:prod"), made=made(tags="team:cloud, x"))
    assert said["ddtags"] == "source:optix,severity:high,alert_type:Policy,provider:AWS,rule:AR-1 env:prod,team:cloud,x"


def test_nobody_is_notified_by_a_name_in_an_event(alert_of: AlertOf) -> None:
    alert = alert_of(summary="@slack-all", resources=(Resource("@pagerduty", "OPEN"),), details="%%%\n@me\n%%%")
    said = payload("datadog", alert, made=EVENTS)
    assert "@s" not in said["title"]
    assert "@p" not in said["text"]
    assert not said["text"].startswith("%")


def test_events_of_one_incident_have_one_key(alert_of: AlertOf) -> None:
    assert payload("datadog", alert_of(), made=EVENTS)["aggregation_key"] == alert_of().key


@pytest.mark.parametrize("sign", ["x", "🪣", "@", "\n"])
def test_the_worst_alert_of_all_stays_within_the_limits(alert_of: AlertOf, sign: str) -> None:
    alert = alert_of(**huge(sign))
    said = payload("datadog", alert, made=EVENTS)
    assert utf16_units(said["title"]) <= 500
    assert utf16_units(said["text"]) <= 4000
    assert "more" in said["text"]
    assert len(sent("datadog", alert).body) < 1_000_000


def test_a_huge_log_stays_below_the_megabyte_at_which_datadog_cuts(alert_of: AlertOf) -> None:
    body = sent("datadog", alert_of(resources=tuple(Resource(f"{n}" * 50, "OPEN") for n in range(9000)))).body
    assert 800_000 < len(body) < 1_000_000
    assert json.loads(body)[0]["alert"]["left_out"]["resources"] > 0


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (202, b"{}", OutcomeClass.OK),
        (202, b'{"status":"ok","event":{"id":42}}', OutcomeClass.OK),
        (200, b"<html>", OutcomeClass.RETRY),
        (400, b'{"errors":["Invalid query parameter"]}', OutcomeClass.REJECTED),
        (401, b"", OutcomeClass.AUTH),
        (403, b'{"errors":[{"title":"Forbidden","detail":"no"}]}', OutcomeClass.AUTH),
        (408, b"", OutcomeClass.RETRY),
        (413, b"", OutcomeClass.TOO_LARGE),
        (429, b"", OutcomeClass.RATE_LIMITED),
        (500, b"", OutcomeClass.RETRY),
        (503, b'{"errors":{}}', OutcomeClass.RETRY),
    ],
)
def test_what_datadog_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert outcome("datadog", status, body).kind is kind


def test_what_datadog_says_of_it_is_kept() -> None:
    assert outcome("datadog", 202, b'{"event":{"id":42}}').reference == "42"
    said = outcome("datadog", 403, b'{"errors":[{"title":"Forbidden","detail":"no such key"}]}')
    assert said.reason == "403 Forbidden: Forbidden: no such key"


@pytest.mark.parametrize(
    ("headers", "hint_s"),
    [({"x-ratelimit-reset": "12"}, 12), ({"retry-after": "3", "x-ratelimit-reset": "12"}, 3), ({}, None)],
)
def test_the_wait_after_a_429_is_in_a_header_of_their_own(headers: dict[str, str], hint_s: float | None) -> None:
    assert outcome("datadog", 429, b"", headers).hint_s == hint_s


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": "a b"},
        {"site": "https://datadoghq.com"},
        {"site": "a/b"},
        {"site": "evil.example#"},
        {"tags": "a\nb"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        made(**wrong)
