"""Cutting text to a receiver's own measure, with a true count of what was left out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeAlias

Measure: TypeAlias = Callable[[str], int]

ELLIPSIS = "…"


def code_points(text: str) -> int:
    return len(text)


def utf16_units(text: str) -> int:
    """What JavaScript and Java call length: an emoji counts two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def cut(text: str, limit: int, measure: Measure = utf16_units) -> str:
    """The text itself when it fits, else its longest beginning that fits together with an ellipsis ("" below that)."""
    if measure(text) <= limit:
        return text
    room = limit - measure(ELLIPSIS)
    if room < 0:
        return ""
    low, high = 0, min(len(text), room)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= room else (low, middle - 1)
    return text[:low].rstrip() + ELLIPSIS


def fit_lines(lines: Sequence[str], limit: int, measure: Measure = utf16_units, *, most: int | None = None) -> str:
    """As many whole lines as fit (and no more than `most`), then `+N more` with the true number of those left out.

    A first line that alone is too long is cut. "" when not even the count fits.
    """
    if not lines or limit < 0:
        return ""
    allowed = len(lines) if most is None else max(0, min(most, len(lines)))
    whole = "\n".join(lines[:allowed])
    if allowed == len(lines) and measure(whole) <= limit:
        return whole
    shown, used = 0, 0
    reserve = measure(f"\n+{len(lines)} more")
    for line in lines[:allowed]:
        cost = measure(line) + (1 if shown else 0)
        if used + cost + reserve > limit:
            break
        shown, used = shown + 1, used + cost
    kept = list(lines[:shown]) or [part for part in [cut(lines[0], limit - reserve, measure)] if part and allowed]
    left_out = len(lines) - len(kept)
    if left_out:
        kept.append(f"+{left_out} more")
    text = "\n".join(kept)
    return text if measure(text) <= limit else ""


def fit_list(items: Sequence[str], limit: int, measure: Measure = utf16_units, *, most: int | None = None) -> str:
    """As many whole items as fit on one line (`a, b, +9 more`), with the true number of those left out.

    A first item that alone is too long is cut. "" when not even the count fits.
    """
    allowed = len(items) if most is None else min(most, len(items))
    shown, used = 0, 0
    reserve = measure(f", +{len(items)} more")
    for item in items[:allowed]:
        used += measure(item) + (2 if shown else 0)
        if used + (reserve if shown + 1 < len(items) else 0) > limit:
            break
        shown += 1
    kept = list(items[:shown])
    if items and not kept:
        kept = [part for part in [cut(items[0], limit - reserve, measure)] if part]
    if len(kept) < len(items):
        kept.append(f"+{len(items) - len(kept)} more")
    text = ", ".join(kept)
    return text if measure(text) <= limit else ""


_REMOVED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_UNUSUAL = re.compile(r"[^\x20-\x7e\n\t]+")
_LINE_END = re.compile("\r\n?|\u2028|\u2029")


def plain(text: str) -> str:
    """Hostile text made inert: line ends become newlines; control, bidirectional and invisible characters go.

    Joiners stay, because emoji and several scripts need them.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNUSUAL.sub(_without_controls, _LINE_END.sub("\n", text))


def _without_controls(run: re.Match[str]) -> str:
    return "".join(c for c in run[0] if c in _JOINERS or unicodedata.category(c) not in _REMOVED_CATEGORIES)


def one_line(text: str) -> str:
    """`plain`, with every run of white space as one blank: for titles, subjects and header fields."""
    return " ".join(plain(text).split())


def is_visible(text: str) -> bool:
    """Whether there is anything to see: a letter, figure, sign or symbol. Receivers refuse a field without."""
    return any(unicodedata.category(c)[0] in "LNPS" and c not in _FILLERS for c in text)
