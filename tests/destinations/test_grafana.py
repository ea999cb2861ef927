from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations.grafana import GrafanaSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from tests.destinations.on_call import NOW, SUPPRESSED, by_score, huge, outcome, payload, sent

AlertOf = Callable[..., Alert]


def made(**more: str) -> GrafanaSettings:
    return GrafanaSettings.model_validate({"url": "https://grafana.example/", "token": "glsa_1", **more})


def said(alert: Alert, **more: Any) -> Any:
    return payload("grafana", alert, **more)


@pytest.mark.parametrize(
    ("score", "severity"), by_score(low="low", medium="medium", high="high", critical="critical", unknown="unknown")
)
def test_dashboards_can_ask_for_a_severity(alert_of: AlertOf, score: int | None, severity: str) -> None:
    tags = said(alert_of(score=score, severity=severity_of(score)), made=made(tags="cloud, prod"))["tags"]
    assert tags == ["optix", severity, "open", "Policy", "AWS", "cloud", "prod"]


def test_a_closed_alert_says_so(alert_of: AlertOf) -> None:
    found = said(alert_of(resources=SUPPRESSED))
    assert "suppressed" in found["tags"]
    assert found["text"].startswith("[SUPPRESSED]")


def test_it_is_marked_where_it_was_seen_and_else_where_it_was_sent(alert_of: AlertOf) -> None:
    assert said(alert_of(seen_at=datetime(2026, 1, 1, tzinfo=UTC)))["time"] == 1767225600000
    assert said(alert_of())["time"] == int(NOW.timestamp() * 1000)


def test_it_can_stand_on_one_panel(alert_of: AlertOf) -> None:
    message = sent("grafana", alert_of(), made=made())
    assert message.url == "https://grafana.example/api/annotations"
    assert ("Authorization", "Bearer glsa_1") in message.headers
    assert not {"dashboardUID", "panelId"} & set(said(alert_of()))
    found = said(alert_of(), made=made(dashboard="abc", panel="3"))
    assert (found["dashboardUID"], found["panelId"]) == ("abc", 3)


def test_hostile_text_makes_no_element(alert_of: AlertOf) -> None:
    hostile = "<img src=x onerror=alert(1)> & \"<a href='http://evil'>x</a>"
    text = said(alert_of(summary=hostile, details=hostile, resources=(Resource(hostile, "OPEN"),)))["text"]
    assert text.count("<") == text.count(">") == 2  # our link
    assert "&lt;img" in text


@pytest.mark.parametrize("sign", ["x", "🪣", "<", "\n"])
def test_the_worst_alert_of_all_stays_within_the_limits(alert_of: AlertOf, sign: str) -> None:
    found = said(alert_of(**huge(sign)), made=made(tags=",".join(c * 50 for c in "abcd")))
    assert len(found["text"]) <= 500 + 4000 + 2100
    assert max(map(len, found["tags"])) <= 50
    assert sum(map(len, found["tags"])) + len(found["tags"]) <= 500


def test_resources_are_cut_with_a_true_count(alert_of: AlertOf) -> None:
    text = said(alert_of(resources=tuple(Resource(f"bucket-{n:04}", "OPEN") for n in range(900))))["text"]
    assert f"+{900 - text.count('- bucket-')} more" in text


def test_a_follow_up_says_what_changed(alert_of: AlertOf) -> None:
    found = said(alert_of(), before=alert_of(resources=(Resource("old", "OPEN"),)))
    assert "1 new of 1 open, 1 gone" in found["text"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"message":"Annotation added","id":1}', OutcomeClass.OK),
        (200, b"<html>sign in</html>", OutcomeClass.RETRY),
        (302, b"", OutcomeClass.REJECTED),
        (400, b'{"message":"bad request data"}', OutcomeClass.REJECTED),
        (401, b'{"message":"Unauthorized"}', OutcomeClass.AUTH),
        (403, b'{"message":"no permission"}', OutcomeClass.AUTH),
        (429, b"", OutcomeClass.RATE_LIMITED),
        (500, b'{"message":"Failed to save annotation"}', OutcomeClass.RETRY),
    ],
)
def test_what_grafana_answers_is_understood(status: int, body: bytes, kind: OutcomeClass) -> None:
    assert outcome("grafana", status, body).kind is kind


def test_the_id_of_the_annotation_and_what_grafana_says_are_kept() -> None:
    assert outcome("grafana", 200, b'{"id":42}').reference == "42"
    assert outcome("grafana", 403, b'{"message":"no permission"}').reason == "403 Forbidden: no permission"


@pytest.mark.parametrize(
    "wrong",
    [
        {"panel": "3"},
        {"panel": "0", "dashboard": "a"},
        {"dashboard": "a/b"},
        {"tags": "a,b,c,d,e"},
        {"tags": "x" * 51},
        {"token": ""},
        {"url": "https://u:p@grafana.example"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        made(**wrong)
