from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.window import Schedule, WhenMuted, Windows, passes_mute
from gateway.domain.window_syntax import parse_windows
from tests.domain.zones import WORK, at, moments, texts, utc

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "moment", "zone", "covered"),
    [
        (WORK, "2026-11-24 08:00", "Europe/Berlin", True),
        (WORK, "2026-11-24 07:59:59.999999", "Europe/Berlin", False),
        (WORK, "2026-11-24 17:59:59.999999", "Europe/Berlin", True),
        (WORK, "2026-11-24 18:00", "Europe/Berlin", False),
        (WORK, "2026-11-24 07:00", "UTC", True),
        (WORK, "2026-07-24 06:00", "UTC", True),
        (WORK, "2026-11-28 12:00", "Europe/Berlin", False),
        ("sat,sun Europe/Berlin", "2026-11-27 23:00", "UTC", True),
        ("sat,sun Europe/Berlin", "2026-11-27 22:59", "UTC", False),
        ("sat,sun Europe/Berlin", "2026-11-29 22:59", "UTC", True),
        ("sat,sun Europe/Berlin", "2026-11-29 23:00", "UTC", False),
        ("22:00-06:00", "2026-11-24 22:00", "UTC", True),
        ("22:00-06:00", "2026-11-25 05:59", "UTC", True),
        ("22:00-06:00", "2026-11-25 06:00", "UTC", False),
        ("fri 22:00-06:00", "2026-11-28 05:59", "UTC", True),
        ("fri 22:00-06:00", "2026-11-27 05:59", "UTC", False),
        ("fri 22:00-06:00", "2026-11-28 22:00", "UTC", False),
        ("18:00-00:00", "2026-11-28 23:59", "UTC", True),
        ("18:00-00:00", "2026-11-28 00:00", "UTC", False),
        ("fri-mon", "2026-11-30 23:59", "UTC", True),
        ("fri-mon", "2026-12-01 00:00", "UTC", False),
        ("daily 12:00-13:00 Asia/Kathmandu", "2026-11-24 06:15", "UTC", True),
        ("daily 12:00-13:00 Asia/Kathmandu", "2026-11-24 07:15", "UTC", False),
        ("2026-12-24..2026-12-26 Europe/Berlin", "2026-12-23 23:00", "UTC", True),
        ("2026-12-24..2026-12-26 Europe/Berlin", "2026-12-23 22:59", "UTC", False),
        ("2026-12-24..2026-12-26 Europe/Berlin", "2026-12-26 22:59", "UTC", True),
        ("2026-12-24..2026-12-26 Europe/Berlin", "2026-12-26 23:00", "UTC", False),
        ("2026-12-24..2026-12-26 Europe/Berlin", "2027-12-25 12:00", "UTC", False),
        ("2026-12-24 20:00-02:00", "2026-12-25 01:59", "UTC", True),
        ("2026-12-24 20:00-02:00", "2026-12-24 01:59", "UTC", False),
        (f"{WORK}; 2026-11-28", "2026-11-28 12:00", "UTC", True),
    ],
)
def test_a_window_covers_its_begin_and_all_up_to_its_end(text: str, moment: str, zone: str, *, covered: bool) -> None:
    assert parse_windows(text).covers(at(moment, zone)) is covered


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        # spring in Berlin: 01:00 UTC, from 02:00 to 03:00
        ("sun 01:00-04:00 Europe/Berlin", ["2026-03-29 00:00", "2026-03-29 02:00"]),
        ("sun 01:00-02:30 Europe/Berlin", ["2026-03-29 00:00", "2026-03-29 01:00"]),
        ("sun 02:30-04:00 Europe/Berlin", ["2026-03-29 01:00", "2026-03-29 02:00"]),
        ("sun 02:15-02:45 Europe/Berlin", ["2026-04-05 00:15", "2026-04-05 00:45"]),
        # spring on Lord Howe, by half an hour
        ("2026-10-04 02:15-03:00 Australia/Lord_Howe", ["2026-10-03 15:30", "2026-10-03 16:00"]),
    ],
)
def test_hours_that_the_clock_skips_are_not_there(text: str, changes: list[str]) -> None:
    assert changes_after(text, at("2026-03-28 12:00"), len(changes)) == changes


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        # autumn in Berlin: 01:00 UTC, from 03:00 back to 02:00
        ("sun 01:00-04:00 Europe/Berlin", ["2026-10-24 23:00", "2026-10-25 03:00"]),
        ("sun 02:15-02:45 Europe/Berlin",
         ["2026-10-25 00:15", "2026-10-25 00:45", "2026-10-25 01:15", "2026-10-25 01:45"]),
        ("sun 01:00-02:30 Europe/Berlin",
         ["2026-10-24 23:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30"]),
        ("sun 02:00-03:00 Europe/Berlin", ["2026-10-25 00:00", "2026-10-25 02:00"]),
        # autumn in Havana: the first hour of the day comes twice
        ("2026-11-01 00:00-00:30 America/Havana",
         ["2026-11-01 04:00", "2026-11-01 04:30", "2026-11-01 05:00", "2026-11-01 05:30"]),
    ],
)  # fmt: skip
def test_hours_that_the_clock_shows_twice_are_covered_twice(text: str, changes: list[str]) -> None:
    assert changes_after(text, at("2026-10-24 12:00"), len(changes)) == changes


