"""Several gateways on one PostgreSQL, all on this machine: what each alert costs whom, and whether that explains what
they carry.

The model: a gateway is one core at most, so N of them carry N / g; whatever shares the cores of a machine carries
together no more than those cores. With g, p and l the processor seconds of an alert in the gateways, in PostgreSQL, and
in the load (sender and receiver), and C cores of which others take a part, that is (C - others) / (g + p + l).
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import CONNECTIONS, WARM_UP, bodies, middle
from tests.bench.subjects import one_route
from tests.bench.table import Row
from tests.load.program import Gateway, core_used_s, cores, cpu_s
from tests.load.receiver import Receiver
from tests.load.sender import post_all
from tests.postgres_server import OwnServer, own_server

REPLICAS = (1, 2, 3)
_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Shared:
    """`per_s`: alerts in, committed and out. The rest in processor seconds for each alert; `cores`: that were ours."""

    replicas: int
    per_s: float
    gateways: float
    database: float
    load: float
    cores: float

    @property
    def modelled_per_s(self) -> float:
        return min(self.replicas / self.gateways, self.cores / (self.gateways + self.database + self.load))


async def scaling(folder: Path, repetitions: int, alerts: int) -> list[Row]:
    everywhere = set(cores())
    os.sched_setaffinity(0, everywhere)
    runs: list[Shared] = []
    with own_server() as server:
        async with Receiver() as receiver:
            for _ in range(repetitions):
                for count in REPLICAS:
                    async with gateways(folder, server, receiver, count) as subjects:
                        runs.append(await shared_burst(subjects, server, receiver, alerts))
    os.sched_setaffinity(0, {cores()[1]})
    return [_row([run for run in runs if run.replicas == count]) for count in REPLICAS]


def _row(runs: Sequence[Shared]) -> Row:
    def us(name: str) -> str:
        return f"{middle([getattr(run, name) for run in runs]) * 1e6:.0f}"

    per_s, modelled = middle([run.per_s for run in runs]), middle([run.modelled_per_s for run in runs])
    free = middle([run.cores for run in runs])
    return Row(
        f"gateways on one PostgreSQL, all on one machine: {runs[0].replicas}",
        f"{per_s:.0f}/s (model {modelled:.0f}/s of {free:.1f} cores; µs an alert: gateways {us('gateways')},"
        f" PostgreSQL {us('database')}, load {us('load')})",
    )


@asynccontextmanager
async def gateways(folder: Path, server: OwnServer, receiver: Receiver, count: int) -> AsyncIterator[list[Gateway]]:
    async with AsyncExitStack() as stack:
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        subjects = [Gateway(own / str(number), GATEWAY_DATABASE=server.url) for number in range(count)]
        for subject in subjects:
            for name, keys in one_route(receiver.url).items():
                subject.route(name, **keys)
            await subject.start()
            stack.callback(subject.process.kill)
        yield subjects


async def shared_burst(subjects: Sequence[Gateway], server: OwnServer, receiver: Receiver, alerts: int) -> Shared:
    await _through(subjects, receiver, WARM_UP)

    def spent() -> tuple[float, float, float, float]:
        us = os.times()
        gateways_s = sum(cpu_s(subject.process.pid) for subject in subjects)
        machine_s = sum(core_used_s(core) for core in set(cores()))
        return gateways_s, server.cpu_s(), us.user + us.system, machine_s

    began, before = time.perf_counter(), spent()
    await _through(subjects, receiver, alerts)
    took_s = time.perf_counter() - began
    gateways_s, database_s, load_s, machine_s = (after - first for after, first in zip(spent(), before, strict=True))
    others_s = max(0.0, machine_s - gateways_s - database_s - load_s)
    free = max(0.1, len(set(cores())) - others_s / took_s)
    return Shared(len(subjects), alerts / took_s, gateways_s / alerts, database_s / alerts, load_s / alerts, free)


async def _through(subjects: Sequence[Gateway], receiver: Receiver, alerts: int) -> None:
    until = receiver.count + alerts // len(subjects) * len(subjects)
    share = alerts // len(subjects)
    connections = CONNECTIONS // len(subjects)
    await asyncio.gather(*(post_all(subject.port, bodies(share), connections) for subject in subjects))
    await receiver.until(until, _WITHIN_S)
