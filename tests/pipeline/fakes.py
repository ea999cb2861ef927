"""Fakes of our ports: a clock that moves when told, a receiver with a script, an observer that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from gateway.domain.delivery import Claim, NewAlert, PutOff, Result, RouteState, Stored
from gateway.domain.message import Answer, HttpRequest, Message
from gateway.domain.outcome import Outcome


class FakeClock:
    """Time stands still until it is advanced; then every timer that is due rings, in order."""

    def __init__(self, start_us: int = 0) -> None:
        self.us = start_us
        self.running_s = 0.0
        self._timers: list[Timer] = []

    def now_us(self) -> int:
        return self.us

    def monotonic_s(self) -> float:
        return self.running_s

    def later(self, seconds: float, ring: Callable[[], None]) -> Timer:
        timer = Timer(self.running_s + seconds, ring)
        self._timers.append(timer)
        return timer

    def ring(self) -> int:
        """Let every timer ring whose time has come; how many."""
        due = sorted((t for t in self._timers if t.at_s <= self.running_s + 1e-9), key=lambda t: t.at_s)
        self._timers = [t for t in self._timers if t not in due and not t.cancelled]
        for timer in due:
            if not timer.cancelled:
                timer.ring()
        return len(due)

    def move(self, seconds: float) -> None:
        self.us += round(seconds * 1_000_000)
        self.running_s += seconds


@dataclass(slots=True, eq=False)
class Timer:
    at_s: float
    ring: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass(frozen=True, slots=True)
class Sent:
    """One message that reached the receiver, and when."""

    at_s: float
    delivery_id: str
    body: bytes
    timeout_s: float


Script = Callable[[Sent], "Answer | Awaitable[Answer]"]


class Receiver:
    """Answers as `answers` says: one after another, the last for ever; or as a function of what was sent. While `shut`
    holds messages, none is answered. `usual`: its answer while nothing else is said.
    """

    def __init__(self, clock: FakeClock, usual: Answer) -> None:
        self._clock = clock
        self._answers = [usual]
        self._script: Script | None = None
        self._open = asyncio.Event()
        self._open.set()
        self.sent: list[Sent] = []
        self.under_way = self.most_under_way = 0
        self.closed = False

    def answers(self, *answers: Answer) -> None:
        self._answers, self._script = list(answers), None

    def does(self, script: Script) -> None:
        self._script = script

    def shut(self) -> None:
        """Keep every sender waiting from now on."""
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    async def send(self, message: Message, timeout_s: float) -> Answer:
        assert isinstance(message, HttpRequest)
        assert not self.closed
        sent = Sent(self._clock.running_s, dict(message.headers).get("id", ""), message.body, timeout_s)
        self.sent.append(sent)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self._open.wait()
            return await self._answer(sent)
        finally:
            self.under_way -= 1

    async def _answer(self, sent: Sent) -> Answer:
        if self._script is None:
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        answer = self._script(sent)
        return await answer if isinstance(answer, Awaitable) else answer

    async def close(self) -> None:
        self.closed = True

    @property
    def bodies(self) -> list[bytes]:
        return [sent.body for sent in self.sent]


@dataclass(slots=True)
class Journal:
    """An observer that remembers."""

    attempts: list[tuple[Claim, Result, Outcome]] = field(default_factory=list)
    changes: list[tuple[RouteState, RouteState]] = field(default_factory=list)
    put_off: list[tuple[Claim, PutOff]] = field(default_factory=list)
    lost: list[Claim] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    operated: list[tuple[tuple[str, ...], str, str]] = field(default_factory=list)
    forgotten: int = 0
    commits: int = 0

    def webhook_accepted(self, source: str, stored: Stored, alert: NewAlert, body_bytes: int) -> None: ...

    def webhook_refused(self, source: str, status: int, reason: str) -> None: ...

    def attempt_ended(self, claim: Claim, result: Result, outcome: Outcome) -> None:
        self.attempts.append((claim, result, outcome))

    def delivery_put_off(self, claim: Claim, wait: PutOff) -> None:
        self.put_off.append((claim, wait))

    def lease_lost(self, claim: Claim) -> None:
        self.lost.append(claim)

    def lease_expired(self, route: str) -> None:
        self.expired.append(route)

    def route_changed(self, before: RouteState, after: RouteState) -> None:
        self.changes.append((before, after))

    def deliveries_changed(self, ids: Sequence[str], state: str, by: str) -> None:
        self.operated.append((tuple(ids), state, by))

    def committed(self, seconds: float, items: int) -> None:  # noqa: ARG002 - the port's names
        self.commits += 1

    def purged(self, alerts: int) -> None:
        self.forgotten += alerts

    @property
    def statuses(self) -> list[str]:
        """The states that routes came into, one after another."""
        return [after.status.value for before, after in self.changes if before.status is not after.status]
