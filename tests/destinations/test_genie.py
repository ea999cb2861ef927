"""Opsgenie and Jira Service Management, which speak the same language."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations import load
from gateway.destinations.opsgenie import OpsgenieSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import SUPPRESSED, by_score, huge, outcome, payload, sent, texts

HOSTS = {"opsgenie": "https://api.opsgenie.com", "jsm": "https://api.atlassian.com/jsm/ops/integration"}
MOST = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100, "note": 25_000}
AlertOf = Callable[..., Alert]

both = pytest.mark.parametrize("kind", HOSTS)


def overruns(alert: Alert, *, shrink: bool = False) -> list[str]:
    """Opsgenie's rules that an alert breaks."""
    said = payload("opsgenie", alert, shrink=shrink)
    broken = [name for name, most in MOST.items() if name in said and not 0 < utf16_units(said[name].strip()) <= most]
    tags = said.get("tags", [])
    broken += ["tags"] * (len(tags) > 20) + ["tag"] * any(utf16_units(tag) > 50 for tag in tags)
    details = said.get("details", {})
    return broken + ["details"] * (sum(utf16_units(key + value) for key, value in details.items()) > 8000)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_one_that_opsgenie_refuses(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    assert overruns(alert) == []
    assert overruns(alert, shrink=True) == []


@pytest.mark.parametrize("sign", ["x", "🪣", "<", "\\", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert overruns(alert_of(**huge(sign))) == []


@pytest.mark.parametrize(("length", "whole"), [(130, True), (131, False)])
def test_a_message_is_cut_only_beyond_130(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    message = payload("opsgenie", alert_of(summary="x" * (length - len("High: "))))["message"]
    assert message.endswith("x") is whole
    assert len(message) == 130


def test_resources_fill_the_description_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket-{number:04}", "OPEN") for number in range(2000)))
    described = payload("opsgenie", alert)["description"]
    shown = described.count("- bucket-")
    assert "Affected resources (2000):\n\n- bucket-0000\n" in described
    assert described.endswith(f"\n+{2000 - shown} more")
    assert len(described) > 14_400


@both
def test_an_alert_is_created_under_its_key(alert_of: AlertOf, kind: str) -> None:
    message = sent(kind, alert_of())
    assert message.url == f"{HOSTS[kind]}/v2/alerts"
    assert json.loads(message.body)["alias"] == alert_of().key
    assert dict(message.headers)["Authorization"] == "GenieKey 00000000-example-0000-key0-notreal00000"


@both
def test_a_suppressed_alert_is_closed_by_the_alias_and_with_the_key_that_created_it(
    alert_of: AlertOf, kind: str
) -> None:
    message = sent(kind, alert_of(resources=SUPPRESSED), before=alert_of())
    assert message.url == f"{HOSTS[kind]}/v2/alerts/{alert_of().key}/close?identifierType=alias"
    assert message.headers == sent(kind, alert_of()).headers
    assert json.loads(message.body)["note"] == "[SUPPRESSED] High: A bucket is public; 1 suppressed, none left open"


@pytest.mark.parametrize(("score", "expected"), by_score("P4", "P3", "P2", "P1", "P3"))
def test_priority_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    assert payload("opsgenie", alert_of(score=score, severity=severity_of(score)))["priority"] == expected


def test_tags_are_whole_and_only_once(alert_of: AlertOf) -> None:
    said = payload("opsgenie", alert_of(policy_labels=("GDPR", "GDPR", "a, b", "\u200b")))
    assert said["tags"] == ["AWS", "Policy", "AR-251", "GDPR", "a b"]


def test_hostile_text_is_no_tag(alert_of: AlertOf) -> None:
    tag = "<a href='http://evil'>x</a>"
    assert not [text for text in texts(payload("opsgenie", alert_of(summary=tag, details=tag))) if "<a" in text]


def test_what_changed_comes_first_in_the_facts(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    said = payload("jsm", now, before=alert_of())
    assert said["details"]["Changed"] == "1 new of 2 open"
    link, changed = said["description"].split("\n\n")[:2]
    assert link.startswith("https://optix.sophos.com/")
    assert changed == "Changed: 1 new of 2 open\n+ bucket-2"


@both
@pytest.mark.parametrize(
    ("status", "body", "expected", "reason"),
    [
        (202, b'{"result":"Request will be processed","took":0.3,"requestId":"r-1"}', Class.OK, "202 Accepted: queued"),
        (200, b"<html>", Class.RETRY, "200 OK, but alerts are accepted with 202"),
        (401, b'{"message":"Could not authenticate"}', Class.AUTH, "401 Unauthorized: Could not authenticate"),
        (403, b'{"message":"You are not authorized"}', Class.AUTH, "403 Forbidden: You are not authorized"),
        (
            422,
            b'{"message":"Request body is not processable.","errors":{"message":"Message can not be empty."}}',
            Class.REJECTED,
            "422 Unprocessable Entity: Request body is not processable.: Message can not be empty.",
        ),
        (429, b'{"message":"TooManyRequests"}', Class.RATE_LIMITED, "429 Too Many Requests: TooManyRequests"),
        (503, b"", Class.RETRY, "503 Service Unavailable"),
    ],
)
def test_what_is_answered_is_understood(kind: str, status: int, body: bytes, expected: Class, reason: str) -> None:
    found = outcome(kind, status, body)
    assert (found.kind, found.reason) == (expected, reason)
    assert found.reference == ("r-1" if expected is Class.OK else "")


def test_a_limit_lasts_for_the_window_that_is_full() -> None:
    second = {"x-ratelimit-state": "THROTTLED", "x-ratelimit-reason": "ACCOUNT", "x-ratelimit-period-in-sec": "1"}
    assert outcome("opsgenie", 429, headers=second).hint_s == 1
    assert outcome("opsgenie", 429, headers=second | {"retry-after": "9"}).hint_s == 9
    assert outcome("opsgenie", 429).hint_s == 60


def test_an_account_in_the_eu_has_a_host_of_its_own(alert_of: AlertOf) -> None:
    made = OpsgenieSettings.model_validate({"url": "https://api.eu.opsgenie.com/", "api_key": "k"})
    assert sent("opsgenie", alert_of(), made=made).url == "https://api.eu.opsgenie.com/v2/alerts"


@both
@pytest.mark.parametrize(
    "wrong", [{}, {"api_key": ""}, {"api_key": "a b"}, {"api_key": "a", "url": "api.opsgenie.com"}]
)
def test_settings_that_cannot_work_are_mistakes(kind: str, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        load(kind).settings.model_validate(wrong)
