"""Conservation: load, a receiver in moods, SIGKILL again and again; then every alert is accounted for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.load import alerts
from tests.load.program import Gateway
from tests.load.receiver import Receiver, Reply
from tests.load.sender import Sender
from tests.load.waiting import holds
from tests.soak.receivers import Ledger, Moody, State

CONCURRENCY = 16
_AGAIN_AFTER_S = 0.01
_ROUTE = {
    "DESTINATION": "webhook",
    "FORMAT": "original",
    "CONCURRENCY": str(CONCURRENCY),
    "RETRY_SCHEDULE": ",".join(["100ms"] * 5 + ["300ms"] * 95),
    "RETRY_FOR": "1h",
    "TIMEOUT": "10s",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """At least so many kills and acknowledged alerts, whatever comes later. `senders`: posts under way at once."""

    seed: int
    kills: int
    acknowledged: int
    senders: int = 24
    drain_within_s: float = 120.0


@dataclass(slots=True)
class Report:
    plan: Plan
    kills: int
    sent: int
    acknowledged: int
    took_s: float
    ledgers: dict[str, Ledger]
    lost: dict[str, list[State]] = field(default_factory=dict)
    invented: int = 0
    late: int = 0
    fresh_arrived: bool = False

    @property
    def repeats_allowed(self) -> int:
        """Each kill may forget what each route had under way; nothing else may be delivered again after a success."""
        return self.kills * CONCURRENCY * len(self.ledgers)

    @property
    def repeated(self) -> int:
        return sum(ledger.repeated for ledger in self.ledgers.values())

    def problems(self) -> list[str]:
        found = [f"{len(states)} lost by {route}: {states[:5]}" for route, states in self.lost.items() if states]
        found += [f"{self.invented} arrived that nobody sent"] if self.invented else []
        found += [f"{self.late} arrived out of order"] if self.late else []
        if self.repeated > self.repeats_allowed:
            found.append(f"{self.repeated} delivered again after a success, {self.repeats_allowed} may be")
        return found + ([] if self.fresh_arrived else ["a fresh alert no longer flows"])

    def line(self) -> str:
        retried = sum(ledger.unanswered for ledger in self.ledgers.values())
        return (
            f"conservation: {self.kills} kills, {self.sent:,} sent, {self.acknowledged:,} acknowledged, "
            f"{sum(map(len, self.lost.values()))} lost, {self.invented} invented, {self.late} out of order, "
            f"{self.repeated} repeated after a success ({self.repeats_allowed} may be), "
            f"{retried:,} refused or cut off by a receiver and tried again, "
            f"fresh alert {'flows' if self.fresh_arrived else 'STUCK'}; {self.took_s:.0f} s, seed {self.plan.seed}"
        )


class Soak:
    route: Mapping[str, str] = _ROUTE
    alerts_each, backlog_most, answer_within_s = 6, 2000, 10.0

    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        self._plan, self._tell = plan, tell
        self._dice = Random(plan.seed)
        self._moody = Moody(Random(self._dice.random()))
        self._ledgers = {"moody": Ledger(), "steady": Ledger()}
        self._gateways = self._make_gateways(folder)
        self._sent: set[State] = set()
        self._acknowledged: set[State] = set()
        self._kills = 0

    async def run(self) -> Report:
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            for name, ledger in self._ledgers.items():
                receiver = await stack.enter_async_context(Receiver(self._responder(name), ledger.answer))
                for gateway in self._gateways:
                    gateway.route(name, URL=receiver.url, **self.route)
            for gateway in self._gateways:
                await gateway.start()
                stack.callback(gateway.process.kill)
            await self._under_load()
            self._moody.calm = True
            await self._all_arrived()
            fresh = await self._fresh()
        return self._report(time.monotonic() - began, fresh=fresh)

    def _make_gateways(self, folder: Path) -> Sequence[Gateway]:
        return (Gateway(folder),)

    def _responder(self, name: str) -> Callable[[bytes], Reply]:
        ledger = self._ledgers[name]

        def respond(body: bytes) -> Reply:
            ledger.arrive(body)
            return self._moody.reply() if name == "moody" else Reply()

        return respond

    async def _under_load(self) -> None:
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(self._plan.senders):
                group.create_task(self._send(number, Random(self._dice.random()), enough))
            try:
                while self._kills < self._plan.kills or len(self._acknowledged) < self._plan.acknowledged:
                    await self._kill_at_random()
            finally:
                enough.set()

    async def _kill_at_random(self) -> None:
        """Mostly in the middle of the work, now and then before it has begun."""
        soon = self._dice.random() < 0.2
        await asyncio.sleep(self._dice.uniform(0.0, 0.1) if soon else self._dice.uniform(0.3, 3.0))
        gateway = self._dice.choice(self._gateways)
        gateway.process.kill()
        self._kills += 1
        await gateway.start()
        self._tell(f"kill {self._kills}: {len(self._acknowledged):,} acknowledged, {self._waiting():,} under way")

    def _waiting(self) -> int:
        return len(self._acknowledged) - min(len(ledger.first) for ledger in self._ledgers.values())

    async def _send(self, number: int, dice: Random, enough: asyncio.Event) -> None:
        """States of a few alerts, each in order: the next one only when the last was answered or given up."""
        senders = [Sender(gateway.port, within_s=self.answer_within_s) for gateway in self._gateways]
        numbers = dict.fromkeys((f"S{number}-{alert}" for alert in range(self.alerts_each)), 0)
        try:
            while not enough.is_set():
                name = dice.choice(list(numbers))
                await self._send_state(senders, (name, numbers[name]), dice, enough)
                numbers[name] += 1
                await holds(lambda: self._waiting() < self.backlog_most or enough.is_set(), within_s=120)
        finally:
            for sender in senders:
                sender.close()

    async def _send_state(self, senders: list[Sender], state: State, dice: Random, enough: asyncio.Event) -> None:
        """Post it to any of the gateways until it is acknowledged; sometimes give up after an attempt of which nobody
        knows what became.
        """
        self._sent.add(state)
        while not enough.is_set():
            try:
                if await dice.choice(senders).post(alerts.body(*state)) == 200:
                    self._acknowledged.add(state)
                    return
            except ConnectionRefusedError:
                pass  # nobody listens, so nobody took it
            except OSError:
                if dice.random() < 0.3:
                    return
            await asyncio.sleep(_AGAIN_AFTER_S)

    async def _all_arrived(self) -> None:
        await holds(lambda: not any(self._missing().values()), self._plan.drain_within_s)

    def _missing(self) -> dict[str, list[State]]:
        return {route: sorted(self._acknowledged - ledger.first.keys()) for route, ledger in self._ledgers.items()}

    async def _fresh(self) -> bool:
        """An alert of its own, after everything: taken, and with every receiver soon."""
        sender, state = Sender(self._gateways[0].port), ("fresh", 0)
        self._sent.add(state)
        try:
            taken = await sender.post(alerts.body(*state)) == 200
        finally:
            sender.close()
        ledgers = self._ledgers.values()
        return taken and await holds(lambda: all(state in ledger.first for ledger in ledgers), within_s=20)

    def _report(self, took_s: float, *, fresh: bool) -> Report:
        ledgers = self._ledgers
        return Report(
            plan=self._plan,
            kills=self._kills,
            sent=len(self._sent),
            acknowledged=len(self._acknowledged),
            took_s=took_s,
            ledgers=ledgers,
            lost=self._missing(),
            invented=sum(len(ledger.foreign) + len(ledger.first.keys() - self._sent) for ledger in ledgers.values()),
            late=sum(len(ledger.out_of_order()) for ledger in ledgers.values()),
            fresh_arrived=fresh,
        )
