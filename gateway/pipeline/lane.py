"""One route's way out: how many deliveries are under way, when the next may start, and when nothing may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.domain.alert import Alert
from gateway.domain.breaker import after_outcome, paused, recovered
from gateway.domain.delivery import Claim, RouteState, RouteStatus
from gateway.domain.outcome import Outcome
from gateway.domain.pace import TokenBucket
from gateway.pipeline.configured import ConfiguredRoute
from gateway.ports import Clock, Observer, Store, StoreUnavailable

_SECOND_US = 1_000_000
LEASE_MARGIN_S = 30.0
"""A lease outlives the longest possible attempt by this much, so that only a hung process loses one."""
_STORE_PAUSE_S = 1.0


@dataclass(slots=True)
class _Slots:
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


@dataclass(frozen=True, slots=True)
class _Share:
    """What one claim may ask for. `probe`: one delivery, to learn whether the receiver is back."""

    fresh: int
    retries: int
    limit: int
    probe: bool = False


class Lane:
    """Claims what is due for one route as slots, pace and health allow, and starts an attempt for each claim.

    `start` is called with (lane, claim, alert or None) and must see to it that `ended` is called for each.
    """

    def __init__(
        self,
        route: ConfiguredRoute,
        state: RouteState,
        *,
        store: Store,
        clock: Clock,
        observer: Observer,
        start: Callable[[Lane, Claim, Alert | None], None],
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self.route = route
        self.state = state
        self.lease_us = int((route.policy.timeout_s + LEASE_MARGIN_S) * _SECOND_US)
        self._store, self._clock, self._observer = store, clock, observer
        self._start, self._spawn = start, spawn
        self._slots = _Slots(route.policy.concurrency)
        self._bucket = TokenBucket(route.policy.pace, clock.monotonic_s()) if route.policy.pace else None
        self._work = False  # something may be due that was not asked for yet
        self._crowded = False  # something is due that has no slot yet
        self._freed = False  # a slot came free since the store was asked last
        self._pumping = self._stopped = self._probing = self._turn_of_retries = False
        self._under_way: set[int] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at_s = 0.0

    @property
    def is_stopped(self) -> bool:
        """Its pending deliveries read as parked."""
        return not self.route.policy.enabled or self.state.status is not RouteStatus.RUNNING

    @property
    def is_probing(self) -> bool:
        return self._probing

    def reserve(self) -> bool:
        """Take a slot for an alert that is about to be stored, if one may start at once. Not while others wait: they
        came first.
        """
        if self._work or self._crowded or self._stopped or self.is_stopped or self._slots.free < 1:
            return False
        now_s = self._clock.monotonic_s()
        if self.state.hold_until_us > self._clock.now_us() or (self._bucket and self._bucket.available(now_s) < 1):
            return False
        self._slots.fresh += 1
        if self._bucket:
            self._bucket.take(1, now_s)
        return True

    def unreserve(self) -> None:
        """The reserved slot was not used."""
        if self._bucket:
            self._bucket.give_back(1)
        self._slots.fresh -= 1
        self._slot_freed()

    def begin(self, claim: Claim, alert: Alert) -> None:
        """Start the delivery for which a slot was reserved."""
        self._under_way.add(claim.row)
        self._start(self, claim, alert)

    def wake(self) -> None:
        """Something is due, or may be."""
        self._work = True
        self._pump_soon()

    def wake_in(self, seconds: float) -> None:
        """Something is due then. The earliest of several calls counts."""
        at_s = self._clock.monotonic_s() + seconds
        if self._stopped or (self._alarm and self._alarm_at_s <= at_s):
            return
        if self._alarm:
            self._alarm.cancel()
        self._alarm_at_s = at_s
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._ring)

    def wake_if_probing(self) -> None:
        """At start: a route that was stopped by an outcome looks for a delivery to probe with."""
        if self.state.status is RouteStatus.OPEN:
            self.wake()

    def settle(self, claim: Claim, outcome: Outcome) -> RouteState:
        """The receiver has answered: the slot is free, and the outcome bears on the route's health from now on. The
        state before, for `remember`.

        This comes before the result is on disk, so that the next claim shares its commit.
        """
        before, self.state = self.state, after_outcome(self.state, outcome, self._clock.now_us())
        self.ended(claim)
        return before

    def ended(self, claim: Claim) -> None:
        """An attempt is over, one way or the other; a second call for the same one does nothing."""
        if claim.row not in self._under_way:
            return
        self._under_way.remove(claim.row)
        if claim.attempt == 1:
            self._slots.fresh -= 1
        else:
            self._slots.retries -= 1
        self._probing = False
        self._slot_freed()

    def _slot_freed(self) -> None:
        self._freed = True
        self._work |= self._crowded
        self._pump_soon()

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopped = True
        if self._alarm:
            self._alarm.cancel()

    async def pause(self, reason: str) -> None:
        before, self.state = self.state, paused(self.state, reason, self._clock.now_us())
        await self.remember(before)

    async def resume(self) -> None:
        """Run again, whatever stopped it; what waits goes out at once."""
        before = self.state
        self.state = replace(recovered(before, self._clock.now_us()), hold_until_us=0)
        await self.remember(before)

    async def remember(self, before: RouteState) -> None:
        """Put what changed since `before` on disk where it matters after a restart, and act on a recovery."""
        after = self.state
        if after is before:
            return
        changed = (after.status, after.cause, after.probe_at_us) != (before.status, before.cause, before.probe_at_us)
        recovered_now = after.status is RouteStatus.RUNNING and before.status is not RouteStatus.RUNNING
        if changed or after.hold_until_us > before.hold_until_us + _SECOND_US:
            self._observer.route_changed(before, after)
            # What is not on disk is still in force here, and the next change writes it.
            with suppress(StoreUnavailable):
                await self._store.put_route_state(after)
                if recovered_now:
                    await self._store.hasten(self.route.name)
        if changed:
            self.wake()

    def _ring(self) -> None:
        self._alarm = None
        self.wake()

    def _pump_soon(self) -> None:
        if self._work and not self._pumping and not self._stopped:
            self._pumping = True
            self._spawn(self._pump())

    async def _pump(self) -> None:
        try:
            while self._work and not self._stopped and (share := self._share()) is not None:
                await self._claim(share)
        except StoreUnavailable:
            self.wake_in(_STORE_PAUSE_S)
        finally:
            self._pumping = False

    def _share(self) -> _Share | None:
        """What may start now; None when nothing may, with an alarm set if time will help."""
        now_us = self._clock.now_us()
        if not self.route.policy.enabled or self.state.status is RouteStatus.PAUSED:
            self._work = False
            return None
        if self.state.hold_until_us > now_us:
            self._wait((self.state.hold_until_us - now_us) / _SECOND_US)
            return None
        if self.state.status is RouteStatus.OPEN:
            return self._probe_share(now_us)
        limit = free = self._slots.free
        if self._bucket and limit:
            now_s = self._clock.monotonic_s()
            limit = min(limit, self._bucket.available(now_s))
            if not limit:
                self._wait(self._bucket.wait_s(now_s))
                return None
        return _Share(free, self._slots.free_for_retries, limit) if free else None

    def _probe_share(self, now_us: int) -> _Share | None:
        if self._under_way:
            return None
        if self.state.probe_at_us > now_us:
            self._wait((self.state.probe_at_us - now_us) / _SECOND_US)
            return None
        return _Share(1, 1, 1, probe=True)

    def _wait(self, seconds: float) -> None:
        self._work = False
        self.wake_in(seconds)

    async def _claim(self, share: _Share) -> None:
        """While the store is asked, the slots count as taken and `_work` only shows what comes up meanwhile."""
        self._work = self._crowded = self._freed = False
        self._turn_of_retries = not self._turn_of_retries
        self._slots.fresh += share.limit
        try:
            claims = await self._store.claim(
                self.route.name,
                fresh=share.fresh,
                retries=share.retries,
                limit=share.limit,
                lease_us=self.lease_us,
                retries_first=share.probe or self._turn_of_retries,
                early=share.probe,
            )
        finally:
            self._slots.fresh -= share.limit
        if claims.more:
            self._work |= bool(claims.claims) or self._freed
            self._crowded = not self._work
        if claims.next_us is not None:
            self.wake_in(claims.next_us / _SECOND_US)
        self._take(claims.claims, probe=share.probe)

    def _take(self, claims: Sequence[Claim], *, probe: bool) -> None:
        if self._bucket and claims:
            self._bucket.take(len(claims), self._clock.monotonic_s())
        self._probing = probe and bool(claims)
        for claim in claims:
            if claim.attempt == 1:
                self._slots.fresh += 1
            else:
                self._slots.retries += 1
            self._under_way.add(claim.row)
            self._start(self, claim, None)