def changes_after(text: str, moment: datetime, count: int) -> list[str]:
    windows, found = parse_windows(text), list[str]()
    for _ in range(count):
        change = windows.next_change(moment)
        found.append(utc(change))
        moment = change or moment
    return found


def test_a_day_that_a_zone_left_out_is_covered_by_nothing() -> None:
    """Samoa had no 2011-12-30: it went over the date line."""
    windows = parse_windows("2011-12-30 Pacific/Apia")
    assert windows.next_change(at("2011-12-01 00:00")) is None
    assert utc(parse_windows("2011-12-29 Pacific/Apia").next_change(at("2011-12-30 00:00"))) == "2011-12-30 10:00"


@given(text=texts(), moment=moments())
@example(text="sun 01:00-02:30 Europe/Berlin", moment=at("2026-03-28 23:59:30"))
@example(text="23:30-00:15 America/Sao_Paulo", moment=at("2018-02-17 12:00"))
@example(text="sat America/St_Johns", moment=at("2010-11-07 02:00"))
def test_the_next_change_is_the_one_that_stepping_through_minutes_finds(text: str, moment: datetime) -> None:
    windows, step = parse_windows(text), moment.astimezone(UTC).replace(second=0, microsecond=0)
    covered, change = windows.covers(moment), windows.next_change(moment)
    for _ in range(2 * 24 * 60):
        step += MINUTE
        if windows.covers(step) is not covered:
            assert change == step
            return
    assert change is None or change > step


@given(text=texts(), moment=moments())
def test_a_window_begins_and_ends_exactly_at_its_changes(text: str, moment: datetime) -> None:
    windows = parse_windows(text)
    change = windows.next_change(moment)
    if change is not None:
        assert change > moment
        assert windows.covers(change - timedelta(microseconds=1)) is windows.covers(moment)
        assert windows.covers(change) is not windows.covers(moment)


@given(text=texts(), moment=moments())
def test_the_answer_does_not_depend_on_the_zone_in_which_a_moment_is_told(text: str, moment: datetime) -> None:
    windows, same = parse_windows(text), moment.astimezone(timezone(timedelta(hours=-3, minutes=-30)))
    assert windows.covers(moment) is windows.covers(same)
    assert windows.next_change(moment) == windows.next_change(same)


@pytest.mark.parametrize(
    ("text", "moment", "change"),
    [
        ("2026-01-01..2099-12-31; mon 08:00-09:00", "2026-11-24 20:00", "2100-01-01 00:00"),
        ("2031-05-01", "2026-11-24 20:00", "2031-05-01 00:00"),
        ("mon 08:00-24:00; tue 00:00-08:00", "2026-11-23 08:00", "2026-11-24 08:00"),
        # New York changes two weeks before Berlin, and only between the two do these leave an hour
        ("00:00-12:00 Europe/Berlin; 06:00-18:00 America/New_York", "2026-11-24 20:00", "2027-03-14 22:00"),
    ],
)
def test_a_far_change_is_found_and_windows_that_touch_have_none_between(text: str, moment: str, change: str) -> None:
    assert utc(parse_windows(text).next_change(at(moment))) == change


