from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.destinations.incidentio import IncidentIoSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass as Class
from gateway.domain.severity import severity_of
from tests.destinations.on_call import SUPPRESSED, by_score, huge, outcome, payload, sent

KIND = "incidentio"
URL = "https://api.incident.io/v2/alert_events/http/01EXAMPLE"
MOST_BYTES = 512 * 1024
AlertOf = Callable[..., Alert]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_alert_makes_an_event_over_the_limit(alerts: st.SearchStrategy[Alert], data: st.DataObject) -> None:
    alert = data.draw(alerts)
    for shrink in (False, True):
        assert len(sent(KIND, alert, shrink=shrink).body) <= MOST_BYTES
        assert payload(KIND, alert, shrink=shrink)["title"].strip()


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "<", "\n"])
def test_the_worst_alert_of_all_still_fits(alert_of: AlertOf, sign: str) -> None:
    assert len(sent(KIND, alert_of(**huge(sign))).body) <= MOST_BYTES


@pytest.mark.parametrize(("length", "whole"), [(300, True), (301, False)])
def test_a_title_is_cut_only_beyond_300(alert_of: AlertOf, *, length: int, whole: bool) -> None:
    title = payload(KIND, alert_of(summary="x" * (length - len("High: "))))["title"]
    assert title.endswith("x") is whole
    assert len(title) == 300


def test_resources_fill_the_description_and_the_rest_is_counted(alert_of: AlertOf) -> None:
    alert = alert_of(resources=tuple(Resource(f"bucket{number:04}", "OPEN") for number in range(3000)))
    described = payload(KIND, alert)["description"]
    assert described.endswith(f"\n+{3000 - described.count('- bucket')} more")
    assert len(described) > 19_900


def test_a_suppressed_alert_resolves_what_it_fired_with_the_same_token(alert_of: AlertOf) -> None:
    opened, closed = payload(KIND, alert_of()), payload(KIND, alert_of(resources=SUPPRESSED))
    assert (opened["status"], closed["status"]) == ("firing", "resolved")
    assert opened["deduplication_key"] == closed["deduplication_key"] == alert_of().key
    assert sent(KIND, alert_of()).headers == sent(KIND, alert_of(resources=SUPPRESSED)).headers
    assert ("Authorization", "Bearer exampletokennotreal") in sent(KIND, alert_of()).headers


def test_a_token_in_the_url_needs_no_header(alert_of: AlertOf) -> None:
    message = sent(KIND, alert_of(), made=IncidentIoSettings.model_validate({"url": f"{URL}?token=t"}))
    assert message.url == f"{URL}?token=t"
    assert "Authorization" not in dict(message.headers)


@pytest.mark.parametrize(("score", "expected"), by_score("low", "medium", "high", "critical", "unknown"))
def test_severity_is_metadata(alert_of: AlertOf, score: int | None, expected: str) -> None:
    said = payload(KIND, alert_of(score=score, severity=severity_of(score)))["metadata"]
    assert (said["severity"], said["score"]) == (expected, score)


def test_a_follow_up_says_what_changed(alert_of: AlertOf) -> None:
    now = alert_of(resources=(Resource("bucket", "OPEN"), Resource("bucket-1", "OPEN")))
    said = payload(KIND, now, before=alert_of())
    assert said["metadata"]["changed"] == "1 new of 2 open"
    assert said["description"].startswith("- Changed: 1 new of 2 open\n- \\+ bucket\n\n- Severity: High")


def test_hostile_text_is_no_mention_no_link_and_no_markup(alert_of: AlertOf) -> None:
    said = payload(KIND, alert_of(summary="<!channel>", details="[bank](http://evil) @here **x** <!channel>"))
    assert "<!" not in said["title"] + said["description"]
    assert "@here" not in said["description"]
    assert r"\[bank\]" in said["description"]
    assert r"\*\*x\*\*" in said["description"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (
            202,
            b'{"status":"success","deduplication_key":"k","message":"Event accepted for processing"}',
            Class.OK,
            "202 Accepted",
        ),
        (
            202,
            b'{"status":"error","message":"not now"}',
            Class.RETRY,
            "202 Accepted, but incident.io accepts with 202 and success: not now",
        ),
        (200, b"<html>", Class.RETRY, "200 OK, but incident.io accepts with 202 and success"),
        (
            401,
            b'{"type":"authentication_error","errors":[{"message":"bad token"}]}',
            Class.AUTH,
            "401 Unauthorized: bad token",
        ),
        (404, b"", Class.GONE, "404 Not Found"),
        (
            422,
            b'{"errors":[{"message":"title is missing"}]}',
            Class.REJECTED,
            "422 Unprocessable Entity: title is missing",
        ),
        (429, b"", Class.RATE_LIMITED, "429 Too Many Requests"),
        (500, b'{"message":"sorry","errors":["a"]}', Class.RETRY, "500 Internal Server Error: sorry: a"),
    ],
)
def test_what_incident_io_answers_is_understood(status: int, body: bytes, kind: Class, reason: str) -> None:
    found = outcome(KIND, status, body)
    assert (found.kind, found.reason.replace("Content", "Entity")) == (kind, reason)
    assert found.reference == ("k" if kind is Class.OK else "")


@pytest.mark.parametrize("wrong", [{}, {"url": "api.incident.io"}, {"url": URL, "token": "Bearer x"}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        IncidentIoSettings.model_validate(wrong)
