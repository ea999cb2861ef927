"""What the vendor's `lastSeen` means. It is what a Java program prints, without a zone, and its form has changed.

Month and AM/PM are read from tables here: `strptime` reads them by the locale of the process.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.domain.alert import JSON

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"), ("may",), ("jun", "june"),
            ("jul", "july"), ("aug", "august"), ("sep", "sept", "september"), ("oct", "october"),
            ("nov", "november"), ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_AFTERNOON = {"am": 0, "a.m.": 0, "pm": 12, "p.m.": 12}
_ZERO_ZONES = frozenset({"utc", "gmt", "z", "(utc)", "(gmt)"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MILLISECONDS = 100_000_000_000
"""Read as seconds it would be the year 5138, as milliseconds it is 1973."""
_LONGEST = 64


def read_moment(value: JSON) -> datetime | None:
    """The moment (aware, UTC) that a lastSeen of any known form means; None when it cannot be read.

    Known: `Nov 2, 2020 3:56:18 PM` (Java 8), with a comma after the year (Java 9), with U+202F or U+00A0 before AM/PM
    (Java 20), `2020-12-01 09:17:40 (UTC)`, ISO 8601, seconds and milliseconds since 1970, as number or text.
    No zone means UTC.
    """
    try:
        if isinstance(value, str):
            return _from_text(value)
        return _from_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None


def _from_text(text: str) -> datetime | None:
    if len(text) > _LONGEST:
        return None
    # split() parts at every kind of white space, the narrow and the unbreakable blank among them
    words = text.lower().replace(",", " ").split()
    if words and words[-1] in _ZERO_ZONES:
        words.pop()
    if len(words) in (4, 5):
        return _from_java(words)
    if len(words) == 1 and words[0].replace(".", "", 1).isdecimal():
        return _from_number(float(words[0]) if "." in words[0] else int(words[0]))
    return _from_iso(text)


def _from_java(words: list[str]) -> datetime | None:
    """[month, day, year, time] in either order of month and day, with AM or PM when the clock has twelve hours."""
    month, day = (words[0], words[1]) if words[0] in _MONTHS else (words[1], words[0])
    clock = words[3].split(":")
    if month not in _MONTHS or len(clock) not in (2, 3):
        return None
    hour, minute, second = _whole(clock[0]), _whole(clock[1]), _whole(clock[2]) if len(clock) == 3 else 0
    if len(words) == 5:
        if words[4] not in _AFTERNOON or hour > 12:
            return None
        hour = hour % 12 + _AFTERNOON[words[4]]
    return datetime(_whole(words[2]), _MONTHS[month], _whole(day), hour, minute, second, tzinfo=UTC)


def _whole(digits: str) -> int:
    if not digits.isdecimal():  # int() would also take signs, blanks and underscores
        raise ValueError(digits)
    return int(digits)


def _from_iso(text: str) -> datetime:
    """ISO 8601, also with a zone in words behind it: `… (UTC)`, `…Z[UTC]`."""
    bare = text.strip().upper().partition("[")[0]
    for zone in ("(UTC)", "UTC", "GMT"):
        bare = bare.removesuffix(zone)
    moment = datetime.fromisoformat(bare.rstrip().replace(" +", "+").replace(" -", "-"))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _from_number(number: float) -> datetime | None:
    if number < 0:
        return None
    if number >= _FIRST_MILLISECONDS:
        return _EPOCH + timedelta(milliseconds=number)
    return _EPOCH + timedelta(seconds=number)
