"""How the windows of ACTIVE and MUTE are written: `mon-fri 08:00-18:00 Europe/Berlin; 2026-12-24..2026-12-26 UTC`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, tzinfo
from difflib import get_close_matches
from functools import cache
from types import MappingProxyType
from zoneinfo import ZoneInfo, available_timezones

from gateway.domain.text import code_points, cut, one_line
from gateway.domain.window import ALL_DAYS, DAY_MINUTES, WEEKDAYS, Window, Windows

_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS: Mapping[str, int] = MappingProxyType(
    {name: number for names in (WEEKDAYS, _LONG) for number, name in enumerate(names)}
)
_YEARS = range(2000, 2101)
_SHOWN = 60

_LOOSE = re.compile(r"\s*(,|-|\.\.)\s*")
_CLOCKS = re.compile(r"([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OFFSET = re.compile(r"[a-z]*[+-][0-9]+", re.IGNORECASE)
_ABBREVIATION = re.compile(r"[A-Z]{2,5}")
_HOW_DAYS = "Write days as mon-fri, sat,sun or daily."
_HOW_HOURS = "Write hours as 08:00-18:00, and the end of a day as 24:00."
_HOW_DATES = "Write dates as 2026-12-24 or 2026-12-24..2026-12-26."
_HOW_ZONE = "Write a zone by its IANA name, as Europe/Berlin or UTC."


def parse_windows(text: str) -> Windows:
    """Several windows are separated by `;` or by lines. Each has days or dates, hours and a zone, and may leave out all
    but one: days left out are all days, hours the whole day, and the zone is UTC.

    `mon-fri 08:00-18:00 Europe/Berlin`, `sat,sun Europe/Berlin`, `22:00-06:00 UTC` (belongs to the day on which it
    begins), `2026-12-24..2026-12-26 Europe/Berlin`. Hours beside dates hold on each of them. A freeze from one hour to
    another, days later, is three windows. ValueError says everything that is wrong, in sentences.
    """
    items = [item.strip() for item in re.split(r"[;\r\n]", text) if item.strip()]
    if not items:
        raise ValueError("no window is given. Write one such as mon-fri 08:00-18:00 Europe/Berlin.")
    windows: list[Window] = []
    mistakes: list[str] = []
    for item in items:
        try:
            windows.append(_window(item))
        except ValueError as error:
            mistakes.append(f"{_quoted(item)}: {error}")
    if mistakes:
        raise ValueError(" ".join(mistakes))
    return Windows(tuple(windows))


def _window(item: str) -> Window:
    parts: dict[str, list[str]] = {"days": [], "dates": [], "hours": [], "zone": []}
    for token in _LOOSE.sub(r"\1", item.replace("–", "-")).split():
        parts[_kind(token)].append(token)
    if len(parts["days"] + parts["dates"]) > 1:
        raise ValueError(f"its days stand in several places. {_HOW_DAYS} {_HOW_DATES}")
    if len(parts["hours"]) > 1:
        raise ValueError("it has several spans of hours. Write a window for each, separated by semicolons.")
    days = _days(parts["days"][0]) if parts["days"] else ALL_DAYS
    first, last = _dates(parts["dates"][0]) if parts["dates"] else (None, None)
    begin, end = _hours(parts["hours"][0]) if parts["hours"] else (0, DAY_MINUTES)
    name, zone = _zone("_".join(parts["zone"])) if parts["zone"] else ("UTC", UTC)
    return Window(zone, name, bool(parts["zone"]), days, first, last, begin, end)


def _kind(token: str) -> str:
    """What a word is meant to be, so that the right mistake is told; whatever has no other form is a zone."""
    if ".." in token or re.match(r"[0-9]{3,}-", token):
        return "dates"
    if ":" in token or token[0] in "0123456789":
        return "hours"
    parts = token.lower().split("/")[0].replace(",", "-").split("-")
    return "days" if token.lower() == "daily" or any(part in _NUMBERS for part in parts) else "zone"


def _days(text: str) -> frozenset[int]:
    if text.lower() == "daily":
        return ALL_DAYS
    return frozenset(day for part in text.split(",") for day in _days_between(*_both(part, "-")))


def _both(text: str, separator: str) -> tuple[str, str]:
    """Begin and end of a range; the same twice where it is none."""
    first, found, last = text.partition(separator)
    return first, last if found else first


def _days_between(first: str, last: str) -> Iterator[int]:
    """Both included; `fri-mon` goes over the end of the week."""
    day, end = _weekday(first), _weekday(last)
    yield day
    while day != end:
        day = (day + 1) % 7
        yield day


def _weekday(word: str) -> int:
    if not word:
        raise ValueError(f"a weekday is missing beside a comma or a hyphen. {_HOW_DAYS}")
    if word.lower() not in _NUMBERS:
        raise ValueError(f"{_nearest_or_stop(f'{_quoted(word)} is no weekday', word, _NUMBERS)} {_HOW_DAYS}")
    return _NUMBERS[word.lower()]


def _dates(text: str) -> tuple[date, date]:
    first, last = (_date(part) for part in _both(text, ".."))
    if first > last:
        raise ValueError(f"it ends on {last}, before it begins on {first}.")
    return first, last


def _date(text: str) -> date:
    if not text:
        raise ValueError(f"a date is missing beside the two dots. {_HOW_DATES}")
    if not _DATE.fullmatch(text):
        raise ValueError(f"{_quoted(text)} is not a date. {_HOW_DATES}")
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"there is no day {text} in the calendar.") from None
    if found.year not in _YEARS:
        raise ValueError(f"{text} is not in the years {_YEARS[0]} to {_YEARS[-1]}.")
    return found


def _hours(text: str) -> tuple[int, int]:
    """Minutes since the midnight before; the second is beyond 1440 where the hours go over midnight."""
    clocks = _CLOCKS.fullmatch(text)
    if clocks is None:
        raise ValueError(f"{_quoted(text)} is not a span of hours. {_HOW_HOURS}")
    begin, end = _minute(clocks[1], clocks[2]), _minute(clocks[3], clocks[4])
    if begin == DAY_MINUTES:
        raise ValueError("it begins at 24:00. Write 00:00 of the next day.")
    if begin == end:
        raise ValueError(f"it begins and ends at {clocks[1]}:{clocks[2]}. Leave the hours out for whole days.")
    return begin, end if end > begin else end + DAY_MINUTES


def _minute(hour: str, minute: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > DAY_MINUTES:
        raise ValueError(f"there is no {hour}:{minute} on a clock. {_HOW_HOURS}")
    return found


def _zone(text: str) -> tuple[str, tzinfo]:
    """The zone and its proper name, found without case."""
    if text.casefold() == "utc":
        return "UTC", UTC
    name = _zones().get(text.casefold())
    if name is None:
        raise ValueError(_no_zone(text))
    return name, ZoneInfo(name)


@cache
def _zones() -> Mapping[str, str]:
    """Folded names to names, of the system's zone files or else of the package `tzdata`: some 20 ms, once."""
    names = available_timezones() - {"Factory", "localtime"}  # the latter is another zone on every machine
    return MappingProxyType({name.casefold(): name for name in names})


