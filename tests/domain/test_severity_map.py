from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.domain.alert import Alert, Resource
from gateway.domain.severity import Severity, severity_of
from gateway.domain.severity_map import CEF, COLOUR, SYSLOG, SYSLOG_CLOSED, level


def alert(score: float | None, *states: str) -> Alert:
    return Alert(
        source="optix",
        event_type="ALERT",
        environment="444",
        alert_id="A-1",
        key="optix-0",
        severity=severity_of(score),
        resources=tuple(Resource("b", state) for state in states),
    )


@pytest.mark.parametrize(
    ("score", "syslog", "cef"),
    [(49, 5, 3), (50, 4, 5), (79, 4, 5), (80, 3, 8), (89, 3, 8), (90, 2, 10), (None, 4, 5)],
)
def test_each_band_has_its_place_on_each_scale(score: int | None, syslog: int, cef: int) -> None:
    assert (level(alert(score), SYSLOG), level(alert(score), CEF)) == (syslog, cef)


@pytest.mark.parametrize(("states", "expected"), [(["SUPPRESS"], SYSLOG_CLOSED), (["SUPPRESS", "OPEN"], 2), ([], 2)])
def test_only_what_is_wholly_suppressed_counts_as_closed(states: list[str], expected: int) -> None:
    assert level(alert(95, *states), SYSLOG, SYSLOG_CLOSED) == expected


@pytest.mark.parametrize("scale", [SYSLOG, CEF, COLOUR])
def test_no_severity_is_missing_from_a_scale(scale: Mapping[Severity, int]) -> None:
    assert set(scale) == set(Severity)


def test_a_scale_without_a_word_for_closed_keeps_the_severity() -> None:
    assert level(alert(95, "SUPPRESS"), CEF) == 10
