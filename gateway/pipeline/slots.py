from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Slots:
    """Attempts under way. Half of the slots are closed to retries, so that a storm of them does not delay a fresh
    alert; retries do not starve because every other claim serves them first. A single slot is shared by turns alone.
    """

    total: int
    fresh: int = 0
    retries: int = 0

    @property
    def free(self) -> int:
        return self.total - self.fresh - self.retries

    @property
    def free_for_retries(self) -> int:
        return max(0, min(max(1, self.total // 2) - self.retries, self.free))

    def take(self, *, fresh: bool) -> None:
        if fresh:
            self.fresh += 1
        else:
            self.retries += 1

    def give_back(self, *, fresh: bool) -> None:
        if fresh:
            self.fresh -= 1
        else:
            self.retries -= 1
