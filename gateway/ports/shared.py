"""The store, as far as other processes have it too."""

from __future__ import annotations

from typing import Protocol

from gateway.domain.policy import Pace


class Shared(Protocol):
    """The part of the store that is about other processes with the same store: replicas."""

    @property
    def shared(self) -> bool:
        """Whether there may be others. Where not, every turn is ours and there are no news."""

    async def news(self, within_s: float) -> None:
        """Wait until another replica changed something that is not asked for all the time, or so long."""

    async def take_turn(self, duty: str, for_s: float) -> bool:
        """Whether this replica does it, and no other for so long; it may have its turn prolonged."""

    async def take_pace(self, route: str, pace: Pace, most: int) -> tuple[int, float]:
        """How many deliveries of the route may start, of all replicas together, and seconds until the next may. A
        negative `most` gives back what was not used.
        """
