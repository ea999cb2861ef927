"""Work beside the journeys of alerts: when it ends by a fault, the gateway must not go on without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from functools import partial

import structlog


class Broken:
    """Set, with the reason, when the gateway must end because a part of it failed; a supervisor starts it again."""

    def __init__(self) -> None:
        self._event, self.reason = asyncio.Event(), ""

    def report(self, reason: str) -> None:
        self.reason = self.reason or reason
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()


@asynccontextmanager
async def beside(broken: Broken, **tasks: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Tasks that run as long as the body does. One that ends by a fault is reported: the gateway then ends in good
    order, which a task group, cancelling the body and wrapping whatever that raises, would not let it.
    """
    started = [asyncio.get_running_loop().create_task(task, name=name) for name, task in tasks.items()]
    for task in started:
        task.add_done_callback(partial(_report_fault, broken))
    try:
        yield
    finally:
        for task in started:
            task.cancel()
        await asyncio.wait(started)


def _report_fault(broken: Broken, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        structlog.get_logger().error("task.crashed", task=task.get_name(), exc_info=error)
        broken.report(f"a fault of the gateway ended its {task.get_name()} ({type(error).__name__})")
