"""Each part runs its subjects in turn, again and again, and takes the median of what neighbours in time differ by: no
machine is quiet for long.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from tests.bench.measure import CONNECTIONS, Burst, Stopwatch, bodies, burst, middle, paced, settle
from tests.bench.scaling import scaling
from tests.bench.stores import stores
from tests.bench.subjects import Routes, gateway, many_routes, one_route, relay, to, told_of_changes
from tests.bench.table import Row
from tests.load.program import Gateway, rss_mib
from tests.load.receiver import OK, SILENT, Receiver, Reply
from tests.load.sender import post_all

TELLING_RATIO = 1.25
CPU_RATIO, PER_S, P99_MS, IDLE_MIB, FULL_MIB, READY_S, ROUTES_RATIO, LOSS = 2.0, 2000, 10.0, 64, 130, 1.0, 1.5, 0.05


@dataclass(frozen=True, slots=True)
class Sizes:
    repetitions: int
    alerts: int
    paced_s: int
    backlog: int
    fanned_out: int


FULL = Sizes(repetitions=5, alerts=4000, paced_s=20, backlog=100_000, fanned_out=1000)
QUICK = Sizes(repetitions=2, alerts=1500, paced_s=4, backlog=10_000, fanned_out=300)


async def throughput(folder: Path, sizes: Sizes) -> list[Row]:
    yardstick: list[Burst] = []
    single: list[Burst] = []
    among: list[Burst] = []
    changes: list[Burst] = []
    ready: list[float] = []
    async with Receiver() as receiver:
        for _ in range(sizes.repetitions):
            async with relay(folder, receiver.url) as (process, port):
                yardstick.append(await burst(process, port, [receiver], sizes.alerts))
            async with gateway(folder, one_route(receiver.url)) as (subject, _):
                single.append(await burst(subject.process, subject.port, [receiver], sizes.alerts))
            async with gateway(folder, told_of_changes(receiver.url)) as (subject, _):
                changes.append(await burst(subject.process, subject.port, [receiver], sizes.alerts))
            async with gateway(folder, many_routes(receiver.url)) as (subject, ready_s):
                ready.append(ready_s)
                among.append(await burst(subject.process, subject.port, [receiver], sizes.alerts))
    relay_us, single_us = (middle([b.cpu_us for b in runs]) for runs in (yardstick, single))
    relay_s, single_s = (middle([b.per_s for b in runs]) for runs in (yardstick, single))
    taken = middle([one.taken for one in single])
    ratio = middle([one.cpu_us / yard.cpu_us for one, yard in zip(single, yardstick, strict=True)])
    telling = middle([told.cpu_us / one.cpu_us for told, one in zip(changes, single, strict=True)])
    spread = middle([many.cpu_us / one.cpu_us for many, one in zip(among, single, strict=True)])
    return [
        Row("relay: CPU per alert, in and out", f"{relay_us:.0f} µs, {relay_s:.0f}/s"),
        Row("gateway: CPU per alert, in, committed, out", f"{single_us:.0f} µs"),
        Row("gateway: CPU against the relay", f"{ratio:.2f} ×", f"≤ {CPU_RATIO} ×", ratio <= CPU_RATIO),
        Row("gateway: delivered, one core saturated", f"{single_s:.0f}/s ({taken:.0%} of the core went elsewhere)",
            f"≥ {PER_S}/s", single_s >= PER_S),
        Row("told of changes only: CPU against told everything", f"{telling:.2f} ×", f"≤ {TELLING_RATIO} ×",
            telling <= TELLING_RATIO),
        Row("1,000 routes, one of which takes it: CPU against one route", f"{spread:.2f} ×", f"≤ {ROUTES_RATIO} ×",
            spread <= ROUTES_RATIO),
        Row("1,000 routes: start to ready", f"{middle(ready):.2f} s"),
    ]  # fmt: skip


async def latency(folder: Path, sizes: Sizes) -> list[Row]:
    halves, tails, yard = [], [], []
    for _ in range(min(3, sizes.repetitions)):
        watch = Stopwatch()
        async with Receiver(_watched(watch)) as receiver, gateway(folder, one_route(receiver.url)) as (subject, _):
            await settle(subject.process)
            await paced(subject.port, watch, per_s=100, seconds=sizes.paced_s)
            await receiver.until(100 * sizes.paced_s, within_s=30)
        halves.append(watch.quantile_ms(0.5))
        tails.append(watch.quantile_ms(0.99))
        watch = Stopwatch()
        async with Receiver(_watched(watch)) as receiver, relay(folder, receiver.url) as (process, port):
            await settle(process)
            await paced(port, watch, per_s=100, seconds=max(2, sizes.paced_s // 4))
        yard.append(watch.quantile_ms(0.99))
    return [
        Row("100 alerts/s, post to arrival: p50", f"{middle(halves):.1f} ms"),
        Row("100 alerts/s, post to arrival: p99", f"{middle(tails):.1f} ms (relay {middle(yard):.1f})",
            f"< {P99_MS:.0f} ms", middle(tails) < P99_MS),
    ]  # fmt: skip


def _watched(watch: Stopwatch) -> Callable[[bytes], Reply]:
    def respond(body: bytes) -> Reply:
        watch.arrive(body)
        return OK

    return respond


async def footprint(folder: Path, sizes: Sizes) -> list[Row]:
    """Idle; then with a backlog whose receiver refuses connections; then started anew on that backlog."""
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))  # bound but not listening: nobody else gets the port
        url = f"http://127.0.0.1:{refusing.getsockname()[1]}/hook"
        async with gateway(folder, one_route(url)) as (subject, _):
            process, empty = subject.process, []
            for _ in range(min(3, sizes.repetitions)):
                process.kill()
                empty.append(await subject.start())
            await settle(process)
            idle = rss_mib(process.pid)
            await post_all(subject.port, bodies(sizes.backlog), CONNECTIONS)
            await settle(process)
            full, filled = rss_mib(process.pid), []
            for _ in range(min(3, sizes.repetitions)):
                process.kill()
                filled.append(await subject.start())
            await settle(process)
            again = rss_mib(process.pid)
    backlog, full = f"{sizes.backlog:,} deliveries waiting", max(full, again)
    return [
        Row("idle: resident memory", f"{idle:.0f} MiB", f"< {IDLE_MIB} MiB", idle < IDLE_MIB),
        Row("idle: start to ready", f"{middle(empty):.2f} s", f"< {READY_S:.0f} s", middle(empty) < READY_S),
        Row(f"{backlog}: resident memory", f"{full:.0f} MiB", f"< {FULL_MIB} MiB", full < FULL_MIB),
        Row(f"{backlog}: start to ready", f"{middle(filled):.2f} s", f"< {READY_S:.0f} s", middle(filled) < READY_S),
    ]


_TENTH = {
    "well": "",
    "hanging": "one that never answers",
    "refusing": "one that refuses, from the first second",
    "given up": "one that refuses, once its breaker is open",
}


async def isolation(folder: Path, sizes: Sizes) -> list[Row]:
    """Ten routes that take everything; the tenth receiver is well or fails in one of several ways."""
    rates: dict[str, list[float]] = {tenth: [] for tenth in _TENTH}
    for _ in range(min(3, sizes.repetitions)):
        for tenth, runs in rates.items():
            runs.append(await _fanned_out(folder, tenth, sizes.fanned_out))
    rows = [Row("ten receivers: alerts to nine of them, all well", f"{middle(rates['well']):.0f}/s")]
    for tenth, words in list(_TENTH.items())[1:]:
        loss = middle([1 - rate / well for rate, well in zip(rates[tenth], rates["well"], strict=True)])
        rows.append(Row(f"loss of the nine beside {words}", f"{loss:.1%}", f"< {LOSS:.0%}", loss < LOSS))
    return rows


async def _fanned_out(folder: Path, tenth: str, count: int) -> float:
    async with AsyncExitStack() as stack:
        nine = [await stack.enter_async_context(Receiver()) for _ in range(9)]
        silent = await stack.enter_async_context(Receiver(lambda _: SILENT if tenth == "hanging" else OK))
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))
        refusing = f"http://127.0.0.1:{closed.getsockname()[1]}/hook"
        urls = [*(receiver.url for receiver in nine), refusing if tenth in ("refusing", "given up") else silent.url]
        routes: Routes = {f"r{number}": to(url) for number, url in enumerate(urls)}
        subject, _ = await stack.enter_async_context(gateway(folder, routes))
        if tenth == "given up":
            await _until_open(subject, "r9")
        return (await burst(subject.process, subject.port, nine, count)).per_s


async def _until_open(subject: Gateway, route: str) -> None:
    """Now and then an alert, until the gateway has stopped trying that route."""
    for _ in range(60):
        await post_all(subject.port, bodies(1), 1)
        await asyncio.sleep(0.5)
        if await asyncio.to_thread(_status_of, subject.ops_port, route) == "open":
            return
    raise RuntimeError("the breaker did not open")


def _status_of(port: int, route: str) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/api/v1/routes")
        found = json.load(connection.getresponse())["routes"]
    finally:
        connection.close()
    return next(str(one["status"]) for one in found if one["name"] == route)


async def postgres(folder: Path, sizes: Sizes) -> list[Row]:
    return await stores(folder, sizes.repetitions, sizes.alerts)


async def replicas(folder: Path, sizes: Sizes) -> list[Row]:
    return await scaling(folder, min(3, sizes.repetitions), sizes.alerts)


PARTS: Mapping[str, Callable[[Path, Sizes], Awaitable[list[Row]]]] = {
    "throughput": throughput,
    "latency": latency,
    "footprint": footprint,
    "isolation": isolation,
    "postgres": postgres,
    "replicas": replicas,
}
