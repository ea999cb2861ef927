from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median

from tests.load import alerts
from tests.load.program import Process, core_used_s, cores, cpu_s
from tests.load.receiver import Receiver
from tests.load.sender import Sender, post_all

CONNECTIONS = 64
WARM_UP = 300
_ARRIVAL_WITHIN_S = 60.0
_QUIET_S = 0.3
_QUIET_SHARE = 0.1

_runs = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Burst:
    """`cpu_us`: processor time for each alert, everything included. `per_s`: alerts that arrived each second.
    `taken`: the share of its core that went elsewhere meanwhile: to other programs, the host, or the kernel's own
    threads, some of which (the file system's journal) work for this program. It explains a figure, never corrects one.
    """

    cpu_us: float
    per_s: float
    taken: float


def bodies(count: int) -> Iterator[bytes]:
    """So many alerts, none of which was ever sent before."""
    run = next(_runs)
    return (alerts.body(f"B{run}-{number:07d}") for number in range(count))


async def quiet(process: Process) -> None:
    """Wait until the program has nothing more to do (or keeps busy for good)."""
    for _ in range(20):
        before = cpu_s(process.pid)
        await asyncio.sleep(_QUIET_S)
        if cpu_s(process.pid) - before <= _QUIET_S * _QUIET_SHARE:
            return


async def burst(process: Process, port: int, receivers: Sequence[Receiver], count: int) -> Burst:
    """As many alerts as the program can take at once, until each receiver has them all."""
    await _through(port, receivers, WARM_UP)
    await quiet(process)
    began, cpu_before, core_before = time.perf_counter(), cpu_s(process.pid), core_used_s(cores()[0])
    await _through(port, receivers, count)
    took_s = time.perf_counter() - began
    taken_s = core_used_s(cores()[0]) - core_before - (cpu_s(process.pid) - cpu_before)
    await quiet(process)
    taken = min(max(taken_s / took_s, 0.0), 0.9)
    return Burst((cpu_s(process.pid) - cpu_before) / count * 1e6, count / took_s, taken)


async def _through(port: int, receivers: Sequence[Receiver], count: int) -> None:
    wanted = [(receiver, receiver.count + count) for receiver in receivers]
    await post_all(port, bodies(count), CONNECTIONS)
    for receiver, until in wanted:
        await receiver.until(until, _ARRIVAL_WITHIN_S)


class Stopwatch:
    """From the start of each post to its arrival, by the alert's id."""

    def __init__(self) -> None:
        self._posted: dict[bytes, float] = {}
        self.taken_s: list[float] = []

    def post(self, body: bytes) -> None:
        self._posted[body] = time.perf_counter()

    def arrive(self, body: bytes) -> None:
        began = self._posted.pop(body, None)
        if began is not None:
            self.taken_s.append(time.perf_counter() - began)

    def quantile_ms(self, share: float) -> float:
        ordered = sorted(self.taken_s)
        return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share) - 1)] * 1e3


async def paced(port: int, watch: Stopwatch, *, per_s: int, seconds: int) -> None:
    """Posts at a fixed rate, whatever the answers take."""
    idle: asyncio.Queue[Sender] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        sender = Sender(port)
        await sender.open()
        idle.put_nowait(sender)

    async def post(body: bytes) -> None:
        sender = await idle.get()
        watch.post(body)
        await sender.post(body)
        idle.put_nowait(sender)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, body in enumerate(bodies(per_s * seconds)):
            await asyncio.sleep(max(0.0, began + number / per_s - time.perf_counter()))
            group.create_task(post(body))
    while not idle.empty():
        idle.get_nowait().close()


def middle(values: Sequence[float]) -> float:
    return median(values)


async def settle(process: Process) -> None:
    """A moment for a fresh program to finish what it does after it is ready."""
    with suppress(ProcessLookupError):
        await quiet(process)
