from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations.splunk_oncall import SplunkOnCallSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import SUPPRESSED, by_score, huge, outcome, payload, sent

KIND = "splunk-oncall"
URL = "https://alert.victorops.com/integrations/generic/20131114/alert/example-key-not-real/cloud-security"
AlertOf = Callable[..., Alert]


def overruns(alert: Alert, *, shrink: bool = False) -> list[str]:
    """Splunk On-Call's rules that a message breaks."""
    said = payload(KIND, alert, shrink=shrink)
    broken = ["message"] * (not 0 < utf16_units(said["state_message"]) <= 20_480)
    broken += ["name"] * (not said["entity_display_name"].strip())
    return broken + ["annotation"] * (len(said.get("vo_annotate.u.Cloud Optix", "")) > 1124)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_a_message_over_the_limit(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    assert overruns(alert) == []
    assert overruns(alert, shrink=True) == []


@pytest.mark.parametrize("sign", ["x", "🪣", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert overruns(alert_of(**huge(sign))) == []


@pytest.mark.parametrize(("length", "whole"), [(500, True), (501, False)])
def test_a_name_is_cut_only_beyond_500(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    name = payload(KIND, alert_of(summary="x" * (length - len("High: "))))["entity_display_name"]
    assert name.endswith("x") is whole
    assert len(name) == 500


def test_resources_fill_the_message_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket-{number:04}", "OPEN") for number in range(3000)))
    message = payload(KIND, alert)["state_message"]
    assert message.endswith(f"\n+{3000 - message.count('- bucket-')} more")
    assert len(message) > 19_900


def test_a_suppressed_alert_recovers_what_it_opened(alert_of: AlertOf) -> None:
    opened, closed = payload(KIND, alert_of()), payload(KIND, alert_of(resources=SUPPRESSED))
    assert (opened["message_type"], closed["message_type"]) == ("CRITICAL", "RECOVERY")
    assert opened["entity_id"] == closed["entity_id"] == alert_of().key
    assert sent(KIND, alert_of()).url == sent(KIND, alert_of(resources=SUPPRESSED)).url == URL


@pytest.mark.parametrize(("score", "expected"), by_score("INFO", "WARNING", "CRITICAL", "CRITICAL", "WARNING"))
def test_the_type_follows_the_score(alert_of: AlertOf, score: int | None, expected: str) -> None:
    assert payload(KIND, alert_of(score=score, severity=severity_of(score)))["message_type"] == expected


def test_a_follow_up_begins_with_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket-1", "OPEN"), Resource("bucket-2", "OPEN")))
    assert payload(KIND, now, before=alert_of())["state_message"].startswith("Changed: 1 new of 2 open\n+ bucket-2\n")
    assert payload(KIND, now)["state_message"].startswith("Severity: High (80 of 100)\n")


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (200, b'{"result":"success","entity_id":"k"}', Class.OK, "200 OK"),
        (
            200,
            b'{"result":"failure","message":"no such routing key"}',
            Class.REJECTED,
            "200 OK, but the result is failure: no such routing key",
        ),
        (200, b"<html>", Class.RETRY, "200 OK, but the answer is not Splunk On-Call's success"),
        (400, b'{"result":"failure","message":"bad"}', Class.REJECTED, "400 Bad Request: bad"),
        (404, b"", Class.GONE, "404 Not Found"),
        (429, b"", Class.RATE_LIMITED, "429 Too Many Requests"),
        (503, b"", Class.RETRY, "503 Service Unavailable"),
    ],
)
def test_what_splunk_on_call_answers_is_understood(status: int, body: bytes, kind: Class, reason: str) -> None:
    found = outcome(KIND, status, body)
    assert (found.kind, found.reason) == (kind, reason)
    assert found.reference == ("k" if kind is Class.OK else "")


@pytest.mark.parametrize(
    "wrong", ["https://alert.victorops.com/integrations/generic/1/alert/k/$routing_key", "a/b", ""]
)
def test_a_url_that_cannot_work_is_a_mistake(wrong: str) -> None:
    with pytest.raises(ValidationError):
        SplunkOnCallSettings.model_validate({"url": wrong})
