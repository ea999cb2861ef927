"""How long it takes to judge many recorded alerts: the whole of it, from the command to its last line."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.domain.delivery import NewAlert, NewDelivery
from gateway.domain.optix import Unreadable, parse
from gateway.domain.silence import Silence, parse_silence
from gateway.domain.snapshot import digest_of, snapshot_of
from gateway.domain.telling import State
from gateway.queue.sqlite import open_sqlite
from gateway.wiring import SystemClock
from tests.load.alerts import body
from tests.load.disk import real_disk
from tests.load.program import Gateway

ALERTS, SILENCES, WITHIN_S = 100_000, 2000, 60.0
_AT_ONCE = 500
_HOOK = {"DESTINATION": "webhook", "URL": "https://receiver.example/"}
_ROUTES = {"all": _HOOK, "high": _HOOK | {"MIN_SEVERITY": "high"}, "other": _HOOK | {"NOT_RULES": "AR-251"}}


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    with tempfile.TemporaryDirectory(prefix="optix-gateway-backtest-", dir=real_disk()) as name:
        made = Gateway(Path(name))
        for route, keys in _ROUTES.items():
            made.route(route, ENABLED="false", **keys)
        await fill(Path(name) / "gateway.db")
        await made.start()
        yield made
        made.process.kill()


async def fill(database: Path) -> None:
    """Two thousand incidents that repeat, an alert a second, the last one now. Ten silences are in force all the time,
    of which none takes one of them.
    """
    clock = SystemClock()
    store = await open_sqlite(
        database, clock=clock, disk_reserve_bytes=0, on_fatal=pytest.fail, on_commit=lambda *_: None
    )
    began_us = clock.now_us() - ALERTS * 1_000_000
    for start in range(0, ALERTS, _AT_ONCE):
        numbers = range(start, start + _AT_ONCE)
        await asyncio.gather(*(store.put(recorded(n, began_us + n * 1_000_000), {}) for n in numbers))
    every_us = ALERTS * 1_000_000 // SILENCES
    await asyncio.gather(*(store.put_silence(a_silence(n, began_us + n * every_us)) for n in range(SILENCES)))
    await store.close()


def a_silence(number: int, made_us: int) -> Silence:
    lasts_us = 10 * ALERTS * 1_000_000 // SILENCES
    asked = {"reason": "work", "author": "me", "lasts_us": lasts_us, "RULES": ["AR-9*"], "ROUTES": ["*"]}
    return parse_silence(asked, silence_id=f"{number:04}", now_us=made_us)


def recorded(number: int, received_us: int) -> NewAlert:
    sent = body(f"A-{number % 2000}", number)
    alert = parse("optix", sent)
    assert not isinstance(alert, Unreadable)
    snapshot = snapshot_of(alert)
    return NewAlert(
        "optix",
        sha256(sent).digest(),
        sent,
        received_us,
        "r1",
        key=alert.key,
        environment=alert.environment,
        deliveries=(NewDelivery("all"), NewDelivery("high")),
        state=State(snapshot, digest_of(snapshot)),
    )


@pytest.mark.slow
async def test_a_hundred_thousand_alerts_are_judged_within_a_minute(
    gateway: Gateway, record_property: Callable[[str, object], None]
) -> None:
    command = [sys.executable, "-m", "gateway", "backtest", "--json"]
    began_s = time.perf_counter()
    program = await asyncio.create_subprocess_exec(
        *command, env=gateway.process.environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, wrong = await program.communicate()
    took_s = time.perf_counter() - began_s
    figure = f"{ALERTS} recorded alerts, {SILENCES} silences, {len(_ROUTES)} routes: {took_s:.1f} s"
    record_property("figures", figure)
    sys.stderr.write(f"{figure}\n")
    assert (program.returncode, wrong) == (0, b"")
    report = json.loads(said)
    assert {route["name"]: route["told"] for route in report["routes"]} == {"all": ALERTS, "high": ALERTS, "other": 0}
    assert (report["alerts"], report["silences"]) == (ALERTS, SILENCES)
    assert not report["differs"]
    assert took_s < WITHIN_S, figure
