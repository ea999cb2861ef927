"""SIGKILL to a gateway whose receivers are told of changes, in groups and in hours: nothing is lost, and nothing is
told twice beyond what was in flight.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, web

from tests.journey.journey_world import (
    Client,
    Process,
    Receiver,
    a_body,
    a_route,
    environment,
    session,
    until,
)

NEWS = "new,grew,shrank,raised,suppressed,reopened,changed"


@pytest.fixture
async def made() -> AsyncIterator[ClientSession]:
    async with session() as made:
        yield made


def standing(alert_id: str, *listed: str, seen: int = 0) -> bytes:
    """How the incident stands: `bucket` is open, `-bucket` suppressed. `seen` makes a repeat no exact one."""
    resources = [
        {"resourceInfo": info.removeprefix("-"), "state": "SUPPRESS" if info.startswith("-") else "OPEN"}
        for info in listed
    ]
    return a_body(alert_id, affectedResources=resources, score=83, lastSeen=f"2024-01-02T03:04:{seen:02}Z")


@asynccontextmanager
async def until_killed(environ: Mapping[str, str], made: ClientSession) -> AsyncIterator[Client]:
    """A gateway that ends by SIGKILL, without a word."""
    async with Process(environ) as process:
        yield await process.client(made)
        process.signal(signal.SIGKILL)
        await process.ended()


def states_on_disk(folder: Path) -> Counter[tuple[str, int]]:
    """(alert id, state as stored) of every delivery."""
    with closing(sqlite3.connect(f"file:{folder / 'gateway.db'}?mode=ro", uri=True)) as db:
        return Counter(
            db.execute("SELECT a.alert_id, d.state FROM delivery AS d JOIN alert AS a ON a.id = d.alert").fetchall()
        )


PENDING, SENDING, DELIVERED, SUPERSEDED = 0, 1, 3, 5


async def test_a_group_that_waits_is_one_message_after_a_kill(tmp_path: Path, made: ClientSession) -> None:
    async with Receiver() as receiver:
        route = a_route("soc", URL=receiver.url(), FORMAT="alert", NOTIFY=NEWS, GROUP_BY="environment", GROUP_WAIT="3s")
        environ = environment(tmp_path, **route)
        async with until_killed(environ, made) as client:
            for name in ("a", "b", "c"):
                await client.accepted(standing(name, "bucket"))
        assert receiver.got == []
        async with until_killed(environ, made) as client:
            await receiver.until(1)
            await until(lambda: states_on_disk(tmp_path)["c", DELIVERED] == 1)
        async with until_killed(environ, made) as client:
            for name in ("a", "b", "c"):
                await client.accepted(standing(name, "bucket", seen=1))
            await client.accepted(standing("d", "bucket"))
            await until(lambda: states_on_disk(tmp_path)["d", PENDING] == 1)
    (received,) = receiver.got
    assert json.loads(received.body)["extra"]["alert_count"] == 3
    assert states_on_disk(tmp_path)["a", DELIVERED] == 1
    assert sum(states_on_disk(tmp_path).values()) == 4, "a repeat makes no delivery"


async def test_a_group_that_was_under_way_is_sent_again_whole_by_the_same_name(
    tmp_path: Path, made: ClientSession
) -> None:
    async with Receiver() as receiver:
        route = a_route("soc", URL=receiver.url(), FORMAT="alert", NOTIFY=NEWS, GROUP_BY="environment", GROUP_MAX=3)
        environ = environment(tmp_path, **route)
        receiver.shut()
        async with until_killed(environ, made) as client:
            for name in ("a", "b", "c"):
                await client.accepted(standing(name, "bucket"))
            await receiver.until(1)
        receiver.open()
        async with until_killed(environ, made):
            await until(lambda: states_on_disk(tmp_path)["a", DELIVERED] == 1)
    first, again = [json.loads(received.body) for received in receiver.got]
    assert first["extra"]["alert_count"] == again["extra"]["alert_count"] == 3
    assert set(states_on_disk(tmp_path)) == {(name, DELIVERED) for name in "abc"}


async def test_what_a_window_holds_is_held_over_kills_and_only_what_is_open_is_sent(
    tmp_path: Path, made: ClientSession
) -> None:
    today = datetime.now(UTC).date()
    async with Receiver() as receiver:
        keys = {"URL": receiver.url(), "FORMAT": "alert", "NOTIFY": NEWS}
        environ = environment(tmp_path, **a_route("soc", MUTE=f"{today}..{today + timedelta(2)}", **keys))
        async with until_killed(environ, made) as client:
            for name in ("over", "open"):
                await client.accepted(standing(name, "bucket"))
        async with until_killed(environ, made) as client:
            await client.accepted(standing("over", "-bucket"))
            await client.accepted(standing("open", "bucket", "queue"))
            await until(lambda: states_on_disk(tmp_path)["over", SUPERSEDED] > 0)
            await until(
                lambda: not {PENDING, SENDING} & {state for name, state in states_on_disk(tmp_path) if name == "over"}
            )
        assert receiver.got == []
        assert states_on_disk(tmp_path)["open", PENDING] == 1
        async with until_killed(environment(tmp_path, **a_route("soc", **keys)), made):
            await until(lambda: states_on_disk(tmp_path)["open", DELIVERED] == 1)
    (received,) = receiver.got
    assert len(json.loads(received.body)["resources"]) == 2


class Homeserver:
    """A Matrix room: answers each message with the id of its event, unless somebody kills the sender before."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.before_answer: asyncio.Event | None = None
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        transaction = request.path.rpartition("/")[2]
        self.got.append((transaction, await request.json()))
        if self.before_answer is not None:
            await self.before_answer.wait()
        return web.json_response({"event_id": f"$event-of-{transaction}"})


