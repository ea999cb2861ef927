from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches


class Refusal(Exception):
    """Any answer that is not the one asked for. `error` and `hint` are shown to whoever asked."""

    def __init__(self, status: int, error: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.hint, self.headers = status, error, hint, headers


def nearest(word: str, known: tuple[str, ...]) -> str:
    """A hint: the known word that is meant, or all there are."""
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
