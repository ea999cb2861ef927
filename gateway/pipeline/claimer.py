"""How a route's lane asks the store for deliveries: as many as slots, pace and the other replicas allow."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.delivery import Claims
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.slots import Share, Slots
from gateway.ports import Store

_SECOND_US = 1_000_000
_PROBE_PAUSE_S = 5.0
_SHORTEST_WAIT_S = 0.01


class Claimer:
    def __init__(self, route: ConfiguredRoute, slots: Slots, store: Store, lease_us: int) -> None:
        self._route, self._slots, self._store, self._lease_us = route, slots, store, lease_us
        self._turn_of_retries = False

    async def claim(self, share: Share) -> Claims | float:
        """What the store hands out; where all replicas together may start nothing now, the seconds to wait."""
        pace = self._route.policy.pace if self._store.shared else None
        if self._store.shared and share.probe and not await self._is_prober():
            return _PROBE_PAUSE_S
        if pace is None:
            return await self._claim(share)
        most, wait_s = await self._store.take_pace(self._route.name, pace, share.limit)
        if not most:
            return max(wait_s, _SHORTEST_WAIT_S)
        claims = await self._claim(replace(share, limit=most))
        if unused := most - len(claims.claims):
            await self._store.take_pace(self._route.name, pace, -unused)
        return claims

    async def _is_prober(self) -> bool:
        return await self._store.take_turn(f"probe {self._route.name}", self._lease_us / _SECOND_US)

    async def _claim(self, share: Share) -> Claims:
        self._turn_of_retries = not self._turn_of_retries
        self._slots.occupy(share.limit)
        claims, grouping = Claims(), self._route.terms.grouping
        try:
            claims = await self._store.claim(
                self._route.name,
                fresh=share.fresh,
                retries=share.retries,
                limit=share.limit,
                lease_us=self._lease_us,
                retries_first=share.probe or self._turn_of_retries,
                early=share.probe,
                group_interval_us=grouping.interval_us if grouping else 0,
            )
        finally:
            self._slots.vacate(share.limit, unused=share.limit - len(claims.claims))
        return claims
