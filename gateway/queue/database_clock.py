"""The time as the database has it: of several replicas, each has its own clock, and the database has one."""

from __future__ import annotations

from gateway.ports import Clock


class DatabaseClock:
    """Between two answers of the database, our own clock tells how long ago the last was."""

    def __init__(self, own: Clock) -> None:
        self._own, self._ahead_us = own, 0

    def learn(self, now_us: int) -> int:
        """What the database says; what is to be taken for it."""
        self._ahead_us = now_us - self._own.now_us()
        return now_us

    def now_us(self) -> int:
        return self._own.now_us() + self._ahead_us

    def monotonic_s(self) -> float:
        return self._own.monotonic_s()
