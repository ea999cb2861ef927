"""Against a real Alerta server, which is asked what it holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journey.journey_world import SAMPLE, Client, a_body, a_gateway, a_route, environment, until
from tests.receivers.alerta import KEY, Alerta
from tests.receivers.lost_answer import losing_answers

pytestmark = pytest.mark.slow

OPEN = {"resourceInfo": "bucket-1", "state": "OPEN"}


@pytest.fixture(scope="module")
def alerta(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alerta]:
    server = Alerta(tmp_path_factory.mktemp("alerta"))
    try:
        asyncio.run(server.start())
        yield server
    finally:
        server.kill()


def routed(folder: Path, url: str, key: str = KEY) -> dict[str, str]:
    keys = {"URL": url, "API_KEY": key, "RETRY_SCHEDULE": ",".join(["300ms"] * 100)}
    return environment(folder, **a_route("alerta", "alerta", **keys))


async def delivered(client: Client, alert_id: str, **payload: object) -> None:
    await client.until_state("delivered", (await client.accepted(a_body(alert_id, **payload)), "alerta"))


async def test_an_alert_opens_one_there_that_repeats_worsens_and_is_closed(tmp_path: Path, alerta: Alerta) -> None:
    async with a_gateway(routed(tmp_path, alerta.url)) as (_, client):
        await delivered(client, "A-1", alertSummary="A bucket is public", affectedResources=[OPEN])
        (first,) = await alerta.alerts("A-1")
        await delivered(client, "A-1", affectedResources=[OPEN], lastSeen="Nov 3, 2020 3:56:18 PM")
        (repeated,) = await alerta.alerts("A-1")
        await delivered(client, "A-1", affectedResources=[OPEN], score=95)
        (worse,) = await alerta.alerts("A-1")
        await delivered(client, "A-1", affectedResources=[OPEN | {"state": "SUPPRESS"}], score=95)
        (closed,) = await alerta.alerts("A-1")
    assert (first["status"], first["severity"], first["environment"]) == ("open", "major", "Production")
    assert first["resource"] == json.loads(SAMPLE)["payloadData"]["accountId"]
    assert first["service"] == ["Cloud Optix"]
    assert "A bucket is public" in first["text"]
    assert "bucket-1" in first["attributes"]["report"]
    assert first["timeout"] == 26 * 3600
    assert (repeated["id"], repeated["duplicateCount"]) == (first["id"], 1)
    assert (worse["id"], worse["severity"], worse["previousSeverity"]) == (first["id"], "critical", "major")
    assert (closed["id"], closed["severity"], closed["status"]) == (first["id"], "cleared", "closed")


async def test_an_alert_whose_answer_was_lost_is_there_once(tmp_path: Path, alerta: Alerta) -> None:
    async with losing_answers(alerta.port) as way:
        async with a_gateway(routed(tmp_path, f"http://127.0.0.1:{way.port}")) as (_, client):
            await delivered(client, "A-2")
        assert way.connections > 2
    assert len(await alerta.alerts("A-2")) == 1


async def test_a_key_that_alerta_does_not_know_is_told_as_alerta_says_it(tmp_path: Path, alerta: Alerta) -> None:
    async with a_gateway(routed(tmp_path, alerta.url, "another")) as (_, client):
        alert = await client.accepted(a_body("A-3"))
        await until(lambda: attempted(client, alert))
        (attempt, *_) = (await client.delivery(alert, "alerta"))["attempts"]
    assert "401" in attempt["reason"]
    assert "API key" in attempt["reason"]


async def test_what_came_while_it_was_away_is_there_once_when_it_is_back(tmp_path: Path, alerta: Alerta) -> None:
    await alerta.stop()
    async with a_gateway(routed(tmp_path, alerta.url)) as (_, client):
        alert = await client.accepted(a_body("A-4"))
        await until(lambda: attempted(client, alert))
        await alerta.start()
        await client.until_state("delivered", (alert, "alerta"))
    (found,) = await alerta.alerts("A-4")
    assert (found["status"], found["duplicateCount"]) == ("open", 0)


async def attempted(client: Client, alert: str) -> bool:
    return bool((await client.delivery(alert, "alerta"))["attempts"])
