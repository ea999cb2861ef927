"""One route's way out: how many deliveries are under way, when the next may start, and when nothing may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.domain.alert import Alert
from gateway.domain.delivery import Claim, Claims, RouteState, RouteStatus
from gateway.domain.outcome import Outcome
from gateway.domain.pace import TokenBucket
from gateway.pipeline.alarm import Alarm, Timer
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.health import Change, Health
from gateway.pipeline.slots import Slots
from gateway.ports import Clock, Store, StoreUnavailable

_SECOND_US = 1_000_000
LEASE_MARGIN_S = 30.0
"""A lease outlives the longest possible attempt by this much, so that only a hung process loses one."""
_PAUSE_S = 1.0
_PROBE_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class _Share:
    """What one claim may ask for. `probe`: one delivery, to learn whether the receiver is back."""

    fresh: int
    retries: int
    limit: int
    probe: bool = False


class Lane:
    """Claims what is due for one route as slots, pace and health allow, and starts an attempt for each claim.

    `start` is called with (lane, claim, alert or None) and must see to it that `ended` is called for each. `spawn` runs
    work of the lane's own.
    """

    def __init__(
        self,
        route: ConfiguredRoute,
        health: Health,
        *,
        store: Store,
        clock: Clock,
        timer: Timer,
        start: Callable[[Lane, Claim, Alert | None], None],
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self.route = route
        self.lease_us = int((route.policy.timeout_s + LEASE_MARGIN_S) * _SECOND_US)
        self._health, self._store, self._clock = health, store, clock
        self._start, self._spawn = start, spawn
        self._slots = Slots(route.policy.concurrency)
        self._bucket = TokenBucket(route.policy.pace, clock.monotonic_s()) if route.policy.pace else None
        self._work = False  # something may be due that was not asked for yet
        self._crowded = False  # something is due that may not start yet
        self._freed = False  # a slot came free since the store was asked last
        self._pumping = self._stopped = self._turn_of_retries = False
        self._reserved = 0
        self._unreserved = asyncio.Event()
        self._under_way: set[tuple[int, int]] = set()  # row and token
        self._probe: Claim | None = None
        self._alarm = Alarm(self.wake, clock=clock, timer=timer)

    @property
    def state(self) -> RouteState:
        return self._health.state

    @property
    def is_stopped(self) -> bool:
        """Its pending deliveries read as parked."""
        return not self.route.policy.enabled or self.state.status is not RouteStatus.RUNNING

    def is_probe(self, claim: Claim) -> bool:
        """Whether it was handed out to learn if the receiver is back."""
        return claim is self._probe

    def reserve(self) -> bool:
        """Take a slot for an alert that is about to be stored, if one may start at once. Not while others wait: they
        came first.
        """
        if self._work or self._crowded or self._stopped or self.is_stopped or self._slots.free < 1:
            return False
        now_s = self._clock.monotonic_s()
        if self.state.hold_until_us > self._clock.now_us() or (self._bucket and self._bucket.available(now_s) < 1):
            return False
        if self._bucket and self._store.shared:
            return False  # how many may go is asked with the claim
        self._reserved += 1
        self._occupy(1)
        return True

    def unreserve(self) -> None:
        """The reserved slot was not used."""
        self._vacate(1, unused=1)
        self._use_reserved()
        self._slot_freed()

    def begin(self, claim: Claim, alert: Alert) -> None:
        """Start the delivery for which a slot was reserved."""
        if self._stopped:
            self._vacate(1)
            self._spawn(self._give_back((claim,)))
        else:
            self._under_way.add((claim.row, claim.token))
            self._start(self, claim, alert)
        self._use_reserved()

    def wake(self) -> None:
        """Something is due, or may be."""
        self._work = True
        self._pump_soon()

    def wake_in(self, seconds: float) -> None:
        """Something is due then."""
        self._alarm.set(seconds)

    @property
    def version(self) -> int:
        """Of its state: as long as it is the same, and even, nothing of it is being written down."""
        return self._health.version

    def adopt(self, stored: RouteState) -> None:
        """What another replica wrote of the route."""
        if self._health.adopt(stored):
            self.wake()

    def wake_if_probing(self) -> None:
        """At start: a route that was stopped by an outcome looks for a delivery to probe with."""
        if self.state.status is RouteStatus.OPEN:
            self.wake()

    def settle(self, claim: Claim, outcome: Outcome | None) -> Change | None:
        """The receiver has answered: the slot is free, and the outcome bears on the route's health from now on, which
        is to be remembered. None: nothing was sent, so nothing was learned.

        This comes before the result is on disk, so that the next claim shares its commit.
        """
        change = self._health.judge(outcome) if outcome else None
        self.ended(claim)
        return change

    def ended(self, claim: Claim) -> None:
        """An attempt is over, one way or the other; a second call for the same one does nothing."""
        if (claim.row, claim.token) not in self._under_way:
            return
        self._under_way.remove((claim.row, claim.token))
        self._slots.give_back(fresh=claim.fresh)
        if claim is self._probe:
            self._probe, self._work = None, True
        self._slot_freed()

    async def remember(self, change: Change) -> None:
        """Put what an outcome changed on disk, where it matters after a restart, and act on it."""
        with suppress(StoreUnavailable):
            await self._turn(change)

    async def pause(self, reason: str) -> None:
        """StoreUnavailable: it is paused, but may not be after a restart."""
        await self._turn(self._health.pause(reason))

    async def resume(self) -> None:
        """Run again, whatever stopped it; what waits goes out at once. StoreUnavailable: for as long as we run."""
        await self._turn(self._health.resume())

    async def _turn(self, change: Change) -> None:
        try:
            await self._health.keep(change)
        finally:
            if change.turned:
                self.wake()

    def stop(self) -> None:
        """Start nothing more; what is handed out from now on is given back."""
        self._stopped = True
        self._alarm.switch_off()
        if not self._reserved:
            self._unreserved.set()

    async def unreserved(self) -> None:
        """After `stop`: wait until every slot reserved before was used or given back."""
        await self._unreserved.wait()

    def _use_reserved(self) -> None:
        self._reserved -= 1
        if self._stopped and not self._reserved:
            self._unreserved.set()

    def _occupy(self, count: int) -> None:
        """Slots and tokens are taken before it is known what for, so that nobody else takes them meanwhile."""
        self._slots.fresh += count
        if self._bucket:
            self._bucket.take(count, self._clock.monotonic_s())

    def _vacate(self, count: int, unused: int = 0) -> None:
        self._slots.fresh -= count
        if self._bucket:
            self._bucket.give_back(unused)

    def _slot_freed(self) -> None:
        self._freed = True
        self._work |= self._crowded
        self._pump_soon()

    def _pump_soon(self) -> None:
        if self._work and not self._pumping and not self._stopped:
            self._pumping = True
            self._spawn(self._pump())

    async def _pump(self) -> None:
        done = False
        try:
            with suppress(StoreUnavailable):
                while self._work and not self._stopped and (share := self._share()) is not None:
                    await self._claim(share)
                done = True
        finally:
            self._pumping = False
            if not done:
                self.wake_in(_PAUSE_S)

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
        self._work, self._crowded = False, True
        self.wake_in(seconds)

    async def _claim(self, share: _Share) -> None:
        self._work = self._crowded = self._freed = False
        granted = await self._granted(share)
        if granted is None:
            return
        claims = await self._asked(granted)
        if self._store.shared and self._bucket and len(claims.claims) < granted.limit:
            pace = self.route.policy.pace
            await self._store.take_pace(self.route.name, pace, len(claims.claims) - granted.limit)  # type: ignore[arg-type]  # a bucket has one
        if claims.more:
            self._work |= bool(claims.claims) or self._freed
            self._crowded = not self._work
        if claims.next_us:  # nought: it is due, has no slot, and waits for one, not for time
            self.wake_in(claims.next_us / _SECOND_US)
        if self._stopped:
            await self._give_back(claims.claims)
        else:
            self._take(claims.claims, probe=share.probe)

    async def _granted(self, share: _Share) -> _Share | None:
        """As much of it as all replicas together may start now; None when nothing, with an alarm set."""
        if not self._store.shared:
            return share
        if share.probe and not await self._store.take_turn(f"probe {self.route.name}", self.lease_us / _SECOND_US):
            self._wait(_PROBE_PAUSE_S)
            return None
        pace = self.route.policy.pace
        if pace is None:
            return share
        most, wait_s = await self._store.take_pace(self.route.name, pace, share.limit)
        if not most:
            self._wait(max(wait_s, 0.01))
            return None
        return replace(share, limit=most)

    async def _asked(self, share: _Share) -> Claims:
        """What the store hands out."""
        self._turn_of_retries = not self._turn_of_retries
        self._occupy(share.limit)
        claims, grouping = Claims(), self.route.terms.grouping
        try:
            claims = await self._store.claim(
                self.route.name,
                fresh=share.fresh,
                retries=share.retries,
                limit=share.limit,
                lease_us=self.lease_us,
                retries_first=share.probe or self._turn_of_retries,
                early=share.probe,
                group_interval_us=grouping.interval_us if grouping else 0,
            )
        finally:
            self._vacate(share.limit, unused=share.limit - len(claims.claims))
        return claims

    def _take(self, claims: Sequence[Claim], *, probe: bool) -> None:
        for claim in claims:
            self._slots.take(fresh=claim.fresh)
            self._under_way.add((claim.row, claim.token))
            if probe:
                self._probe = claim
            self._start(self, claim, None)

    async def _give_back(self, claims: Sequence[Claim]) -> None:
        """Handed out, but too late. What cannot be given back is found at the next start."""
        if claims:
            with suppress(StoreUnavailable):
                await self._store.release(claims)
