"""Against a real homeserver, whose room is read back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tests.journey.journey_world import Client, a_body, a_gateway, a_route, environment, until
from tests.receivers.lost_answer import losing_answers
from tests.receivers.synapse import Synapse

pytestmark = pytest.mark.slow

OPEN = {"resourceInfo": "bucket-1", "state": "OPEN"}


class Room(NamedTuple):
    server: Synapse
    token: str
    id: str

    async def messages(self) -> list[dict[str, Any]]:
        return await self.server.messages(self.token, self.id)

    def routed(self, folder: Path, url: str = "") -> dict[str, str]:
        keys = {"URL": url or self.server.url, "TOKEN": self.token, "ROOM_ID": self.id}
        return environment(folder, **a_route("room", "matrix", RETRY_SCHEDULE=",".join(["300ms"] * 100), **keys))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    server = Synapse(tmp_path_factory.mktemp("synapse"))

    async def furnish() -> Room:
        await server.start()
        token = await server.register("optix")
        return Room(server, token, await server.a_room(token))

    try:
        yield asyncio.run(furnish())
    finally:
        server.kill()


@pytest.fixture
async def fresh(room: Room) -> Room:
    return room._replace(id=await room.server.a_room(room.token))


async def delivered(client: Client, **payload: object) -> None:
    await client.until_state("delivered", (await client.accepted(a_body("A-1", **payload)), "room"))


async def test_an_alert_stands_in_the_room_and_its_follow_ups_in_its_thread(tmp_path: Path, fresh: Room) -> None:
    async with a_gateway(fresh.routed(tmp_path)) as (_, client):
        await delivered(client, alertSummary="A bucket is public", affectedResources=[OPEN])
        (first,) = await fresh.messages()
        await delivered(client, alertSummary="A bucket is public", affectedResources=[OPEN], score=95)
        await delivered(client, affectedResources=[OPEN | {"state": "SUPPRESS"}], score=95)
        _, worse, closed = await fresh.messages()
    said = first["content"]
    assert first["sender"] == "@optix:matrix.example"
    assert said["msgtype"] == "m.text"
    for text in (said["body"], said["formatted_body"]):
        assert "A bucket is public" in text
        assert "bucket-1" in text
    assert "m.relates_to" not in said
    assert [worse["content"]["msgtype"], closed["content"]["msgtype"]] == ["m.text", "m.notice"]
    for event in (worse, closed):
        assert event["content"]["m.relates_to"]["event_id"] == first["event_id"]


async def test_a_message_whose_answer_was_lost_stands_there_once(tmp_path: Path, fresh: Room) -> None:
    async with losing_answers(fresh.server.port) as way:
        async with a_gateway(fresh.routed(tmp_path, f"http://127.0.0.1:{way.port}")) as (_, client):
            await delivered(client)
        assert way.connections > 2
    assert len(await fresh.messages()) == 1


async def test_hostile_text_calls_nobody(tmp_path: Path, fresh: Room) -> None:
    """The room's owner may call everyone, and the other member looks at what calls for him."""
    other = await fresh.server.register("onlooker")
    called = await fresh.server.a_room(fresh.token, invite=["@onlooker:matrix.example"])
    await fresh.server.ask("POST", f"/_matrix/client/v3/join/{quote(called, safe='')}", other)
    hostile = "@room onlooker @onlooker:matrix.example"
    async with a_gateway(fresh._replace(id=called).routed(tmp_path)) as (_, client):
        await delivered(client, alertSummary=hostile, affectedResources=[{"resourceInfo": hostile, "state": "OPEN"}])
    joined = (await fresh.server.ask("GET", "/_matrix/client/v3/sync", other))["rooms"]["join"][called]
    counts = joined["unread_notifications"]
    assert (counts["notification_count"], counts["highlight_count"]) == (1, 0)


async def test_what_came_while_it_was_away_is_there_once_when_it_is_back(tmp_path: Path, fresh: Room) -> None:
    await fresh.server.stop()
    async with a_gateway(fresh.routed(tmp_path)) as (_, client):
        alert = await client.accepted(a_body("A-1"))
        await until(lambda: attempted(client, alert))
        await fresh.server.start()
        await client.until_state("delivered", (alert, "room"))
    assert len(await fresh.messages()) == 1


async def attempted(client: Client, alert: str) -> bool:
    return bool((await client.delivery(alert, "room"))["attempts"])
