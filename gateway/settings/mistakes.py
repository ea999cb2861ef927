"""What an operator got wrong, said so that it can be put right without another look at the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from gateway.domain.text import cut, one_line

ENVIRONMENT = "environment"

_SHOWN_CHARACTERS = 60
_KEY = re.compile(r"[A-Z][A-Z0-9_]*(__[A-Za-z0-9_-]+__[A-Z0-9_]+)?")


@dataclass(frozen=True, slots=True)
class Mistake:
    """`where`: a file's path, or "environment". `line` counts from 1; None where there is none. `key` as the operator
    wrote it, "" when the mistake is about the whole file or line. `message` never holds a secret.
    """

    where: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        place = self.where if self.line is None else f"{self.where}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.message) if part)


class ConfigurationMistakes(Exception):
    """The operator's move: every mistake of the whole configuration, in the order of files and lines."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.where, m.line or 0, m.key, m.message)))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, "" when none is near. Case does not count."""
    by_folded = {name.casefold(): name for name in known}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else ""


def or_nearest(sentence: str, word: str, known: Iterable[str]) -> str:
    """The sentence, and the question whether a near word was meant."""
    near = nearest(word, known)
    return f'{sentence}; did you mean "{near}"?' if near else f"{sentence}."


def quoted(text: str) -> str:
    """A wrong value as it may be shown: short, on one line, and never a URL, because those carry secrets."""
    return "the URL given" if "://" in text else f'"{cut(one_line(text), _SHOWN_CHARACTERS)}"'


def shown_key(key: str) -> str:
    """A key that may be shown. Stray lines of a pasted secret read as keys too, and those are hidden."""
    return key if _KEY.fullmatch(key) and len(key) <= _SHOWN_CHARACTERS * 2 else ""


def listed(words: Iterable[str]) -> str:
    return ", ".join(words)
