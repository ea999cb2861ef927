from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.pace import TokenBucket
from gateway.domain.policy import Pace
from gateway.ports import Clock


@dataclass(frozen=True, slots=True)
class Share:
    """What one claim may ask for. `probe`: one delivery, to learn whether the receiver is back."""

    fresh: int
    retries: int
    limit: int
    probe: bool = False


class Slots:
    """Attempts under way. Half of the slots are closed to retries, so that a storm of them does not delay a fresh
    alert; retries do not starve because every other claim serves them first. A single slot is shared by turns alone.
    `pace`: how fast they may be taken, None for no limit.
    """

    def __init__(self, total: int, pace: Pace | None, clock: Clock) -> None:
        self.total, self.fresh, self.retries = total, 0, 0
        self._clock = clock
        self._bucket = TokenBucket(pace, clock.monotonic_s()) if pace else None

    @property
    def free(self) -> int:
        return self.total - self.fresh - self.retries

    @property
    def free_for_retries(self) -> int:
        return max(0, min(max(1, self.total // 2) - self.retries, self.free))

    @property
    def startable(self) -> int:
        """How many of the free slots the pace allows to be taken now."""
        return min(self.free, self._bucket.available(self._clock.monotonic_s())) if self._bucket else self.free

    @property
    def wait_s(self) -> float:
        """Seconds until the pace allows the next one."""
        return self._bucket.wait_s(self._clock.monotonic_s()) if self._bucket else 0.0

    def occupy(self, count: int) -> None:
        """Slots and tokens are taken before it is known what for, so that nobody else takes them meanwhile."""
        self.fresh += count
        if self._bucket:
            self._bucket.take(count, self._clock.monotonic_s())

    def vacate(self, count: int, unused: int = 0) -> None:
        """`unused`: how many of them were taken for nothing; their tokens come back."""
        self.fresh -= count
        if self._bucket:
            self._bucket.give_back(unused)

    def take(self, *, fresh: bool) -> None:
        """A slot whose token was taken before."""
        if fresh:
            self.fresh += 1
        else:
            self.retries += 1

    def give_back(self, *, fresh: bool) -> None:
        if fresh:
            self.fresh -= 1
        else:
            self.retries -= 1
