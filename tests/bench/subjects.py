"""What is measured: the gateway in several set-ups, and the relay beside it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.load.program import Gateway, Process, cores, free_port

ACCOUNT = "44412345678075"
Routes = Mapping[str, Mapping[str, str]]


@asynccontextmanager
async def relay(folder: Path, url: str) -> AsyncIterator[tuple[Process, int]]:
    port = free_port()
    process = Process(["-m", "tests.bench.relay", str(port), url], {}, folder / "relay.log", cores()[0])
    process.start()
    try:
        await process.ready(port, "/readyz")
        yield process, port
    finally:
        process.kill()


@asynccontextmanager
async def gateway(folder: Path, routes: Routes, **settings: str) -> AsyncIterator[tuple[Gateway, float]]:
    """A fresh gateway with an empty database, and the seconds it took to be ready."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        subject = Gateway(Path(own), core=cores()[0], **settings)
        for name, keys in routes.items():
            subject.route(name, **keys)
        try:
            ready_s = await subject.start()
            yield subject, ready_s
        finally:
            subject.process.kill()


def to(url: str, **keys: str) -> Mapping[str, str]:
    """A route to any HTTP receiver that gets the bytes as they came."""
    return {"DESTINATION": "webhook", "URL": url, "FORMAT": "original", **keys}


def one_route(url: str) -> Routes:
    return {"matching": to(url, ENVIRONMENTS=ACCOUNT)}


def told_of_changes(url: str) -> Routes:
    """The same route, whose receiver is told what it does not know yet: what it was told is looked up and kept."""
    return {"matching": to(url, ENVIRONMENTS=ACCOUNT, NOTIFY="new,grew,shrank,raised,suppressed,reopened")}


def many_routes(url: str, count: int = 1000) -> Routes:
    """The same route among others that take nothing, each for a reason of its own."""
    others = {f"other-{number}": to(url, **_unmet(number)) for number in range(count - 1)}
    return {**one_route(url), **others}


def _unmet(number: int) -> Mapping[str, str]:
    conditions: Sequence[Mapping[str, str]] = (
        {"ENVIRONMENTS": f"9{number:013d}", "MIN_SEVERITY": "low"},
        {"ENVIRONMENTS": f"https://github.com/team-{number}/*"},
        {"ENVIRONMENTS": f"subscription-{number}", "ALERT_TYPES": "Policy,GuardDuty", "NOT_RULES": "AR-1*"},
    )
    return conditions[number % len(conditions)]
