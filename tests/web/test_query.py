from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.domain.delivery import State
from gateway.domain.query import PAGE, AlertSelection, Selection
from gateway.web import query
from gateway.web.refusal import Refusal

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
HOUR_US = 3_600_000_000


def deliveries(*pairs: tuple[str, str]) -> Selection:
    return query.delivery_selection(query.given(pairs, query.DELIVERY_WORDS), NOW_US)


def alerts(*pairs: tuple[str, str]) -> AlertSelection:
    return query.alert_selection(query.given(pairs, query.ALERT_WORDS), NOW_US)


def test_lists_may_be_written_with_commas_or_by_repetition() -> None:
    wanted = (State.DEAD, State.PARKED)
    assert deliveries(("state", "dead,parked")).states == wanted
    assert deliveries(("state", "dead"), ("state", " Parked,dead ")).states == wanted
    assert deliveries(("route", "a,b"), ("route", "c")).routes == ("a", "b", "c")


def test_every_word_reaches_its_part_of_the_selection() -> None:
    found = deliveries(
        ("ids", "x-1.soc"), ("state", "dead"), ("route", "soc"), ("alert", "x-1"), ("environment", "4441"),
        ("severity", "HIGH"), ("type", "Policy"), ("rule", "AR-251"), ("since", "2h"), ("until", "1h"),
    )  # fmt: skip
    assert found == Selection(
        ids=("x-1.soc",), states=(State.DEAD,), routes=("soc",), alert="x-1", environment="4441", severity="high",
        alert_type="Policy", rule="AR-251", since_us=NOW_US - 2 * HOUR_US, until_us=NOW_US - HOUR_US,
    )  # fmt: skip
    assert alerts(
        ("source", "optix"), ("alert_id", "9"), ("key", "optix-1"), ("held", "true"), ("alert_type", "IaC")
    ) == AlertSelection(source="optix", alert_id="9", key="optix-1", held=True, alert_type="IaC")


@pytest.mark.parametrize(
    ("text", "hours_ago"),
    [
        ("2h", 2), ("-2h", 2), ("2h ago", 2), ("120m", 2), ("7200s", 2), ("7200000ms", 2), ("1d", 24),
        ("2026-11-24T10:00:00Z", 2), ("2026-11-24T10:00:00", 2), ("2026-11-24T11:00:00+01:00", 2),
        ("2026-11-24T11:00:00 01:00", 2), ("2026-11-24T05:00:00-05:00", 2), ("2026-11-24", 12), ("2026-11-24 10:00", 2),
    ],
)  # fmt: skip
def test_times_are_iso_8601_or_how_long_ago(text: str, hours_ago: int) -> None:
    assert query.moment_us(text, NOW_US) == NOW_US - hours_ago * HOUR_US


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("staet", "dead", "did you mean state?"),
        ("Route", "soc", "did you mean route?"),
        ("colour", "red", "there are ids, state, route"),
        ("state", "dedd", "did you mean dead?"),
        ("severity", "hihg", "did you mean high?"),
        ("since", "yesterday", "ISO 8601"),
        ("since", "9999999999999999h", "ISO 8601"),
        ("until", "2026-13-01", "ISO 8601"),
    ],
)
def test_mistakes_are_refused_with_what_was_probably_meant(name: str, value: str, hint: str) -> None:
    with pytest.raises(Refusal) as refused:
        deliveries((name, value))
    assert refused.value.status == 400
    assert hint in refused.value.hint


def test_a_single_value_given_twice_is_refused() -> None:
    with pytest.raises(Refusal, match="alert is given 2 times"):
        deliveries(("alert", "a"), ("alert", "b"))


@pytest.mark.parametrize(("value", "held"), [("true", True), ("1", True), ("no", False), ("FALSE", False), ("", None)])
def test_held_is_a_boolean_or_left_open(value: str, held: bool | None) -> None:  # noqa: FBT001 - a column of the table
    assert alerts(("held", value)).held is held


def test_held_takes_nothing_else() -> None:
    with pytest.raises(Refusal, match="held is 'maybe'"):
        alerts(("held", "maybe"))


def test_a_page_has_a_hundred_rows_unless_a_limit_is_given() -> None:
    assert query.window({}) == query.Window(PAGE, "")
    assert query.window({"limit": ["500"], "cursor": ["abc"]}) == query.Window(500, "abc")


@pytest.mark.parametrize("limit", ["0", "501", "-1", "ten", "1.5", "9" * 5000, "١"])
def test_a_limit_outside_1_to_500_is_refused(limit: str) -> None:
    with pytest.raises(Refusal, match="limit is"):
        query.window({"limit": [limit]})
