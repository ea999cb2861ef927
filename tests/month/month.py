"""A month of an estate through the whole gateway, and receivers that know nothing but what they were told."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.destinations import Context
from gateway.domain.change import Reason, apply, compare
from gateway.domain.delivery import Claim, Result
from gateway.domain.delivery import State as DeliveryState
from gateway.domain.grouping import Grouping
from gateway.domain.incident import decode
from gateway.domain.notify import CHANGES, EVERYTHING, Notify, is_worth
from gateway.domain.optix import Unreadable, parse
from gateway.domain.outcome import Outcome
from gateway.domain.snapshot import Snapshot
from gateway.domain.telling import Terms
from gateway.pipeline.configured import ConfiguredRoute
from tests.month.estate import HOUR_S, Estate
from tests.pipeline.fakes import Journal
from tests.pipeline.gateway_world import World, a_route

_EPOCH = datetime.fromtimestamp(0, UTC)
_AT_ONCE = 25
"""Webhooks that come within as many seconds."""
_QUIET_S = 600
"""Longer than any group waits."""


def told(name: str, notify: Notify, grouping: Grouping | None = None) -> ConfiguredRoute:
    return replace(a_route(name, backlog="latest"), terms=Terms(notify, grouping=grouping))


ROUTES = {
    "changes": told("changes", CHANGES),
    "groups": told("groups", CHANGES, Grouping(("environment",))),
    "all-changes": told("all-changes", EVERYTHING - {Reason.UNCHANGED}),
}
"""What a chat is told unless its route says otherwise; the same with GROUP_BY=environment; every change there is."""


class Receivers(Journal):
    """What each receiver knows of each incident, from the changes that its messages told, and from nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, dict[str, Snapshot]] = {name: {} for name in ROUTES}
        self.messages: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    def attempt_ended(self, claim: Claim, result: Result, outcome: Outcome) -> None:  # noqa: ARG002 - the port's names
        if result.state is not DeliveryState.DELIVERED:
            return
        self.messages[claim.route] += 1
        self._hear(claim.route, claim.source, claim.body, claim.before)
        for member in claim.members:
            self._hear(claim.route, member.source, member.body, member.before)

    def _hear(self, route: str, source: str, body: bytes, before: bytes | None) -> None:
        alert = parse(source, body)
        assert not isinstance(alert, Unreadable)
        self.told[route] += 1
        view = self.views[route]
        change = Context("", route, body, _EPOCH, before=before).change(alert)
        view[alert.key] = apply(view.get(alert.key), change)


@dataclass(slots=True)
class Month:
    """So many hours of an estate. `webhooks`: what a plain forwarder would have sent, a message each."""

    estate: Estate
    hours: int
    folder: Path
    receivers: Receivers = field(default_factory=Receivers)
    webhooks: int = 0
    problems: list[str] = field(default_factory=list)
    incidents: int = 0

    async def run(self, tell: Callable[[str], object] = lambda _: None) -> None:
        world = World(self.folder)
        world.journal = self.receivers
        await world.start(*ROUTES.values())
        for hour in range(self.hours):
            await self._hour(world)
            if hour % 24 == 23:
                tell(f"day {hour // 24 + 1}: {self.webhooks} webhooks, {dict(self.receivers.messages)} messages")
        await world.pass_time(_QUIET_S)
        await world.stop()
        self.problems = list(self.differences())

    async def _hour(self, world: World) -> None:
        """One environment after another, each with its alerts seconds apart."""
        hour_ends_s = world.clock.running_s + HOUR_S
        for place in self.estate.places:
            self.estate.live_an_hour(place)
            bodies = list(self.estate.sync(place, world.clock.us))
            for start in range(0, len(bodies), _AT_ONCE):
                await asyncio.gather(*map(world.receive, bodies[start : start + _AT_ONCE]))
                await world.pass_time(_AT_ONCE)
            self.webhooks += len(bodies)
        await world.pass_time(max(0.0, hour_ends_s - world.clock.running_s))

    def differences(self) -> Iterator[str]:
        """Where a receiver's view is not what the gateway remembers, and it should be."""
        memory = remembered(self.folder / "gateway.db")
        self.incidents = len(memory)
        for name, route in ROUTES.items():
            view = self.receivers.views[name]
            yield from (f"{name}: {key} was told and is not remembered" for key in view.keys() - memory.keys())
            for key, now in memory.items():
                if is_missed(route.terms.notify, view.get(key), now):
                    yield f"{name}: {key} is {now}, and its receiver knows {view.get(key)}"


def is_missed(notify: Notify, known: Snapshot | None, now: Snapshot) -> bool:
    """Only what NOTIFY leaves out may be untold, and what was over before it was ever told."""
    if known is None:
        return not now.is_closed
    return is_worth(notify, compare(known, now))


def remembered(database: Path) -> Mapping[str, Snapshot]:
    """How each incident stands, as the gateway's own memory has it."""
    db = sqlite3.connect(database)
    try:
        return {key: decode(memory).snapshot for key, memory in db.execute("SELECT key, memory FROM incident")}
    finally:
        db.close()


def reduction(messages: int, webhooks: int) -> float:
    """Per cent fewer."""
    return 100 * (1 - messages / webhooks)


def lines(month: Month) -> Iterator[str]:
    estate, heard = month.estate, month.receivers
    yield (
        f"seed {estate.seed}: {month.hours} hours, {estate.environments} environments, "
        f"{month.incidents} alerts, {estate.changes} changes of state"
    )
    yield f"{'a plain forwarder':<20} {month.webhooks:>8} messages"
    for name in ROUTES:
        messages = heard.messages[name]
        fewer = f"{reduction(messages, month.webhooks):.2f} % fewer"
        yield f"{name:<20} {messages:>8} messages, {fewer}, with {heard.told[name]} updates"
