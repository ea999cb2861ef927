"""When a route speaks: the windows of ACTIVE and MUTE. How they are written is read in `window_syntax`.

Hours are what the clock on the wall shows in the zone, because people plan by it: where clocks change, 22:00-06:00
lasts seven hours or nine, hours that the clock shows twice are covered twice, and those that it skips are not there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

WINDOW_KEYS = ("ACTIVE", "MUTE", "MUTED")

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAYS = frozenset(range(7))
DAY_MINUTES = 24 * 60

_DAY, _WEEK, _SEARCHED = timedelta(days=1), timedelta(days=7), timedelta(days=400)


class WhenMuted(StrEnum):
    """What becomes of an alert that comes while its route is muted. `hold`: it waits, and when the route opens what is
    still open is sent. `drop`: it is never sent.
    """

    HOLD = "hold"
    DROP = "drop"


def passes_mute(*, change_closes: bool) -> bool:
    """Whether an update is sent although the route is muted. `change_closes`: everything is now closed or suppressed.

    Such an update does: it wakes nobody, and a ticket that was opened before the mute must not stay open through it.
    """
    return change_closes


@dataclass(frozen=True, slots=True)
class Window:
    """Hours on some days, in one zone. `days`: 0 is Monday; all of them where dates are given. `first` and `last`: the
    dates, both included; None for every week. `begin` and `end`: minutes since the midnight with which the day begins;
    an `end` beyond 1440 is on the next day. `zone_written`: False where the zone is UTC because none was written.
    """

    zone: tzinfo
    zone_name: str
    zone_written: bool = True
    days: frozenset[int] = ALL_DAYS
    first: date | None = None
    last: date | None = None
    begin: int = 0
    end: int = DAY_MINUTES

    def holds(self, local: datetime) -> bool:
        """`local`: what the clock in the window's zone shows. The begin is inside, the end outside."""
        minute = local.hour * 60 + local.minute
        if self.begin <= minute < self.end and self.begins_on(local.date()):
            return True
        return minute + DAY_MINUTES < self.end and self.begins_on(local.date() - _DAY)

    def begins_on(self, day: date) -> bool:
        if self.first is not None and self.last is not None:
            return self.first <= day <= self.last
        return day.weekday() in self.days

    def __str__(self) -> str:
        """As an operator would write it."""
        if self.first is None or self.last is None:
            days = _listed_days(self.days)
        else:
            days = str(self.first) if self.first == self.last else f"{self.first}..{self.last}"
        whole = (self.begin, self.end) == (0, DAY_MINUTES)
        hours = "" if whole else f"{_clock(self.begin)}-{_clock(self.end)}"
        return " ".join(part for part in (days, hours, self.zone_name) if part)


@dataclass(frozen=True, slots=True)
class Windows:
    """One or several, in any zones; a moment is covered when one of them covers it. Made by `window_syntax`."""

    windows: tuple[Window, ...]

    def covers(self, at: datetime) -> bool:
        """`at`: aware; ValueError for a time without a zone. About 1 µs for one window: cheap enough for each alert."""
        if at.tzinfo is None:
            raise ValueError("a time without a zone is no moment")
        zone, local = at.tzinfo, at
        for window in self.windows:
            if window.zone is not zone:
                zone, local = window.zone, at.astimezone(window.zone)
            if window.holds(local):
                return True
        return False

    def next_change(self, at: datetime) -> datetime | None:
        """The first moment (UTC) after `at` at which `covers` gives another answer. None when there is none: every week
        is as the other. Looked at are 400 days from `at` on and about each end of a range of dates, which takes about
        0.1 ms when the change is within the week, and 10 ms when there is none.
        """
        covered = self.covers(at)
        return _first(at, self.windows, lambda moment: self.covers(moment) is not covered)

    def describe(self) -> str:
        """`mon-fri 08:00-18:00 Europe/Berlin; sat,sun UTC (the default zone)`."""
        return "; ".join(f"{window}{'' if window.zone_written else ' (the default zone)'}" for window in self.windows)

    def shown(self, moment: datetime) -> str:
        """`2026-11-25 08:00 Europe/Berlin`: in the zone that all windows share, else in UTC."""
        zone, name = self.windows[0].zone, self.windows[0].zone_name
        if any(window.zone is not zone for window in self.windows):
            zone, name = UTC, "UTC"
        local = moment.astimezone(zone)
        is_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
        said = local if is_twice else local.replace(tzinfo=None)
        return f"{said.isoformat(' ', 'minutes')} {name}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a route is open: inside ACTIVE (None: always) and outside MUTE (None: never muted)."""

    active: Windows | None = None
    mute: Windows | None = None

    def is_open(self, at: datetime) -> bool:
        if self.active is not None and not self.active.covers(at):
            return False
        return self.mute is None or not self.mute.covers(at)

    def opens_at(self, at: datetime) -> datetime | None:
        """The first moment from `at` on (UTC) at which the route is open: `at` itself when it is. None: it never is,
        as far as `Windows.next_change` looks.
        """
        return at.astimezone(UTC) if self.is_open(at) else _first(at, self._windows(), self.is_open)

    def reason(self, at: datetime) -> str:
        """`muted until 2026-11-25 08:00 Europe/Berlin by MUTE`; `open until …`, or `open` when that has no end."""
        keys = self._muting(at)
        if not keys:
            closes = _first(at, self._windows(), lambda moment: not self.is_open(moment))
            return f"open until {self._shown(closes, ('ACTIVE', 'MUTE'))}" if closes else "open"
        opens, by = self.opens_at(at), " and ".join(keys)
        return f"muted until {self._shown(opens, keys)} by {by}" if opens else f"muted by {by} and never open"

    def _muting(self, at: datetime) -> tuple[str, ...]:
        """The keys that keep the route from being open."""
        outside = self.active is not None and not self.active.covers(at)
        inside = self.mute is not None and self.mute.covers(at)
        return ("ACTIVE",) * outside + ("MUTE",) * inside

    def _windows(self) -> tuple[Window, ...]:
        return tuple(window for windows in (self.active, self.mute) if windows for window in windows.windows)

    def _shown(self, moment: datetime, keys: Sequence[str]) -> str:
        """In the zone of the named windows, when they share one."""
        named = (("ACTIVE", self.active), ("MUTE", self.mute))
        return Windows(tuple(w for key, ws in named if ws and key in keys for w in ws.windows)).shown(moment)


