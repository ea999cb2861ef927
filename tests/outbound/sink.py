"""A receiver of streams that keeps what each connection sent."""

from __future__ import annotations

import asyncio


class Sink:
    """Keeps what each connection sent."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._change = asyncio.Condition()

    async def __call__(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        place = len(self.heard)
        self.heard.append(b"")
        while data := await reader.read(65536):
            async with self._change:
                self.heard[place] += data
                self._change.notify_all()

    async def until(self, heard: list[bytes]) -> None:
        async with self._change:
            try:
                await asyncio.wait_for(self._change.wait_for(lambda: self.heard == heard), 5)
            except TimeoutError:
                assert self.heard == heard
