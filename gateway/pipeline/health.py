"""A route's state: in force here at once, on disk where it matters after a restart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.domain.breaker import after_outcome, paused, recovered, restarted
from gateway.domain.delivery import RouteState, RouteStatus
from gateway.domain.outcome import Outcome
from gateway.ports import Clock, Observer, Store

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Change:
    """What one event did to a route. `released`: by an operator, whatever it was that held it up."""

    before: RouteState
    after: RouteState
    released: bool = False

    @property
    def recovered(self) -> bool:
        """What waits goes out at once."""
        running = self.after.status is RouteStatus.RUNNING
        return self.released or (running and self.before.status is not RouteStatus.RUNNING)

    @property
    def turned(self) -> bool:
        """Other deliveries may start, or none any more."""
        before, after = self.before, self.after
        return self.recovered or (
            (after.status, after.cause, after.probe_at_us) != (before.status, before.cause, before.probe_at_us)
        )

    @property
    def lasting(self) -> bool:
        """It matters after a restart: a count of failures or a silence of a moment does not."""
        return self.turned or self.after.hold_until_us > self.before.hold_until_us + _SECOND_US


class Health:
    def __init__(self, state: RouteState, *, store: Store, clock: Clock, observer: Observer) -> None:
        self.state = self._seen = state
        self.version = 0
        """Odd while something is being written down."""
        self._store, self._clock, self._observer = store, clock, observer

    async def restart(self, *, enabled: bool) -> None:
        """Begin with a stored state. Only that a route is switched off, or on again, is written down."""
        before, self.state = self.state, restarted(self.state, self._clock.now_us(), enabled=enabled)
        if "disabled" in (self.state.cause, before.cause) and self.state != before:
            await self._write(hasten=enabled)

    def adopt(self, stored: RouteState) -> Change | None:
        """Another replica changed the route: what it says holds here too. Failures are counted by each."""
        if stored == self._seen:
            return None
        self._seen = stored
        after = stored
        if stored.status is RouteStatus.RUNNING:
            after = replace(stored, failures=self.state.failures, failing_since_us=self.state.failing_since_us)
        change = self._become(after)
        if change.turned:
            self._observer.route_changed(change.before, change.after)
        return change

    def judge(self, outcome: Outcome) -> Change:
        return self._become(after_outcome(self.state, outcome, self._clock.now_us()))

    def pause(self, reason: str) -> Change:
        return self._become(paused(self.state, reason, self._clock.now_us()))

    def resume(self) -> Change:
        return self._become(replace(recovered(self.state, self._clock.now_us()), hold_until_us=0), released=True)

    def _become(self, after: RouteState, *, released: bool = False) -> Change:
        change = Change(self.state, after, released)
        self.state = after
        return change

    async def keep(self, change: Change) -> None:
        """Tell and write down a change. StoreUnavailable: it is in force, and the next one that is kept writes both."""
        if not change.lasting:
            return
        self._observer.route_changed(change.before, change.after)
        await self._write(hasten=change.recovered)

    async def _write(self, *, hasten: bool) -> None:
        self.version += 1
        self._seen = self.state
        try:
            await self._put(hasten=hasten)
        finally:
            self.version += 1

    async def _put(self, *, hasten: bool) -> None:
        if hasten:
            # Before the state: killed in between, the route is probed again, and nobody waits out an old schedule.
            await self._store.hasten(self.state.route)
        await self._store.put_route_state(self.state)