def _listed_days(days: frozenset[int]) -> str:
    """`daily`, `mon-fri`, `mon,wed`: three and more in a row as a range."""
    if days == ALL_DAYS:
        return "daily"
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(_run(run) for run in runs)


def _run(days: Sequence[int]) -> str:
    names = [WEEKDAYS[day] for day in days]
    return f"{names[0]}-{names[-1]}" if len(names) > 2 else ",".join(names)


def _clock(minute: int) -> str:
    """Midnight at the end of a day is 24:00; what is beyond it is of the next day."""
    hours, minutes = divmod(minute if minute <= DAY_MINUTES else minute - DAY_MINUTES, 60)
    return f"{hours:02}:{minutes:02}"


def _first(at: datetime, windows: Sequence[Window], wanted: Callable[[datetime], bool]) -> datetime | None:
    """The first moment after `at` that is wanted, of all at which any window may begin or end."""
    for begin, end in _weeks(at.astimezone(UTC), windows):
        edges = {edge for window in windows for edge in _edges(window, begin, end)}
        for edge in sorted(edges):
            if begin < edge <= end and wanted(edge):
                return edge
    return None


def _weeks(at: datetime, windows: Sequence[Window]) -> Iterator[tuple[datetime, datetime]]:
    """The time worth searching, in order and in pieces. Between the dates of two ranges every week is as the other, but
    for clocks that change on different days in different zones: a year and some weeks show all that.
    """
    dates = (day for window in windows for day in (window.first, window.last) if day is not None)
    starts = (datetime.combine(day - 2 * _DAY, time(), UTC) for day in dates)
    begin = at
    for start in sorted({at, *(start for start in starts if start > at)}):
        begin = max(begin, start)
        while begin < start + _SEARCHED:
            yield begin, begin + _WEEK
            begin += _WEEK


def _edges(window: Window, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Every moment from `begin` to `end` at which the window may begin or end, and some around them."""
    day, last = (begin - 3 * _DAY).date(), (end + 2 * _DAY).date()
    while day <= last:
        if window.begins_on(day):
            for minutes in (window.begin, window.end):
                yield from _moments(datetime.combine(day, time()) + timedelta(minutes=minutes), window.zone)
        day += _DAY


def _moments(wall: datetime, zone: tzinfo) -> Iterator[datetime]:
    """When the clock in the zone shows `wall` (naive), and when it jumps over it or back behind it."""
    early = wall.replace(tzinfo=zone).astimezone(UTC)
    late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    yield early
    if early != late:
        yield late
        yield _change_over(min(early, late), max(early, late), zone)


def _change_over(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The first second after `low` and up to `high` with another offset than at `low`."""
    offset, seconds = low.astimezone(zone).utcoffset(), range(1, int((high - low).total_seconds()))
    changed = bisect_left(
        seconds, True, key=lambda s: (low + timedelta(seconds=s)).astimezone(zone).utcoffset() != offset
    )
    return low + timedelta(seconds=changed + 1)
