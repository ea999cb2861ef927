from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import load
from gateway.destinations.alerta import AlertaSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.notify import EVERYTHING
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import SUPPRESSED, by_score, huge, outcome, payload, sent, texts

KIND = "alerta"
AlertOf = Callable[..., Alert]


def settings_with(**keys: object) -> AlertaSettings:
    return AlertaSettings.model_validate({"url": "http://alerta/api"} | keys)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_lacks_what_alerta_requires(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    said = payload(KIND, data.draw(alerts))
    assert all(said[name].strip() for name in ("resource", "event", "environment"))
    assert said["service"]
    assert not [name for name in said["attributes"] if "." in name or "$" in name]
    assert utf16_units(said["text"]) <= 1000
    assert utf16_units(said["attributes"]["report"]) <= 20_000


@pytest.mark.parametrize("sign", ["x", "🪣", "<", "\n"])
def test_the_worst_alert_of_all_is_cut(alert_of: AlertOf, sign: str) -> None:
    said = payload(KIND, alert_of(**huge(sign)))
    assert utf16_units(said["resource"]) <= 255
    assert utf16_units(said["attributes"]["report"]) <= 20_000


@pytest.mark.parametrize(("length", "whole"), [(255, True), (256, False)])
def test_a_resource_is_cut_only_beyond_255(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    resource = payload(KIND, alert_of(environment="x" * length))["resource"]
    assert resource.endswith("x") is whole
    assert len(resource) == 255


def test_a_suppressed_alert_is_cleared_under_the_same_environment_resource_and_event(alert_of: AlertOf) -> None:
    opened, closed = payload(KIND, alert_of()), payload(KIND, alert_of(resources=SUPPRESSED))
    assert (opened["severity"], closed["severity"]) == ("major", "cleared")
    for name in ("environment", "resource", "event"):
        assert opened[name] == closed[name]
    assert opened["event"] == alert_of().key
    assert sent(KIND, alert_of()).headers == sent(KIND, alert_of(resources=SUPPRESSED)).headers
    assert ("Authorization", "Key example-key-not-real") in sent(KIND, alert_of()).headers


@pytest.mark.parametrize(("score", "expected"), by_score("warning", "minor", "major", "critical", "minor"))
def test_severity_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    said = payload(KIND, alert_of(score=score, severity=severity_of(score)))
    assert (said["severity"], said["value"]) == (expected, "n/a" if score is None else str(score))


def test_an_alert_expires_a_day_and_two_hours_after_its_last_repeat(alert_of: AlertOf) -> None:
    assert payload(KIND, alert_of())["timeout"] == 26 * 3600
    assert payload(KIND, alert_of(), made=settings_with(timeout_hours=0))["timeout"] == 0
    assert load(KIND).notify == EVERYTHING, "repeats start the time anew"


def test_a_follow_up_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    said = payload(KIND, now, before=alert_of())
    assert said["text"].endswith("; 1 new of 2 open")
    assert said["attributes"]["report"].startswith("Changed: 1 new of 2 open\n+ bucket-2\n")


def test_hostile_text_is_no_tag(alert_of: AlertOf) -> None:
    tag = "<img src=x onerror=alert(1)>"
    hostile = alert_of(summary=tag, details=tag, rule=tag, environment=tag, policy_labels=(tag,), provider=tag)
    assert not [text for text in texts(payload(KIND, hostile)) if "<img" in text]


def test_an_alerta_that_asks_for_no_key_gets_none(alert_of: AlertOf) -> None:
    message = sent(KIND, alert_of(), made=settings_with())
    assert message.url == "http://alerta/api/alert"
    assert "Authorization" not in dict(message.headers)


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (201, b'{"status":"ok","id":"a-1","alert":{}}', Class.OK, "201 Created"),
        (
            202,
            b'{"status":"ok","id":"a-1","message":"Suppressed alert during blackout period"}',
            Class.OK,
            "202 Accepted: Suppressed alert during blackout period",
        ),
        (200, b"<html>", Class.RETRY, "200 OK, but Alerta takes an alert with 201 or 202"),
        (400, b'{"message":"Missing mandatory value"}', Class.REJECTED, "400 Bad Request: Missing mandatory value"),
        (401, b'{"message":"API key is invalid"}', Class.AUTH, "401 Unauthorized: API key is invalid"),
        (403, b'{"message":"Missing required scope"}', Class.AUTH, "403 Forbidden: Missing required scope"),
        (
            403,
            b'{"message":"[POLICY] Alert environment does not match one of Production"}',
            Class.REJECTED,
            "403 Forbidden: [POLICY] Alert environment does not match one of Production",
        ),
        (429, b'{"message":"too many"}', Class.RATE_LIMITED, "429 Too Many Requests: too many"),
        (500, b'{"message":"sorry"}', Class.RETRY, "500 Internal Server Error: sorry"),
    ],
)
def test_what_alerta_answers_is_understood(status: int, body: bytes, kind: Class, reason: str) -> None:
    found = outcome(KIND, status, body)
    assert (found.kind, found.reason) == (kind, reason)
    assert found.reference == ("a-1" if kind is Class.OK else "")


@pytest.mark.parametrize("wrong", [{"url": "alerta"}, {"api_key": "a b"}, {"environment": ""}, {"timeout_hours": -1}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings_with(**wrong)
