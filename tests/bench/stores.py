"""The same gateway on SQLite and on PostgreSQL, in turn."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench.measure import Burst, burst, middle
from tests.bench.subjects import gateway, one_route
from tests.bench.table import Row
from tests.load.program import cores
from tests.load.receiver import Receiver
from tests.postgres_server import own_server

POSTGRES_RATIO = 0.7


async def stores(folder: Path, repetitions: int, alerts: int) -> list[Row]:
    """PostgreSQL has the core of the load: on a machine of its own it would take nothing from the gateway's."""
    on_file: list[Burst] = []
    on_server: list[Burst] = []
    os.sched_setaffinity(0, {cores()[1]})
    with own_server() as server:
        async with Receiver() as receiver:
            for _ in range(repetitions):
                async with gateway(folder, one_route(receiver.url)) as (subject, _):
                    on_file.append(await burst(subject.process, subject.port, [receiver], alerts))
                async with gateway(folder, one_route(receiver.url), GATEWAY_DATABASE=server.url) as (subject, _):
                    on_server.append(await burst(subject.process, subject.port, [receiver], alerts))
    ratio = middle([there.per_s / here.per_s for there, here in zip(on_server, on_file, strict=True)])
    cpu_us, per_s = middle([b.cpu_us for b in on_server]), middle([b.per_s for b in on_server])
    return [
        Row("PostgreSQL: CPU per alert, in, committed, out", f"{cpu_us:.0f} µs, {per_s:.0f}/s"),
        Row(
            "PostgreSQL: alerts/s against SQLite",
            f"{ratio:.2f} ×",
            f"≥ {POSTGRES_RATIO} ×",
            ratio >= POSTGRES_RATIO,
        ),
    ]
