"""One route's way out: how many deliveries are under way, when the next may start, and when nothing may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress

from gateway.domain.alert import Alert
from gateway.domain.delivery import Claim, Claims, RouteState, RouteStatus
from gateway.domain.outcome import Outcome
from gateway.pipeline.alarm import Alarm, Timer
from gateway.pipeline.claimer import Claimer
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.health import Change, Health
from gateway.pipeline.line import Hall, Line
from gateway.pipeline.slots import Share, Slots
from gateway.ports import Clock, Store, StoreUnavailable

_SECOND_US = 1_000_000
LEASE_MARGIN_S = 30.0
"""A lease outlives the longest possible attempt by this much, so that only a hung process loses one."""
_PAUSE_S = 1.0


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
        hall: Hall,
        start: Callable[[Lane, Claim, Alert | None], None],
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self.route = route
        self.lease_us = int((route.policy.timeout_s + LEASE_MARGIN_S) * _SECOND_US)
        self._health, self._store, self._clock = health, store, clock
        self._start, self._spawn = start, spawn
        self._slots = Slots(route.policy.concurrency, route.policy.pace, clock)
        self._claimer = Claimer(route, self._slots, store, self.lease_us)
        self._work = False  # something may be due that was not asked for yet
        self._crowded = False  # something is due that may not start yet
        self._freed = False  # a slot came free since the store was asked last
        self._pumping = self._stopped = False
        self._reserved, self._unreserved = 0, asyncio.Event()
        self._under_way: set[tuple[int, int]] = set()  # row and token
        self._probe: Claim | None = None
        self._alarm = Alarm(self.wake, clock=clock, timer=timer)
        self._line = Line(route.policy.concurrency, hall, clock=clock, timer=timer, late=self._disband)
        # What waits in the line is charged if the process is killed, and what is sent at a pace waits in any case.
        self._has_line = bool(route.policy.retry.schedule_s) and not route.policy.pace

    @property
    def state(self) -> RouteState:
        return self._health.state

    @property
    def is_stopped(self) -> bool:
        """Its pending deliveries read as parked."""
        return not self.route.policy.enabled or self.state.status is not RouteStatus.RUNNING

    @property
    def _is_held_up(self) -> bool:
        return self.is_stopped or self.state.hold_until_us > self._clock.now_us()

    def is_probe(self, claim: Claim) -> bool:
        """Whether it was handed out to learn if the receiver is back."""
        return claim is self._probe

    def reserve(self, size: int) -> bool:
        """Take a slot, or a place in the line for one, for an alert of so many bytes that is about to be stored, if it
        may be next. Not while others wait in the store: they came first.
        """
        if self._work or self._crowded or self._stopped or self._is_held_up:
            return False
        if self._line or self._slots.free < 1:
            return self._has_line and self._line.promise(size)
        if self._slots.startable < 1:
            return False
        if self.route.policy.pace and self._store.shared:
            return False  # how many may go is asked with the claim
        self._reserved += 1
        self._slots.occupy(1)
        return True

    def unreserve(self) -> None:
        """The reserved slot or place was not used."""
        if self._reserved:
            self._slots.vacate(1, unused=1)
        self._use_reserved()
        self._slot_freed()

    def begin(self, claim: Claim, alert: Alert) -> None:
        """Start the delivery for which a slot was reserved, now or when it is its turn."""
        if self._reserved:
            self._slots.vacate(1)
        self._use_reserved()
        self._line.join(claim, alert)
        self._move_up()

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
        self._move_up()
        try:
            await self._health.keep(change)
        finally:
            if change.turned:
                self.wake()

    def stop(self) -> None:
        """Start nothing more; what is handed out from now on is given back."""
        self._stopped = True
        self._alarm.switch_off()
        self._line.close()
        self._disband()
        self._note_reserved()

    async def unreserved(self) -> None:
        """After `stop`: wait until every slot reserved before was used or given back."""
        await self._unreserved.wait()

    def _use_reserved(self) -> None:
        if self._reserved:
            self._reserved -= 1
        else:
            self._line.promised -= 1
        self._note_reserved()

    def _note_reserved(self) -> None:
        if self._stopped and not self._reserved and not self._line.promised:
            self._unreserved.set()

    def _move_up(self) -> None:
        """Whoever waits in the line takes what slots are free, unless nothing may start."""
        if self._line and (self._stopped or self._is_held_up):
            self._disband()
        while self._line and self._slots.free > 0:
            claim, alert = self._line.next()
            self._slots.take(fresh=True)
            self._under_way.add((claim.row, claim.token))
            self._start(self, claim, alert)

    def _disband(self) -> None:
        """The line goes back to the store, where one can wait for long, and whose turn it is is decided anew."""
        if claims := self._line.disband():
            self._crowded = True
            self._spawn(self._give_back(claims))

    def _slot_freed(self) -> None:
        self._freed = True
        self._move_up()
        self._work |= self._crowded and not self._line
        self._pump_soon()

    def _pump_soon(self) -> None:
        """Nobody in the store is asked for while the line waits: it is short, and came first."""
        if self._work and not self._line and not self._pumping and not self._stopped:
            self._pumping = True
            self._spawn(self._pump())

    async def _pump(self) -> None:
        done = False
        try:
            with suppress(StoreUnavailable):
                while self._work and not self._line and not self._stopped and (share := self._share()) is not None:
                    await self._claim(share)
                done = True
        finally:
            self._pumping = False
            if not done:
                self.wake_in(_PAUSE_S)

    def _share(self) -> Share | None:
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
        free, limit = self._slots.free, self._slots.startable
        if free and not limit:
            self._wait(self._slots.wait_s)
        return Share(free, self._slots.free_for_retries, limit) if limit else None

    def _probe_share(self, now_us: int) -> Share | None:
        if self._under_way:
            return None
        if self.state.probe_at_us > now_us:
            self._wait((self.state.probe_at_us - now_us) / _SECOND_US)
            return None
        return Share(1, 1, 1, probe=True)

    def _wait(self, seconds: float) -> None:
        self._work, self._crowded = False, True
        self.wake_in(seconds)

    async def _claim(self, share: Share) -> None:
        self._work = self._crowded = self._freed = False
        claims = await self._claimer.claim(share)
        if not isinstance(claims, Claims):
            self._wait(claims)
            return
        if claims.more:
            self._work |= bool(claims.claims) or self._freed
            self._crowded = not self._work
        if claims.next_us:  # nought: it is due, has no slot, and waits for one, not for time
            self.wake_in(claims.next_us / _SECOND_US)
        if self._stopped:
            await self._give_back(claims.claims)
        else:
            self._take(claims.claims, probe=share.probe)
            self._move_up()

    def _take(self, claims: Sequence[Claim], *, probe: bool) -> None:
        for claim in claims:
            self._slots.take(fresh=claim.fresh)
            self._under_way.add((claim.row, claim.token))
            if probe:
                self._probe = claim
            self._start(self, claim, None)

    async def _give_back(self, claims: Sequence[Claim]) -> None:
        """Handed out, but too late. What cannot be given back is found when its lease has run out."""
        if claims:
            with suppress(StoreUnavailable):
                await self._store.release(claims)
            self.wake()
