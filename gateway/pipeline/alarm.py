"""Coming back to something later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

from gateway.ports import Clock

LONGEST_SLEEP_S = 300.0
"""Nobody sleeps longer than this: timers know nothing of a clock that was set or of a machine that was suspended."""


class Handle(Protocol):
    def cancel(self) -> None: ...


Timer: TypeAlias = Callable[[float, Callable[[], None]], Handle]
"""Calls a function in so many seconds."""


def on_loop(seconds: float, ring: Callable[[], None]) -> Handle:
    return asyncio.get_running_loop().call_later(seconds, ring)


class Alarm:
    """Rings once for all that it was set to, at the earliest of these times. It may ring early, never late."""

    def __init__(self, ring: Callable[[], None], *, clock: Clock, timer: Timer) -> None:
        self._ring, self._clock, self._timer = ring, clock, timer
        self._handle: Handle | None = None
        self._at_s = 0.0
        self._off = False

    def set(self, seconds: float) -> None:
        seconds = min(seconds, LONGEST_SLEEP_S)
        at_s = self._clock.monotonic_s() + seconds
        if self._off or (self._handle and self._at_s <= at_s):
            return
        if self._handle:
            self._handle.cancel()
        self._at_s = at_s
        self._handle = self._timer(seconds, self._rung)

    def switch_off(self) -> None:
        """For good."""
        self._off = True
        if self._handle:
            self._handle.cancel()

    def _rung(self) -> None:
        self._handle = None
        self._ring()
