"""Against a real Prometheus Alertmanager, which is asked what it holds."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from tests.journey.journey_world import Client, a_body, a_gateway, a_route, environment, session, until
from tests.load.program import free_port
from tests.services import require

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n"
OPEN = {"resourceInfo": "bucket-1", "state": "OPEN"}


@pytest.fixture(scope="module", autouse=True)
def _alertmanager() -> None:
    require("Alertmanager", bool(PROGRAM), "apt-get install prometheus-alertmanager")


@asynccontextmanager
async def alertmanager(folder: Path, port: int) -> AsyncIterator[None]:
    """One that runs alone; what it stores of alerts is in memory only."""
    (folder / "alertmanager.yml").write_text(CONFIG)
    process = await asyncio.create_subprocess_exec(
        str(PROGRAM),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with session() as made:
            await until(lambda: ready(made, port))
        yield
    finally:
        process.terminate()
        await process.wait()


async def ready(made: ClientSession, port: int) -> bool:
    with suppress(ClientError):
        async with made.get(f"http://127.0.0.1:{port}/-/ready") as answer:
            return answer.status == 200
    return False


async def held(port: int) -> list[dict[str, Any]]:
    """What stands there: a resolved alert is not among it."""
    async with session() as made, made.get(f"http://127.0.0.1:{port}/api/v2/alerts") as answer:
        found: list[dict[str, Any]] = await answer.json()
        return found


def routed(tmp_path: Path, *ports: int) -> dict[str, str]:
    urls = ", ".join(f"http://127.0.0.1:{port}" for port in ports)
    keys = {"URL": urls, "RETRY_SCHEDULE": ",".join(["100ms"] * 100)}
    return environment(tmp_path, **a_route("am", "alertmanager", **keys))


async def delivered(client: Client, **payload: object) -> None:
    await client.until_state("delivered", (await client.accepted(a_body("A-1", **payload)), "am"))


async def test_an_alert_stands_there_once_changes_its_severity_and_is_resolved(tmp_path: Path) -> None:
    port = free_port()
    async with alertmanager(tmp_path, port), a_gateway(routed(tmp_path, port)) as (_, client):
        await delivered(client, affectedResources=[OPEN])
        (first,) = await held(port)
        assert first["labels"]["severity"] == "high"
        stands = datetime.fromisoformat(first["endsAt"]) - datetime.fromisoformat(first["startsAt"])
        assert stands == timedelta(hours=26)
        await delivered(client, affectedResources=[OPEN], lastSeen="Nov 3, 2020 3:56:18 PM")
        (repeated,) = await held(port)
        assert repeated["fingerprint"] == first["fingerprint"]
        assert repeated["startsAt"] == first["startsAt"]
        assert repeated["endsAt"] > first["endsAt"]
        await delivered(client, affectedResources=[OPEN], score=95)
        (worse,) = await held(port)
        assert worse["labels"] == first["labels"] | {"severity": "critical"}
        await delivered(client, affectedResources=[OPEN | {"state": "SUPPRESS"}], score=95)
        assert await held(port) == []


async def test_what_came_while_it_was_away_is_there_once_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    async with alertmanager(tmp_path, port):
        pass
    async with a_gateway(routed(tmp_path, port)) as (_, client):
        alert = await client.accepted(a_body("A-1", affectedResources=[OPEN]))
        await until(lambda: attempted(client, alert))
        async with alertmanager(tmp_path, port):
            await client.until_state("delivered", (alert, "am"))
            (found,) = await held(port)
    assert json.loads(a_body("A-1"))["payloadData"]["accountId"] == found["labels"]["environment"]


async def attempted(client: Client, alert: str) -> bool:
    return bool((await client.delivery(alert, "am"))["attempts"])


async def test_each_replica_gets_every_alert_and_one_that_is_down_holds_up_no_other(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    first, second = free_port(), free_port()
    async with alertmanager(tmp_path / "1", first), a_gateway(routed(tmp_path, first, second)) as (_, client):
        alerts = [await client.accepted(a_body(f"A-{n}", affectedResources=[OPEN])) for n in range(8)]
        await until(lambda: holds(first, 8))
        since = [one["updatedAt"] for one in await held(first)]
        await until(lambda: attempted(client, alerts[-1]))
        waiting = await client.delivery(alerts[-1], "am")
        assert waiting["state"] == "pending"
        assert waiting["attempts"][0]["reason"] == f"1 of 2 replicas have it; 127.0.0.1:{second}: connection refused"
        async with alertmanager(tmp_path / "2", second):
            await client.until_state("delivered", *((alert, "am") for alert in alerts))
            assert {one["fingerprint"] for one in await held(first)} == {
                one["fingerprint"] for one in await held(second)
            }
            assert [one["updatedAt"] for one in await held(first)] == since, "who has it is not sent it again"
            await delivered(client, affectedResources=[OPEN | {"state": "SUPPRESS"}])
            assert (len(await held(first)), len(await held(second))) == (7, 7)


async def holds(port: int, count: int) -> bool:
    return len(await held(port)) == count
