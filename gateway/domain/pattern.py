"""Comparing text as filters do: without case, with `*` and `?`. The text is hostile, so no pattern may take long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Find: TypeAlias = Callable[[str, int], tuple[int, int] | None]
"""(text, start) -> where the piece next occurs at or after `start`, as (begin, end); None when it does not."""


def fold(text: str) -> str:
    """Equal for texts that differ only in case and in white space around them."""
    return text.strip().casefold()


def fold_type(text: str) -> str:
    """As `fold`, for alert types: white space never counts, and `Dev` is what one of the vendor's feeds calls IaC."""
    name = "".join(text.split()).casefold()
    return "iac" if name == "dev" else name


def is_glob(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


@dataclass(frozen=True, slots=True)
class Glob:
    """A folded pattern: `*` is any text, also none; `?` is one character; every other character is itself.

    `prefix`: the literal text before the first wildcard.
    """

    pattern: str
    prefix: str
    head: re.Pattern[str]
    middle: tuple[Find, ...]
    tail: re.Pattern[str] | None
    tail_length: int

    def matches(self, text: str) -> bool:
        """Whether the whole text (folded) matches. Each piece between stars is looked for once, from the left: the
        first place that fits is as good as any later one, so that nothing is ever tried again.
        """
        found = self.head.match(text)
        if found is None:
            return False
        if self.tail is None:
            return found.end() == len(text)
        position: int = found.end()
        for find in self.middle:
            place = find(text, position)
            if place is None:
                return False
            position = place[1]
        start = len(text) - self.tail_length
        return start >= position and self.tail.match(text, start) is not None


def glob(pattern: str) -> Glob:
    """Compile a pattern that is already folded."""
    pieces = pattern.split("*")
    tail = pieces[-1] if len(pieces) > 1 else None
    return Glob(
        pattern=pattern,
        prefix=re.split(r"[*?]", pattern, maxsplit=1)[0],
        head=_expression(pieces[0]),
        middle=tuple(_finders(pieces[1:-1])),
        tail=None if tail is None else _expression(tail),
        tail_length=len(tail or ""),
    )


def covers(wide: str, narrow: str) -> bool:
    """Whether every text that `narrow` matches is also matched by `wide` (both folded; either may be a literal).

    May answer False for pairs where a `?` stands against a `*`, never True wrongly.
    """
    if wide == narrow:
        return True
    if "?" in wide and "*" in narrow:
        return False
    return is_glob(wide) and glob(wide).matches(narrow)


def _finders(pieces: list[str]) -> Iterator[Find]:
    for piece in pieces:
        if "?" in piece:
            yield _find_expression(_expression(piece))
        elif piece:
            yield _find_literal(piece)


def _expression(piece: str) -> re.Pattern[str]:
    """Characters and dots only: without repetition there is nothing that could be tried in more than one way."""
    return re.compile("".join("." if character == "?" else re.escape(character) for character in piece), re.DOTALL)


def _find_literal(piece: str) -> Find:
    def find(text: str, start: int) -> tuple[int, int] | None:
        begin = text.find(piece, start)
        return None if begin < 0 else (begin, begin + len(piece))

    return find


def _find_expression(expression: re.Pattern[str]) -> Find:
    def find(text: str, start: int) -> tuple[int, int] | None:
        found = expression.search(text, start)
        return None if found is None else found.span()

    return find
