from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.destinations.newrelic import NewRelicSettings
from gateway.domain.alert import Alert, Resource
from gateway.domain.outcome import OutcomeClass
from gateway.domain.severity import severity_of
from gateway.domain.text import utf16_units
from tests.destinations.on_call import NOW, by_score, huge, outcome, payload, sent

AlertOf = Callable[..., Alert]


def log(alert: Alert, **more: Any) -> Any:
    (block,) = payload("newrelic", alert, **more)
    (only,) = block["logs"]
    return only


def test_a_log_has_flat_attributes_only(alert_of: AlertOf) -> None:
    found = log(alert_of(details="why", resources=(Resource("b", "OPEN", {"a": [1]}),)))["attributes"]
    assert all(isinstance(value, str | int | float) for value in found.values())
    assert found["optix.incident"] == alert_of().key
    assert found["optix.delivery"] == "d-1"
    assert not {"accountId", "eventType", "timestamp", "message"} & set(found)


@pytest.mark.parametrize(
    ("score", "severity"), by_score(low="low", medium="medium", high="high", critical="critical", unknown="unknown")
)
def test_the_level_is_the_band(alert_of: AlertOf, score: int | None, severity: str) -> None:
    assert log(alert_of(score=score, severity=severity_of(score)))["attributes"]["level"] == severity


@pytest.mark.parametrize(
    ("age", "kept"),
    [(timedelta(hours=47), True), (timedelta(hours=47, seconds=1), False), (timedelta(), True), (-timedelta(1), False)],
)
def test_what_would_be_dropped_for_its_age_has_the_time_of_arrival(
    alert_of: AlertOf, age: timedelta, *, kept: bool
) -> None:
    assert ("timestamp" in log(alert_of(seen_at=NOW - age))) is kept


@pytest.mark.parametrize("sign", ["x", "🪣", "\n"])
def test_the_worst_alert_of_all_stays_within_the_limits(alert_of: AlertOf, sign: str) -> None:
    found = log(alert_of(**huge(sign)))
    assert utf16_units(found["message"]) <= 31_001
    assert len(found["attributes"]) < 255
    assert max(utf16_units(value) for value in found["attributes"].values() if isinstance(value, str)) <= 4094
    assert len(sent("newrelic", alert_of(**huge(sign))).body) < 1_000_000


def test_a_value_fills_its_4094_characters_and_is_cut_one_over(alert_of: AlertOf) -> None:
    full, over = (log(alert_of(rule="x" * length))["attributes"]["optix.rule"] for length in (4094, 4095))
    assert (full, over) == ("x" * 4094, "x" * 4093 + "…")


def test_a_follow_up_says_what_changed(alert_of: AlertOf) -> None:
    found = log(alert_of(), before=alert_of(resources=(Resource("old", "OPEN"),)))
    assert found["attributes"]["optix.changed"] == "1 new of 1 open, 1 gone"


def test_the_key_is_a_header(alert_of: AlertOf) -> None:
    message = sent("newrelic", alert_of(), made=NewRelicSettings.model_validate({"license_key": "abc"}))
    assert message.url == "https://log-api.newrelic.com/log/v1"
    assert ("Api-Key", "abc") in message.headers
    assert b"abc" not in message.body


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (202, OutcomeClass.OK),
        (200, OutcomeClass.RETRY),
        (400, OutcomeClass.REJECTED),
        (403, OutcomeClass.AUTH),
        (408, OutcomeClass.RETRY),
        (413, OutcomeClass.TOO_LARGE),
        (429, OutcomeClass.RATE_LIMITED),
        (500, OutcomeClass.RETRY),
    ],
)
def test_what_new_relic_answers_is_understood(status: int, kind: OutcomeClass) -> None:
    assert outcome("newrelic", status, b'{"message":"no"}').kind is kind


def test_the_id_of_the_request_is_kept() -> None:
    assert outcome("newrelic", 202, b'{"requestId":"f00"}').reference == "f00"


@pytest.mark.parametrize("wrong", [{"license_key": "a b"}, {"url": "x"}, {"service": ""}])
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        NewRelicSettings.model_validate({"license_key": "abc"} | wrong)
