"""Zones whose clocks change oddly, and moments and windows around those changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

WORK = "mon-fri 08:00-18:00 Europe/Berlin"

# Clocks that change at odd times or by odd amounts: by half an hour, by two hours, at midnight, one minute after it,
# for a month in spring, by a whole day; and offsets that are no whole hours.
ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "America/Sao_Paulo",
    "America/Havana", "America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu", "Pacific/Chatham",
)  # fmt: skip
CHANGE_OVERS = tuple(
    datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "2026-03-29T01:00", "2026-10-25T01:00", "2026-03-08T07:00", "2026-11-01T06:00", "2026-10-03T15:30",
        "2026-04-04T15:00", "2018-11-04T03:00", "2018-02-18T02:00", "2026-03-08T05:00", "2026-11-01T05:00",
        "2010-03-14T03:31", "2010-11-07T02:31", "2026-02-15T02:00", "2026-03-22T02:00", "2011-12-30T10:00",
    )
)  # fmt: skip


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """Any aware moment from 2000 to 2100, half of them within a day of a clock that changes."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    if draw(st.booleans()):
        around = draw(st.timedeltas(-timedelta(hours=30), timedelta(hours=30)))
        return (draw(st.sampled_from(CHANGE_OVERS)) + around).astimezone(zone)
    return draw(st.datetimes(datetime(2000, 1, 1), datetime(2100, 12, 31), timezones=st.just(zone)))  # noqa: DTZ001


@st.composite
def texts(draw: st.DrawFn) -> str:
    """One to three windows in any form."""
    items = []
    for _ in range(draw(st.integers(1, 3))):
        dates = draw(st.sampled_from(CHANGE_OVERS)).date(), draw(st.sampled_from(CHANGE_OVERS)).date()
        days = draw(
            st.sampled_from(("", "daily", "mon-fri", "sat,sun", "sun", "fri-mon", f"{min(dates)}..{max(dates)}"))
        )
        begin, end = draw(st.sampled_from(range(0, 1440, 15))), draw(st.sampled_from(range(15, 1441, 15)))
        hours = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}" if begin != end else ""
        items.append(f"{days} {hours} {draw(st.sampled_from(ZONES))}")
    return ";".join(items)


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> datetime:
    """`2026-11-24 20:00` on the clock in a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def utc(moment: datetime | None) -> str:
    assert moment is not None
    assert moment.tzinfo is UTC
    return moment.isoformat(" ")[:16]
