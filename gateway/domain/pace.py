from __future__ import annotations

from gateway.domain.policy import Pace

_ROUNDING = 1e-6


class TokenBucket:
    """Lets `pace.per_s` through on average and `pace.burst` at once. Times are seconds of any clock that only grows."""

    __slots__ = ("_at_s", "_pace", "_tokens")

    def __init__(self, pace: Pace, now_s: float) -> None:
        self._pace = pace
        self._tokens = float(pace.burst)
        self._at_s = now_s

    def available(self, now_s: float) -> int:
        """How many may go now."""
        # A level just under a whole token through rounding would make a timer fire, find nothing, and fire again.
        return int(self._level(now_s) + _ROUNDING)

    def take(self, count: int, now_s: float) -> None:
        self._tokens = self._level(now_s) - count
        self._at_s = now_s

    def give_back(self, count: int) -> None:
        """Tokens taken for something that did not happen after all."""
        self._tokens = min(self._pace.burst, self._tokens + count)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next one may go; 0 when one may go now."""
        return max(0.0, (1 - self._level(now_s)) / self._pace.per_s)

    def _level(self, now_s: float) -> float:
        grown = self._tokens + (now_s - self._at_s) * self._pace.per_s
        return min(float(self._pace.burst), grown)
