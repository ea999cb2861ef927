"""Whatever is sent, the gateway answers without a fault of its own, and what it says it took is on the disk."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.journey.hostile_requests import HostileRequest, Hostility, Pool, pools
from tests.journey.journey_world import Process, a_route, environment
from tests.load.wire import Message, take

BATCH = 500
CONNECTIONS = 8
ANSWERED_WITHIN_S = 60.0


@dataclass(slots=True)
class Tally:
    """`stored`: ids of what was new; `known`: ids that answers for repeats named. `unanswered`: broken requests whose
    sender hung up before the answer; some of them may have been taken.
    """

    answers: Counter[str] = field(default_factory=Counter)
    stored: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    requests: int = 0
    unanswered: int = 0

    def add(self, answer: Message) -> None:
        status = answer.first.split(b" ", 2)[1].decode()
        assert not status.startswith("5"), (answer.first, answer.body)
        self.answers[status] += 1
        if status == "200":
            said = json.loads(answer.body)
            if said["status"] == "duplicate":
                self.known.add(said["id"])
            else:
                self.stored.append(said["id"])


class Talk(asyncio.Protocol):
    """One connection: everything is written at once, the answers are collected."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Message | None] = asyncio.Queue()
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (message := take(self._buffer)) is not None:
            self.answers.put_nowait(message)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.answers.put_nowait(None)


async def talk_soundly(port: int, requests: Sequence[HostileRequest], tally: Tally) -> None:
    """Each is answered, in order; a connection that the gateway closes is followed by a new one."""
    loop = asyncio.get_running_loop()
    left = list(requests)
    while left:
        transport, talk = await loop.create_connection(Talk, "127.0.0.1", port)
        transport.write(b"".join(request.raw for request in left))
        answered = 0
        while answered < len(left) and (answer := await talk.answers.get()) is not None:
            assert b"not valid HTTP" not in answer.body, left[answered].raw[:2000]
            answered += 1
            tally.add(answer)
        transport.abort()
        assert answered, f"no answer to {left[0].raw[:300]!r}"
        del left[:answered]


async def talk_brokenly(port: int, request: HostileRequest, tally: Tally) -> None:
    """It may be answered or not, as long as the connection ends."""
    transport, talk = await asyncio.get_running_loop().create_connection(Talk, "127.0.0.1", port)
    transport.write(request.raw)
    with suppress(OSError):
        transport.write_eof()
    answered = 0
    while (answer := await talk.answers.get()) is not None:
        tally.add(answer)
        answered += 1
    tally.unanswered += not answered
    transport.abort()


async def send(port: int, requests: Sequence[HostileRequest], tally: Tally) -> None:
    sound = [request for request in requests if request.sound]
    async with asyncio.timeout(ANSWERED_WITHIN_S), asyncio.TaskGroup() as tasks:
        for first in range(CONNECTIONS):
            tasks.create_task(talk_soundly(port, sound[first::CONNECTIONS], tally))
        for request in requests:
            if not request.sound:
                tasks.create_task(talk_brokenly(port, request, tally))
    tally.requests += len(requests)


def ids_on_disk(database: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        (store,) = db.execute("SELECT value FROM meta WHERE name = 'store'").fetchone()
        return [f"{store}-{row}" for (row,) in db.execute("SELECT id FROM alert")]


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_input_is_answered_with_a_fault_and_every_id_is_on_disk(
    tmp_path: Path, runner: asyncio.Runner, record_property: Callable[[str, object], None], count: int
) -> None:
    route = a_route("soc", URL="http://127.0.0.1:9/", ENABLED="false", MIN_SEVERITY="medium", ENVIRONMENTS="*4*")
    process = Process(environment(tmp_path, **route))
    tally, began_s = Tally(), monotonic()

    @settings(
        max_examples=count // BATCH,
        deadline=None,
        database=None,
        derandomize=count < 10_000,
        phases=[Phase.generate],  # a batch says which request it was; making it smaller would take minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32), pool=pools)
    def drive(seed: int, pool: Pool) -> None:
        hostility = Hostility(seed, pool)
        runner.run(send(port, [hostility.request() for _ in range(BATCH)], tally))

    runner.run(process.__aenter__())
    try:
        started = runner.run(process.until_said("gateway.started"))
        port = int(started["webhooks"].rpartition(":")[2])
        while tally.requests < count:
            drive()
        process.signal()
        assert runner.run(process.ended()) == 0
    finally:
        runner.run(process.__aexit__())
    found = ids_on_disk(tmp_path / "gateway.db")
    assert len(set(tally.stored)) == len(tally.stored)
    assert {*tally.stored, *tally.known} <= set(found)
    assert len(found) - len(tally.stored) <= tally.unanswered
    assert [line for line in process.lines if '"level":"error"' in line or not line.startswith("{")] == []
    assert {"200", "400", "401", "404", "405"} <= tally.answers.keys()
    took_s = monotonic() - began_s
    answers = ", ".join(f"{status}: {number:,}" for status, number in sorted(tally.answers.items()))
    record_property("figures", f"bad input: {tally.requests:,} requests in {took_s:.0f} s, none a 5xx ({answers})")
