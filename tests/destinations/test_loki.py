from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations import Context
from gateway.destinations.loki import LokiSettings, format_message, read
from gateway.domain.alert import Alert, Resource
from gateway.domain.message import HttpAnswer, HttpRequest
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of

NOW = datetime(2026, 5, 4, 3, 2, 1, 123_456, tzinfo=UTC)
AlertOf = Callable[..., Alert]


def sent(alert: Alert, **more: Any) -> HttpRequest:
    made = LokiSettings.model_validate({"url": "https://loki.example:3100", **more})
    return format_message(alert, Context("dlv-1", "r", b"", NOW), made)


def stream(alert: Alert, **more: Any) -> Any:
    (only,) = json.loads(sent(alert, **more).body)["streams"]
    return only


def test_the_line_is_the_alert_as_json_at_the_time_of_sending(alert_of: AlertOf) -> None:
    ((at, line),) = stream(alert_of(seen_at=datetime(2020, 1, 1, tzinfo=UTC)))["values"]
    assert at == "1777863721123456000"
    assert json.loads(line)["seen_at"] == "2020-01-01T00:00:00Z"
    assert json.loads(line)["delivery_id"] == "dlv-1"


@pytest.mark.parametrize(
    ("score", "severity"),
    [(49, "low"), (50, "medium"), (79, "medium"), (80, "high"), (89, "high"), (90, "critical"), (None, "unknown")],
)
def test_only_what_has_few_values_is_a_label(alert_of: AlertOf, score: int | None, severity: str) -> None:
    made = stream(alert_of(score=score, severity=severity_of(score)), labels="env=prod, team=cloud security")
    assert made["stream"] == {
        "service_name": "optix-gateway",
        "source": "optix",
        "severity": severity,
        "env": "prod",
        "team": "cloud security",
    }


def test_tenant_and_credentials_are_headers(alert_of: AlertOf) -> None:
    headers = dict(sent(alert_of(), tenant="security", token="abc").headers)
    assert (headers["X-Scope-OrgID"], headers["Authorization"]) == ("security", "Bearer abc")
    assert "X-Scope-OrgID" not in dict(sent(alert_of()).headers)


@pytest.mark.parametrize("sign", ["x", "🪣", '"', "\n"])
def test_a_line_stays_below_256_kb(alert_of: AlertOf, sign: str) -> None:
    alert = alert_of(resources=tuple(Resource(f"{n}{sign * 90}", "OPEN") for n in range(5000)))
    ((_, line),) = stream(alert)["values"]
    assert 225_000 < len(line.encode()) <= 250_000
    made = json.loads(line)
    assert made["left_out"]["resources"] + len(made["resources"]) == 5000


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (204, b"", OutcomeClass.OK, "204 No Content"),
        (200, b"<html>", OutcomeClass.RETRY, "200 OK, but Loki stores with 204"),
        (260, b"blocked", OutcomeClass.RETRY, "260, but Loki stores with 204"),
        (400, b"entry too far\nbehind", OutcomeClass.REJECTED, "400 Bad Request: entry too far behind"),
        (400, b"Max entry size exceeded", OutcomeClass.TOO_LARGE, "400 Bad Request: Max entry size exceeded"),
        (401, b"no org id", OutcomeClass.AUTH, "401 Unauthorized: no org id"),
        (429, b"Ingestion rate limit", OutcomeClass.RATE_LIMITED, "429 Too Many Requests: Ingestion rate limit"),
        (500, b"", OutcomeClass.RETRY, "500 Internal Server Error"),
        (503, b"", OutcomeClass.RETRY, "503 Service Unavailable"),
    ],
)
def test_what_loki_answers_is_understood(status: int, body: bytes, kind: OutcomeClass, reason: str) -> None:
    outcome = read(HttpAnswer(status, {}, body), NOW)
    assert (outcome.kind, outcome.reason) == (kind, reason)


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": "severity=x"},
        {"labels": "a=1, a=2"},
        {"labels": "1a=x"},
        {"labels": "__a=x"},
        {"labels": "a"},
        {"labels": "a="},
        {"labels": "a-b=x"},
        {"labels": "a=" + "x" * 1025},
        {"labels": ",".join(f"l{n}=x" for n in range(11))},
        {"tenant": "a\nb"},
        {"token": "a", "username": "u", "password": "p"},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        LokiSettings.model_validate({"url": "https://loki.example"} | wrong)


def test_as_many_and_as_long_labels_as_there_may_be_are_taken() -> None:
    labels = ",".join(f"l{n}={'x' * 1024}" for n in range(10))
    assert len(LokiSettings.model_validate({"url": "https://loki.example", "labels": labels}).labels) == 10
