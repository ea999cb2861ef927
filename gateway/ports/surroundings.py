"""What is around the pipeline: time, chance, receivers, and whoever listens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.delivery import Claim, NewAlert, PutOff, Result, RouteState, Stored
from gateway.domain.message import Answer, Message
from gateway.domain.outcome import Outcome


class Clock(Protocol):
    def now_us(self) -> int:
        """Microseconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds of a clock that is never set."""


class Dice(Protocol):
    def __call__(self) -> float:
        """A number from 0 up to, not including, 1."""


class Transport(Protocol):
    """Carries one kind of message. Never raises for what a receiver or the network does: that is `NoAnswer`."""

    async def send(self, message: Message, timeout_s: float) -> Answer: ...

    async def close(self) -> None: ...


class Observer(Protocol):
    """Hears of every step, for logs and metrics. Never raises, never waits."""

    def webhook_accepted(self, source: str, stored: Stored, alert: NewAlert, body_bytes: int) -> None: ...

    def webhook_refused(self, source: str, status: int, reason: str) -> None: ...

    def attempt_ended(self, claim: Claim, result: Result, outcome: Outcome) -> None: ...

    def delivery_put_off(self, claim: Claim, wait: PutOff) -> None: ...

    def lease_lost(self, claim: Claim) -> None: ...

    def lease_expired(self, route: str) -> None: ...

    def route_changed(self, before: RouteState, after: RouteState) -> None: ...

    def deliveries_changed(self, ids: Sequence[str], state: str, by: str) -> None: ...

    def committed(self, seconds: float, items: int) -> None: ...

    def purged(self, alerts: int) -> None: ...
