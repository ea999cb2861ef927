"""Cutting text to a receiver's own measure, with a true count of what was left out."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeAlias

Measure: TypeAlias = Callable[[str], int]
"""How long a receiver finds a text. No character counts less than one."""

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
    text = text[: max(limit, 0) + 1]  # the rest cannot fit, and measuring it may cost much
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
    return _fit("\n", lines, limit, measure, most)


def fit_list(items: Sequence[str], limit: int, measure: Measure = utf16_units, *, most: int | None = None) -> str:
    """The same on one line: `a, b, +9 more`."""
    return _fit(", ", items, limit, measure, most)


def _fit(joint: str, items: Sequence[str], limit: int, measure: Measure, most: int | None) -> str:
    if not items or limit < 0:
        return ""
    allowed = items if most is None else items[: max(most, 0)]
    whole = joint.join(allowed)
    if len(allowed) == len(items) and measure(whole) <= limit:
        return whole
    between, reserve = measure(joint), measure(f"{joint}+{len(items)} more")
    shown, used = 0, 0
    for item in allowed:
        used += measure(item) + (between if shown else 0)
        if used + reserve > limit:
            break
        shown += 1
    kept = list(items[:shown]) or [part for part in [cut(items[0], limit - reserve, measure)] if part and allowed]
    if left_out := len(items) - len(kept):
        kept.append(f"+{left_out} more")
    text = joint.join(kept)
    return text if measure(text) <= limit else ""


_REMOVED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_KEPT_CONTROLS = frozenset("\n\t")


def plain(text: str) -> str:
    """Hostile text made inert: line ends become newlines; control, bidirectional and invisible characters go.

    Joiners stay, because emoji and several scripts need them.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    removed = {ord(c): None for c in set(text) if unicodedata.category(c) in _REMOVED_CATEGORIES}
    for kept in _KEPT_CONTROLS | _JOINERS:
        removed.pop(ord(kept), None)
    return text.translate(removed) if removed else text


def one_line(text: str) -> str:
    """`plain`, with every run of white space as one blank: for titles, subjects and header fields."""
    return " ".join(plain(text).split())


_BARE_NAME = re.compile(r"[A-Za-z0-9._/:-]+")


def delimited(name: str) -> str:
    """A name inside a sentence: as it is where nobody can take it for anything else, or else as a JSON text, with every
    character escaped that is not seen. Two names never look the same.
    """
    if _BARE_NAME.fullmatch(name):
        return name
    quoted = json.dumps(name, ensure_ascii=False)
    return "".join([c if c.isprintable() and c not in _FILLERS else json.dumps(c)[1:-1] for c in quoted])


def is_visible(text: str) -> bool:
    """Whether there is anything to see: a letter, figure, sign or symbol. Receivers refuse a field without."""
    return any(unicodedata.category(c)[0] in "LNPS" and c not in _FILLERS for c in text)
