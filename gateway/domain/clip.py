"""A JSON document made small enough for its receiver: lists give way first, with a true count of what was left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from gateway.domain.alert import JSON
from gateway.domain.text import code_points, cut

Document: TypeAlias = dict[str, JSON]
Counts: TypeAlias = dict[str, JSON]
"""The path of a list (`change.came`) -> how many entries were left out, over all lists at that path."""

_TEXTS = (4000, 200)
"""The longest texts in code points: the second only where the first leaves no room even without any list."""
_ADDRESS = "https://"
_FIRST_ASKED, _CAUTION = 64, 0.98

Cost: TypeAlias = Callable[[Document], int]
"""A document's bytes as sent."""

Note: TypeAlias = Callable[[Document, Counts], Document]
"""Writes what was left out into the document."""


def fitted(document: Document, max_bytes: int, cost: Cost, note: Note) -> Document:
    """The document with nearly as many entries of its lists as fit.

    When nothing fits, the answer is what is smallest: no lists, and 200 code points for each text.
    """
    for longest in _TEXTS:
        least = cost(_clipped(document, 0, longest, note))
        if least <= max_bytes:
            most = _most(partial(_cost_of, document, longest, cost, note), max_bytes, least, _longest(document))
            return _clipped(document, most, longest, note)
    return smallest(document, note)


def smallest(document: Document, note: Note) -> Document:
    """The document without lists and with short texts, whatever would fit: a receiver found it too large."""
    return _clipped(document, 0, _TEXTS[-1], note)


def _cost_of(document: Document, longest: int, cost: Cost, note: Note, most: int) -> int:
    return cost(_clipped(document, most, longest, note))


def _clipped(document: Document, most: int, longest: int, note: Note) -> Document:
    left_out: Counts = {}
    made = {name: _clip(value, most, longest, name, left_out) for name, value in document.items()}
    return note(made, left_out)


def _clip(value: JSON, most: int, longest: int, path: str, left_out: Counts) -> JSON:
    """At most so many entries of each list, and code points of each text. Of what is in a list, only texts are cut."""
    if isinstance(value, dict):
        return {name: _clip(inner, most, longest, f"{path}.{name}", left_out) for name, inner in value.items()}
    if isinstance(value, list):
        if len(value) > most:
            left_out[path] = len(value) - most
        return [_short(inner, longest) for inner in value[:most]]
    return _short(value, longest)


def _short(value: JSON, longest: int) -> JSON:
    """An address is wrong when cut, so it goes."""
    if isinstance(value, str):
        if len(value) > longest and value.startswith(_ADDRESS):
            return ""
        return cut(value, longest, code_points)
    if isinstance(value, dict):
        return {name: _short(inner, longest) for name, inner in value.items()}
    return [_short(inner, longest) for inner in value] if isinstance(value, list) else value


def _longest(value: JSON) -> int:
    """The length of the longest list in it that is in no list itself."""
    if isinstance(value, dict):
        return max(map(_longest, value.values()), default=0)
    return len(value) if isinstance(value, list) else 0


def _most(cost: Callable[[int], int], max_bytes: int, least: int, longest: int) -> int:
    """How many entries fit, or a few less: as many as fill fifteen sixteenths. `least`: the cost of none.

    To ask for a cost takes time, so the next question goes by what the entries cost so far.
    """
    low, high, low_cost = 0, longest + 1, least
    asked = min(_FIRST_ASKED, longest)
    while low < asked < high and high - low > 1 + low // 16 and max_bytes - low_cost > max_bytes // 16:
        if (found := cost(asked)) > max_bytes:
            high, asked = asked, (low + asked) // 2
            continue
        each = max(1.0, (found - low_cost) / (asked - low))
        low, low_cost = asked, found
        asked = min(high - 1, low + max(1, int((max_bytes - found) / each * _CAUTION)))
    return low