async def test_a_kill_between_a_delivery_and_the_record_of_its_reference_repeats_that_message_only(
    tmp_path: Path, made: ClientSession
) -> None:
    homeserver = Homeserver()
    async with homeserver as url:
        route = a_route("chat", "matrix", URL=url, TOKEN="matrix-token", ROOM_ID="!room:example.com", NOTIFY=NEWS)
        environ = environment(tmp_path, **route)
        homeserver.before_answer = never = asyncio.Event()
        async with until_killed(environ, made) as client:
            await client.accepted(standing("a", "bucket"))
            await until(lambda: len(homeserver.got) == 1)
        homeserver.before_answer = None
        never.set()
        async with until_killed(environ, made) as client:
            await until(lambda: states_on_disk(tmp_path)["a", DELIVERED] == 1)
            await client.accepted(standing("a", "bucket", seen=1))
        async with until_killed(environ, made) as client:
            await client.accepted(standing("a", "bucket", "queue"))
            await until(lambda: states_on_disk(tmp_path)["a", DELIVERED] == 2)
    (first, _), (again, _), (_, follow_up) = homeserver.got
    assert first == again, "by which the room knows it"
    assert follow_up["m.relates_to"]["event_id"] == f"$event-of-{first}"


INCIDENTS, STATES, KILLS = 6, 30, 3


async def test_kills_under_load_leave_every_receiver_with_the_last_state_of_everything(
    tmp_path: Path, made: ClientSession
) -> None:
    """Every incident grows, so a state that comes with two names was told twice."""
    async with Receiver() as receiver:
        environ = environment(tmp_path, **a_route("soc", URL=receiver.url(), FORMAT="alert", NOTIFY=NEWS))
        gateway = _Killed(environ, made)
        async with asyncio.TaskGroup() as tasks:
            sending = [tasks.create_task(_grow(gateway, f"incident-{each}")) for each in range(INCIDENTS)]
            tasks.create_task(gateway.run(KILLS, Random(7), sending))
        async with until_killed(environ, made) as client:
            await until(lambda: not any(state < DELIVERED for _, state in states_on_disk(tmp_path)))
            assert (await client.get("/api/v1/deliveries?state=dead"))["deliveries"] == []
    told = [json.loads(received.body) for received in receiver.got]
    names: dict[tuple[str, int], set[str]] = {}
    for received, alert in zip(receiver.got, told, strict=True):
        key = (alert["alert_id"], len(alert["resources"]))
        names.setdefault(key, set()).add(received.headers["webhook-id"])
    assert {name: max(count for alert, count in names if alert == name) for name, _ in names} == {
        f"incident-{each}": STATES for each in range(INCIDENTS)
    }
    assert [key for key, ids in names.items() if len(ids) > 1] == []
    assert len(told) - len(names) <= KILLS * INCIDENTS, "one of each incident was in flight at the most"


class _Killed:
    """A gateway that is killed again and again."""

    def __init__(self, environ: Mapping[str, str], made: ClientSession) -> None:
        self._environ, self._made = environ, made
        self._client: Client | None = None
        self._taken = 0

    async def run(self, kills: int, dice: Random, sending: list[asyncio.Task[None]]) -> None:
        """Each kill comes when so many alerts were taken: in the midst of them, however fast the machine is."""
        for taken in sorted(dice.sample(range(20, 2 * STATES * INCIDENTS - 20), kills)):
            await self._live(until(partial(self._has_taken, taken)))
        await self._live(asyncio.wait(sending))

    async def _live(self, life: Awaitable[object]) -> None:
        async with until_killed(self._environ, self._made) as client:
            self._client = client
            await life
            self._client = None

    def _has_taken(self, count: int) -> bool:
        return self._taken >= count

    async def takes(self, body: bytes) -> bool:
        if self._client is None:
            return False
        try:
            taken = (await self._client.post(body))[0] == 200
        except (ClientError, OSError):
            return False
        self._taken += taken
        return taken


async def _grow(gateway: _Killed, name: str) -> None:
    """Each state until it is taken, then its repeat."""
    for size in range(1, STATES + 1):
        for seen in (0, 1):
            body = standing(name, *(f"bucket-{number}" for number in range(size)), seen=seen)
            await until(partial(gateway.takes, body))
