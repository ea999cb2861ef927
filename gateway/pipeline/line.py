"""Alerts that were handed out in the commit that stored them, and wait here for a slot of their route.

What waits here costs neither a second commit nor a second reading, which is most of what a burst would cost. It is
bounded three ways, because only the store may keep anything for long: in number, in bytes, and in time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gateway.domain.alert import Alert
from gateway.domain.delivery import Claim
from gateway.pipeline.alarm import Alarm, Timer
from gateway.ports import Clock

LONGEST_WAIT_S = 5.0
"""A lease outlives an attempt by more than this."""

_FOR_EACH_SLOT = 16
_MOST = 512
_MOST_BYTES = 16 * 1024
_MOST_BYTES_OF_ALL = 16 * 1024 * 1024


@dataclass(slots=True)
class Hall:
    """Where the lines of all routes wait. `bytes`: of the bodies in them."""

    bytes: int = 0


class Line:
    """First in, first out. `late` is called when the first has waited for too long. `promised`: places kept for alerts
    that are being stored; who was promised one counts it down.
    """

    def __init__(self, slots: int, hall: Hall, *, clock: Clock, timer: Timer, late: Callable[[], None]) -> None:
        self._most = min(_MOST, slots * _FOR_EACH_SLOT)
        self._hall, self._clock, self._late = hall, clock, late
        self._waiting: deque[tuple[Claim, Alert, float]] = deque()
        self.promised = 0
        self._alarm = Alarm(self._ring, clock=clock, timer=timer)

    def __len__(self) -> int:
        return len(self._waiting)

    def promise(self, size: int) -> bool:
        """Keep a place for a body of so many bytes, if there is one."""
        if size > _MOST_BYTES or self._hall.bytes + size > _MOST_BYTES_OF_ALL:
            return False
        if len(self._waiting) + self.promised >= self._most:
            return False
        self.promised += 1
        return True

    def join(self, claim: Claim, alert: Alert) -> None:
        if not self._waiting:
            self._alarm.set(LONGEST_WAIT_S)
        self._waiting.append((claim, alert, self._clock.monotonic_s()))
        self._hall.bytes += len(claim.body)

    def next(self) -> tuple[Claim, Alert]:
        """The first one leaves."""
        claim, alert, _ = self._waiting.popleft()
        self._hall.bytes -= len(claim.body)
        return claim, alert

    def disband(self) -> tuple[Claim, ...]:
        """All leave."""
        claims = tuple(claim for claim, _, _ in self._waiting)
        self._hall.bytes -= sum(len(claim.body) for claim in claims)
        self._waiting.clear()
        return claims

    def close(self) -> None:
        self._alarm.switch_off()

    def _ring(self) -> None:
        """The alarm was set for the first of a line that may have moved on since."""
        if not self._waiting:
            return
        left_s = self._waiting[0][2] + LONGEST_WAIT_S - self._clock.monotonic_s()
        if left_s > 0:
            self._alarm.set(left_s)
        else:
            self._late()