def _no_zone(text: str) -> str:
    if _OFFSET.fullmatch(text):
        return f"{_quoted(text)} is an offset, which does not know when clocks change. {_HOW_ZONE}"
    if _ABBREVIATION.fullmatch(text):
        return f"{_quoted(text)} is not a zone: most abbreviations have several meanings. {_HOW_ZONE}"
    if near := _near_zone(text.casefold()):
        return f'{_quoted(text)} is not a zone; did you mean "{near}"?'
    if "/" in text:
        return f"{_quoted(text)} is not a zone. {_HOW_ZONE}"
    said, word = f"{_quoted(text)} is neither a weekday nor a zone", text.replace(",", "-").partition("-")[0]
    return f"{_nearest_or_stop(said, word, _NUMBERS)} {_HOW_DAYS} {_HOW_ZONE}"


def _near_zone(folded: str) -> str:
    """The zone that was probably meant, "" when none is near: `america/new` is the beginning of only one."""
    longer = [place for place in _places() if place.startswith(folded)]
    near = longer if len(longer) == 1 else get_close_matches(folded, _places(), n=1, cutoff=0.8)
    return _places()[near[0]] if near else ""


@cache
def _places() -> Mapping[str, str]:
    """Zones by their folded names, and by the last part of them: `berlin`."""
    zones = sorted(_zones().values())
    places = {name.rpartition("/")[2].casefold(): name for name in zones if not name.startswith("Etc/")}
    return MappingProxyType({**places, **_zones()})


def _nearest_or_stop(sentence: str, word: str, known: Iterable[str]) -> str:
    """The sentence, and the question whether a near word was meant."""
    near = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f'{sentence}; did you mean "{near[0]}"?' if near else f"{sentence}."


def _quoted(text: str) -> str:
    """A wrong value as it may be shown: short, on one line, and never a URL, because those carry secrets."""
    return "the URL given" if "://" in text else f'"{cut(one_line(text), _SHOWN, code_points)}"'
