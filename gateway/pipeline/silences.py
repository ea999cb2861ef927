"""Silences as they are asked for with every alert: kept here, on disk in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.domain.query import Page
from gateway.domain.silence import Silence, parse_silence
from gateway.ports import Clock, Store


class Silences:
    """`refresh` once before the first alert, and from time to time where others may change them too."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._known: tuple[Silence, ...] = ()
        self._named_us = 0

    async def refresh(self) -> None:
        self._known = await self._store.silences()

    async def begin(self, values: Mapping[str, Any]) -> Silence:
        """Raises SilenceMistakes; `values` as in `parse_silence`."""
        now_us = self._clock.now_us()
        self._named_us = max(now_us, self._named_us + 1)  # two of one microsecond are two
        silence = parse_silence(values, silence_id=f"{self._named_us:x}", now_us=now_us)
        await self._store.put_silence(silence)
        await self.refresh()
        return silence

    async def end(self, silence_id: str) -> tuple[str, ...] | None:
        """The routes for which it held something, which is due now; None when there was no such silence."""
        routes = await self._store.end_silence(silence_id)
        await self.refresh()
        return routes

    def all(self) -> tuple[Silence, ...]:
        """Those that are not over."""
        return tuple(silence for silence in self._known if silence.expires_us > self._clock.now_us())

    async def past(self, since_us: int, *, limit: int, cursor: str = "") -> Page:
        """Also those that are over, of which every one was in force or to come at that time or later. Raises
        UnknownCursor.
        """
        return await self._store.past_silences(since_us, limit=limit, cursor=cursor)

    def active(self, now_us: int) -> tuple[Silence, ...]:
        return tuple(silence for silence in self._known if silence.is_active(now_us)) if self._known else ()
