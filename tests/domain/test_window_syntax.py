"""How windows are written: what a text means, how it is told back, and what is said of a mistake."""

from __future__ import annotations

import re
from datetime import timedelta
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.window_syntax import parse_windows
from tests.domain.zones import WORK, at, texts


@pytest.mark.parametrize(
    ("text", "described"),
    [
        (WORK, WORK),
        ("sat , sun europe/berlin", "sat,sun Europe/Berlin"),
        ("22:00-06:00 UTC", "daily 22:00-06:00 UTC"),
        ("Monday-Wednesday 8:00 – 24:00", "mon-wed 08:00-24:00 UTC (the default zone)"),
        ("fri-mon America/New York;", "mon,fri-sun America/New_York"),
        ("2026-12-24..2026-12-26 UTC\n2027-01-01 00:00-12:00 utc",
         "2026-12-24..2026-12-26 UTC; 2027-01-01 00:00-12:00 UTC"),
        ("00:00-24:00 UTC", "daily UTC"),
        ("18:00-00:00 UTC", "daily 18:00-24:00 UTC"),
        ("2026-12-24..2026-12-24 Etc/GMT-5", "2026-12-24 Etc/GMT-5"),
    ],
)  # fmt: skip
def test_windows_are_described_as_they_would_be_written_with_what_was_left_out(text: str, described: str) -> None:
    assert parse_windows(text).describe() == described


@given(texts())
def test_a_description_reads_as_the_same_windows(text: str) -> None:
    windows = parse_windows(text)
    assert parse_windows(windows.describe()) == windows


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mno-fri 08:00-18:00", '"mno-fri 08:00-18:00": "mno" is no weekday; did you mean "mon"?'),
        ("mno", '"mno" is neither a weekday nor a zone; did you mean "mon"?'),
        ("mon,,tue", "a weekday is missing beside a comma or a hyphen. Write days as mon-fri, sat,sun or daily."),
        ("mon-", "a weekday is missing"),
        ("mon tue", "its days stand in several places."),
        ("mon 2026-12-24", "its days stand in several places."),
        ("mon Europe/Berln", '"Europe/Berln" is not a zone; did you mean "Europe/Berlin"?'),
        ("mon berlin", '"berlin" is not a zone; did you mean "Europe/Berlin"?'),
        ("mon America/New", '"America/New" is not a zone; did you mean "America/New_York"?'),
        ("mon Nowhere/Land", '"Nowhere/Land" is not a zone. Write a zone by its IANA name, as Europe/Berlin or UTC.'),
        ("mon right/Europe/Berlin", 'did you mean "Europe/Berlin"?'),
        ("mon CEST", '"CEST" is not a zone: most abbreviations have several meanings.'),
        ("mon UTC+2", '"UTC+2" is an offset, which does not know when clocks change.'),
        ("mon 8-18", '"8-18" is not a span of hours. Write hours as 08:00-18:00, and the end of a day as 24:00.'),
        ("mon 08:00-25:00", "there is no 25:00 on a clock."),
        ("mon 08:60-09:00", "there is no 08:60 on a clock."),
        ("mon 24:00-06:00", "it begins at 24:00. Write 00:00 of the next day."),
        ("mon 08:00-08:00", "it begins and ends at 08:00. Leave the hours out for whole days."),
        ("08:00-12:00 13:00-18:00", "it has several spans of hours."),
        ("2026-02-30", "there is no day 2026-02-30 in the calendar."),
        ("2026-12-24..", "a date is missing beside the two dots."),
        ("2026-1-3", '"2026-1-3" is not a date. Write dates as 2026-12-24 or 2026-12-24..2026-12-26.'),
        ("2026-12-24..2026-12-23", "it ends on 2026-12-23, before it begins on 2026-12-24."),
        ("9999-12-31", "9999-12-31 is not in the years 2000 to 2100."),
        (" ; ", "no window is given. Write one such as mon-fri 08:00-18:00 Europe/Berlin."),
        ("https://user:pass@host/", "the URL given is not a span of hours."),
        ("x" * 999 + "\x1b[2J", '"' + "x" * 59 + '…" is neither'),
    ],
)
def test_a_mistake_names_the_item_and_the_right_word(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        parse_windows(text)
    assert "pass" not in str(caught.value)


def test_every_wrong_window_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r'"mondy": .*"26:00-27:00": '):
        parse_windows(f"mondy; {WORK}; 26:00-27:00")


@given(st.text(alphabet="mon-fri, 0123456789:.;/\n\x00é–UTC+Europe/Berlin", max_size=40))
def test_any_text_is_windows_or_a_mistake_in_words(text: str) -> None:
    try:
        windows = parse_windows(text)
    except ValueError as error:
        assert str(error).endswith((".", "?"))  # noqa: PT017 - most texts are wrong, and some are not
    else:
        assert windows.describe()


def test_zones_are_known_where_the_system_has_no_zone_files() -> None:
    """By the package `tzdata`, which slim images need."""
    reset_tzpath(to=[])
    try:
        assert ZoneInfo.no_cache("Europe/Berlin").utcoffset(at("2026-07-01 12:00")) == timedelta(hours=2)
    finally:
        reset_tzpath()
