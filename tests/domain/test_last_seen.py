from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.alert import JSON
from gateway.domain.last_seen import read_moment

AFTERNOON = datetime(2020, 11, 2, 15, 56, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Nov 2, 2020 3:56:18 PM", id="Java 8"),
        pytest.param("Nov 2, 2020, 3:56:18 PM", id="Java 9"),
        pytest.param("Nov 2, 2020, 3:56:18\u202fPM", id="Java 20, narrow blank"),
        pytest.param("Nov 2, 2020, 3:56:18\u00a0PM", id="unbreakable blank"),
        pytest.param("  nov 02, 2020 03:56:18 pm ", id="other case and blanks"),
        pytest.param("November 2, 2020 3:56:18 p.m.", id="long names"),
        pytest.param("2 Nov 2020, 15:56:18", id="day first, 24 hours"),
        pytest.param("Nov 2, 2020, 3:56:18 PM UTC", id="Java with a zone"),
        pytest.param("2020-11-02 15:56:18 (UTC)", id="Sentinel feed"),
        pytest.param("2020-11-02 15:56:18 UTC", id="zone in words"),
        pytest.param("2020-11-02T15:56:18Z", id="ISO"),
        pytest.param("2020-11-02t15:56:18z", id="ISO in lower case"),
        pytest.param("2020-11-02T15:56:18", id="ISO without zone"),
        pytest.param("2020-11-02T17:56:18+02:00", id="ISO with offset"),
        pytest.param("2020-11-02T10:26:18-0530", id="ISO with offset without colon"),
        pytest.param("2020-11-02 16:56:18 +0100", id="offset after a blank"),
        pytest.param("2020-11-02T15:56:18Z[UTC]", id="Java zone in brackets"),
        pytest.param("20201102T155618Z", id="ISO basic"),
        pytest.param(1604332578, id="seconds"),
        pytest.param("1604332578", id="seconds as text"),
        pytest.param(1604332578.0, id="seconds as float"),
        pytest.param(1604332578000, id="milliseconds"),
        pytest.param("1604332578000", id="milliseconds as text"),
    ],
)
def test_every_known_form_means_the_same_moment(value: JSON) -> None:
    assert read_moment(value) == AFTERNOON


@pytest.mark.parametrize(
    ("value", "microsecond"),
    [
        ("2020-11-02T15:56:18.5Z", 500_000),
        ("2020-11-02T15:56:18.123456789Z", 123_456),
        ("2020-11-02T15:56:18,250Z", 250_000),
        (1604332578250, 250_000),
        ("1604332578.25", 250_000),
        (1604332578.25, 250_000),
    ],
)
def test_fractions_of_a_second_are_kept_to_the_microsecond(value: JSON, microsecond: int) -> None:
    assert read_moment(value) == AFTERNOON.replace(microsecond=microsecond)


@pytest.mark.parametrize(
    ("clock", "hour"),
    [("12:00:00 AM", 0), ("12:00:00 PM", 12), ("1:00:00 AM", 1), ("11:00:00 PM", 23), ("0:00:00 AM", 0)],
)
def test_noon_and_midnight_are_told_apart(clock: str, hour: int) -> None:
    assert read_moment(f"Feb 2, 2026 {clock}") == datetime(2026, 2, 2, hour, tzinfo=UTC)


@pytest.mark.parametrize("number", range(1, 13))
def test_every_month_is_known(number: int) -> None:
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][number - 1]
    assert read_moment(f"{month} 1, 2026 1:02:03 AM") == datetime(2026, number, 1, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, "", "   ", "yesterday", "Nov 2, 2020", "Nov 31, 2020 3:56:18 PM", "Nov 2, 2020 13:56:18 PM",
        "Foo 2, 2020 3:56:18 PM", "Nov 2, 2020 3:56:18 XM", "Nov 2, 2020 3 PM", "Nov 2, 99999 3:56:18 PM",
        "Nov 2, 2020 3:56:1_8 PM", "2020-12-01 09:17:40 (PST)", "2020-13-01T00:00:00Z", -5, "-5", 1e300, 10**40,
        "9" * 63, "9" * 5000, "0001-01-01T00:00:00+05:00", [], {}, "Nov -2, 2020 3:56:18 PM",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_nothing(value: JSON) -> None:
    assert read_moment(value) is None


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_no_value_raises_and_every_moment_is_in_utc(value: JSON) -> None:
    moment = read_moment(value)
    assert moment is None or moment.tzinfo is UTC


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(5000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants bounds without a zone
def test_iso_and_milliseconds_are_read_exactly(moment: datetime) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert read_moment(moment.isoformat()) == moment
    milliseconds = int(moment.timestamp()) * 1000 + moment.microsecond // 1000
    if milliseconds >= 10**11:
        assert read_moment(milliseconds) == moment