@pytest.mark.parametrize("text", ["daily Europe/Berlin", "00:00-12:00; 12:00-24:00", "2020-01-01..2020-12-31 UTC"])
def test_windows_that_are_always_or_no_longer_there_have_no_next_change(text: str) -> None:
    assert parse_windows(text).next_change(at("2026-11-24 20:00")) is None


def test_a_time_without_a_zone_is_refused_instead_of_read_in_the_zone_of_the_machine() -> None:
    naive = datetime(2026, 11, 24, 20, 0)  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a zone"):
        parse_windows(WORK).covers(naive)


FREEZE = "2026-12-24..2026-12-26 Europe/Berlin"


@pytest.mark.parametrize(
    ("active", "mute", "moment", "opens", "reason"),
    [
        (None, None, "2026-11-24 20:00", "2026-11-24 20:00", "open"),
        (WORK, None, "2026-11-24 12:00", "2026-11-24 12:00", "open until 2026-11-24 18:00 Europe/Berlin"),
        (WORK, None, "2026-11-24 20:00", "2026-11-25 07:00", "muted until 2026-11-25 08:00 Europe/Berlin by ACTIVE"),
        (None, "20:00-08:00 Europe/Berlin", "2026-11-24 20:00", "2026-11-25 07:00",
         "muted until 2026-11-25 08:00 Europe/Berlin by MUTE"),
        (WORK, FREEZE, "2026-12-24 12:00", "2026-12-28 07:00", "muted until 2026-12-28 08:00 Europe/Berlin by MUTE"),
        (WORK, FREEZE, "2026-12-24 20:00", "2026-12-28 07:00",
         "muted until 2026-12-28 08:00 Europe/Berlin by ACTIVE and MUTE"),
        (WORK, "daily UTC", "2026-11-24 12:00", None, "muted by MUTE and never open"),
        ("daily 10:00-11:00", "09:00-12:00", "2026-11-24 08:00", None, "muted by ACTIVE and never open"),
        (None, "2020-01-01", "2026-11-24 12:00", "2026-11-24 12:00", "open"),
        (None, "2026-12-24; 2026-12-25 Europe/Berlin", "2026-12-24 12:00", "2026-12-25 23:00",
         "muted until 2026-12-25 23:00 UTC by MUTE"),
        (None, "2026-10-25 01:00-02:30 Europe/Berlin", "2026-10-25 01:10", "2026-10-25 01:30",
         "muted until 2026-10-25 02:30+01:00 Europe/Berlin by MUTE"),
    ],
)  # fmt: skip
def test_a_route_is_open_inside_active_and_outside_mute(
    active: str | None, mute: str | None, moment: str, opens: str | None, reason: str
) -> None:
    schedule, now = schedule_of(active, mute), at(moment)
    found = schedule.opens_at(now)
    assert (utc(found) if found else None) == opens
    assert schedule.is_open(now) is (found == now)
    assert schedule.reason(now) == reason


def schedule_of(active: str | None, mute: str | None) -> Schedule:
    def read(text: str | None) -> Windows | None:
        return None if text is None else parse_windows(text)

    return Schedule(read(active), read(mute))


@given(active=st.none() | texts(), mute=st.none() | texts(), moment=moments())
def test_a_schedule_opens_when_stepping_through_minutes_finds_it_open(
    active: str | None, mute: str | None, moment: datetime
) -> None:
    schedule, step = schedule_of(active, mute), moment.astimezone(UTC)
    opens = schedule.opens_at(moment)
    for _ in range(24 * 60):
        if schedule.is_open(step):
            assert opens == step
            break
        step = step.replace(second=0, microsecond=0) + MINUTE
    else:
        assert opens is None or opens >= step
    assert schedule.reason(moment).startswith("open" if schedule.is_open(moment) else "muted")


def test_closing_updates_pass_a_mute_and_the_default_word_is_hold() -> None:
    assert passes_mute(change_closes=True)
    assert not passes_mute(change_closes=False)
    assert [word.value for word in WhenMuted] == ["hold", "drop"]
