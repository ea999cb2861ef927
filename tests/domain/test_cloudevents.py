from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.domain.alert import Alert
from gateway.domain.cloudevents import attributes, binary_headers
from gateway.domain.severity import Severity

NOW = datetime(2026, 5, 4, 3, 2, 1, 5, tzinfo=UTC)


def alert(environment: str = "444", alert_id: str = "A-1", seen_at: datetime | None = None) -> Alert:
    return Alert("optix", "ALERT", environment, alert_id, "optix-0", Severity.HIGH, seen_at=seen_at)


@pytest.mark.parametrize(
    ("environment", "source"),
    [
        ("444", "/optix/optix/444"),
        ("https://github.com/acme/x?y#z", "/optix/optix/https%3A%2F%2Fgithub.com%2Facme%2Fx%3Fy%23z"),
        ("é /..", "/optix/optix/%C3%A9%20%2F.."),
        ("\ud800", "/optix/optix/%3F"),
    ],
)
def test_the_environment_stays_one_segment_of_the_source(environment: str, source: str) -> None:
    assert attributes(alert(environment), "id-1", NOW)["source"] == source


def test_the_time_is_when_it_was_seen_or_else_when_it_is_sent() -> None:
    assert attributes(alert(), "id-1", NOW)["time"] == "2026-05-04T03:02:01.000005Z"
    seen = datetime(2020, 11, 2, 15, 56, 18, tzinfo=UTC)
    assert attributes(alert(seen_at=seen), "id-1", NOW)["time"] == "2020-11-02T15:56:18Z"


def test_attributes_stay_short_whatever_the_alert_calls_itself() -> None:
    first, second = (attributes(alert("🪣" * 4000 + end, "🪣" * 4000), "id-1", NOW) for end in "ab")
    assert sum(len(value.encode()) for value in first.values()) < 3000
    assert first["source"] != second["source"]
    assert attributes(alert("x" * 1024, "y" * 1024), "id-1", NOW)["source"] == f"/optix/optix/{'x' * 1024}"
    assert attributes(alert("x" * 1024, "y" * 1024), "id-1", NOW)["subject"] == "y" * 1024


def test_an_empty_subject_is_left_out() -> None:
    assert "subject" not in attributes(alert(alert_id=""), "id-1", NOW)


def test_header_values_are_percent_encoded_as_the_binding_says() -> None:
    headers = dict(binary_headers({"subject": 'Euro € 😀 "q" 100%', "datacontenttype": "application/json"}))
    assert headers["ce-subject"] == "Euro%20%E2%82%AC%20%F0%9F%98%80%20%22q%22%20100%25"
    assert headers["Content-Type"] == "application/json"
