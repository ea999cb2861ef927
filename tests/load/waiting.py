from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_POLL_S = 0.02


async def holds(condition: Callable[[], bool], within_s: float) -> bool:
    """Wait for something that no event tells of, such as what another process does; False when it never came true."""
    by = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > by:
            return False
        await asyncio.sleep(_POLL_S)
    return True
