"""Texts of settings to values. Every function raises ValueError with a sentence for the operator."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from gateway.domain.policy import Pace
from gateway.settings.mistakes import listed, or_nearest, quoted

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_NUMBER_AND_UNIT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([A-Za-z]*)")
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)/(s|m|h)(?::(\d{1,6}))?")
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def duration_s(text: str) -> float:
    """Seconds."""
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if match and match[2].lower() in _SECONDS:
        return float(match[1]) * _SECONDS[match[2].lower()]
    if match and not match[2]:
        raise ValueError(f'{quoted(text)} has no unit; did you mean "{text.strip()}s"?')
    raise ValueError(f"{quoted(text)} is not a duration. Write a number and a unit, as in 50ms, 10s, 5m, 2h or 3d.")


def duration_between(text: str, low: str, high: str) -> float:
    """Seconds, no fewer than `low` and no more than `high` (both as an operator would write them)."""
    found_s = duration_s(text)
    if not duration_s(low) <= found_s <= duration_s(high):
        raise ValueError(f"{quoted(text)} is out of range. Choose from {low} to {high}.")
    return found_s


def size_bytes(text: str) -> int:
    match = _NUMBER_AND_UNIT.fullmatch(text.strip())
    if not match or match[2].upper() not in _BYTES:
        raise ValueError(f"{quoted(text)} is not a size. Write a number and a unit, as in 512KiB, 10MiB or 1GiB.")
    return int(float(match[1]) * _BYTES[match[2].upper()])


def flag(text: str) -> bool:
    word = text.strip().lower()
    if word not in _WORDS:
        raise ValueError(f"{quoted(text)} is neither true nor false.")
    return _WORDS[word]


def whole_number(text: str, low: int, high: int) -> int:
    digits = text.strip()
    if not re.fullmatch(r"\d{1,9}", digits) or not low <= int(digits) <= high:
        raise ValueError(f"{quoted(text)} is not a whole number from {low} to {high}.")
    return int(digits)


def choice(text: str, known: Sequence[str]) -> str:
    """The known word, compared without case."""
    word = text.strip().lower()
    if word not in known:
        raise ValueError(unknown_choice(text, known))
    return word


def unknown_choice(text: str, known: Sequence[str], noun: str = "a known value") -> str:
    return f"{or_nearest(f'{quoted(text)} is not {noun}', text.strip(), known)} One of {listed(known)}."


def pace(text: str) -> Pace | None:
    """`10/s`, `30/m`, `500/h`, with a burst behind a colon (`10/s:20`); None for `off`."""
    if text.strip().lower() == "off":
        return None
    match = _RATE.fullmatch(text.strip().lower().replace(" ", ""))
    if not match or not float(match[1]):
        raise ValueError(
            f"{quoted(text)} is not a rate. Write 10/s, 30/m or 500/h, with a burst as in 10/s:20, or off."
        )
    return Pace(per_s=float(match[1]) / _SECONDS[match[2]], burst=max(1, int(match[3] or 1)))


def items(text: str, *, from_file: bool = False) -> tuple[str, ...]:
    """A list: separated by commas (in a file also by lines), or a JSON list of texts where values hold commas."""
    if text.lstrip().startswith('["'):
        return _json_items(text)
    parts = re.split(r"[,\r\n]" if from_file else ",", text)
    return tuple(part.strip() for part in parts if part.strip())


def _json_items(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ValueError('this begins like a JSON list but is none. Write ["first", "second"], or separate by commas.')
    return tuple(found)
