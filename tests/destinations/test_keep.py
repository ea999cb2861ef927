from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations.keep import KeepSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import SUPPRESSED, by_score, huge, outcome, payload, sent

KIND = "keep"
AlertOf = Callable[..., Alert]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_lacks_what_keep_requires(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    said = payload(KIND, data.draw(alerts))
    assert all(said[name].strip() for name in ("name", "status", "severity", "lastReceived", "service", "message"))
    assert utf16_units(said["description"]) <= 20_000
    assert len(said.get("url", "")) <= 65_536


@pytest.mark.parametrize("sign", ["x", "🪣", "<", "\n"])
def test_the_worst_alert_of_all_is_cut(alert_of: AlertOf, sign: str) -> None:
    assert utf16_units(payload(KIND, alert_of(**huge(sign)))["description"]) <= 20_000


@pytest.mark.parametrize(("length", "whole"), [(300, True), (301, False)])
def test_a_name_is_cut_only_beyond_300(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    name = payload(KIND, alert_of(summary="x" * (length - len("High: "))))["name"]
    assert name.endswith("x") is whole
    assert len(name) == 300


def test_a_suppressed_alert_resolves_what_it_fired(alert_of: AlertOf) -> None:
    opened, closed = sent(KIND, alert_of()), sent(KIND, alert_of(resources=SUPPRESSED))
    assert opened.url == closed.url == f"https://api.keephq.dev/alerts/event?fingerprint={alert_of().key}"
    assert opened.headers == closed.headers
    assert ("X-API-KEY", "00000000-example-0000-key0-notreal00000") in opened.headers
    first, last = payload(KIND, alert_of()), payload(KIND, alert_of(resources=SUPPRESSED))
    assert (first["status"], last["status"]) == ("firing", "resolved")
    assert first["fingerprint"] == last["fingerprint"] == alert_of().key


@pytest.mark.parametrize(("score", "expected"), by_score("low", "warning", "high", "critical", "warning"))
def test_severity_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    assert payload(KIND, alert_of(score=score, severity=severity_of(score)))["severity"] == expected


def test_a_follow_up_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket", "OPEN"), Resource("bucket-1", "OPEN")))
    said = payload(KIND, now, before=alert_of())
    assert said["message"] == "1 new of 2 open"
    assert said["description"].startswith("- Changed: 1 new of 2 open\n- \\+ bucket\n")
    assert payload(KIND, now)["message"] == "High: A bucket is public"


def test_hostile_text_is_no_markup(alert_of: AlertOf) -> None:
    described = payload(KIND, alert_of(details="[bank](http://evil) **x**"))["description"]
    assert r"\[bank\]" in described
    assert r"\*\*x\*\*" in described


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason", "reference"),
    [
        (202, b'{"task_name":"t-1"}', Class.OK, "202 Accepted", "t-1"),
        (201, b"{}", Class.OK, "201 Created", ""),
        (200, b"<html>", Class.RETRY, "200 OK, but Keep takes an event with 202", ""),
        (401, b'{"detail":"Invalid API Key"}', Class.AUTH, "401 Unauthorized: Invalid API Key", ""),
        (403, b'{"detail":"You don\'t have the required scopes"}', Class.AUTH, "403 Forbidden: You don't have", ""),
        (422, b'{"detail":[{"msg":"field required"}]}', Class.REJECTED, "422 Unprocessable", ""),
        (429, b"", Class.RATE_LIMITED, "429 Too Many Requests", ""),
        (500, b"", Class.RETRY, "500 Internal Server Error", ""),
    ],
)
def test_what_keep_answers_is_understood(status: int, body: bytes, kind: Class, reason: str, reference: str) -> None:
    found = outcome(KIND, status, body)
    assert (found.kind, found.reference) == (kind, reference)
    assert found.reason.startswith(reason)


@pytest.mark.parametrize("wrong", [{}, {"api_key": ""}, {"api_key": "a", "url": "keep"}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        KeepSettings.model_validate(wrong)
