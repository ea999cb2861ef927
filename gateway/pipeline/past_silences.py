"""Silences as they were in force at some time of the past."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.silence import Silence

_NEVER_US = 2**63


class PastSilences:
    """Fills `Silencing` for a time that only goes on: however many there were, each is looked at when it begins and
    when it is over.
    """

    def __init__(self) -> None:
        self._known: dict[str, Silence] = {}
        self._coming: list[Silence] = []
        self._active: tuple[Silence, ...] = ()
        self._changes_us = 0

    def __len__(self) -> int:
        return len(self._known)

    def add(self, silence: Silence) -> None:
        """One of an id that is known takes the other's place: it may say when it was ended."""
        self._known[silence.id] = silence
        self._coming, self._active, self._changes_us = [], (), 0

    def active(self, now_us: int) -> Sequence[Silence]:
        if now_us >= self._changes_us and self._known:
            self._go_on(now_us)
        return self._active

    def _go_on(self, now_us: int) -> None:
        if not self._changes_us:
            self._coming = sorted(self._known.values(), key=lambda silence: -silence.starts_us)
        begun = []
        while self._coming and self._coming[-1].starts_us <= now_us:
            begun.append(self._coming.pop())
        self._active = tuple(silence for silence in (*self._active, *begun) if silence.is_active(now_us))
        next_us = [self._coming[-1].starts_us] if self._coming else [_NEVER_US]
        self._changes_us = min(next_us + [silence.over_us for silence in self._active])
