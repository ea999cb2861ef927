"""A store that refuses what it is told to refuse, and otherwise is the real one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from gateway.ports import Store, StoreUnavailable


class FaultyStore:
    """`fails`: names of methods that raise `error` instead of asking the store. `late`: names of methods that answer
    only while `gate` is open. `calls`: what was asked, in order.
    """

    def __init__(self) -> None:
        self.fails: set[str] = set()
        self.late: set[str] = set()
        self.error: Exception = StoreUnavailable("the disk is full")
        self.gate = asyncio.Event()
        self.calls: list[str] = []
        self._store: object = None

    def around(self, store: Store) -> Store:
        self._store = store
        return cast("Store", self)

    def __getattr__(self, name: str) -> object:
        method = getattr(self._store, name)
        return self._dressed(name, method) if callable(method) else method

    def _dressed(self, name: str, method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def call(*args: object, **kw: object) -> object:
            self.calls.append(name)
            if name in self.fails:
                raise self.error
            answer = await method(*args, **kw)
            if name in self.late:
                await self.gate.wait()
            return answer

        return call
