"""Secrets are planted in every setting that takes one; receivers quote all they get; then everything that can be seen
of the gateway is searched for them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway.destinations import kinds
from gateway.settings.configuration import read_configuration
from gateway.settings.kinds import kind_of
from tests.journey.journey_world import Client, Process, Receiver, a_body, session, until
from tests.journey.planted_settings import plant, receivers_at, status_of
from tests.journey.planting import Planted
from tests.load.program import free_port


@asynccontextmanager
async def mail_server() -> AsyncIterator[int]:
    """Refuses every login, quoting it; its port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")
        said = b""
        while line := await reader.readline():
            said += line.strip() + b" "
            word = line[:4].upper()
            if word == b"EHLO":
                writer.write(b"250-mail\r\n250 AUTH PLAIN LOGIN\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"535 5.7.8 not with " + said[-400:] + b"\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def everything_seen(client: Client) -> bytes:
    """Every GET of the ops listener, and what its POSTs answer that show something."""
    seen = [str(await client.get(path)) for path in ("/", "/metrics", "/healthz", "/readyz")]
    pages = {name: await client.get(f"/api/v1/{name}?limit=100") for name in ("alerts", "deliveries", "jobs")}
    routes = (await client.get("/api/v1/routes"))["routes"]
    seen += [str(page) for page in pages.values()] + [str(routes)]
    for name in ("alerts", "deliveries"):
        seen += [str(await client.get(f"/api/v1/{name}/{row['id']}")) for row in pages[name][name]]
    for route in routes:
        seen.append(str(await client.change(f"/api/v1/routes/{route['name']}/test")))
    async with client.session.post(
        f"{client.ops}/api/v1/explain",
        data=a_body("unwordable"),
        headers=client._bearer | {"Content-Type": "application/json"},
    ) as explained:
        seen.append(await explained.text())
    return "\n".join(seen).encode()


def run_commands(environ: dict[str, str], client: Client) -> bytes:
    """What the other commands print, with a sound configuration and with many mistakes in it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    listening = {
        "GATEWAY_LISTEN": client.webhooks.partition("//")[2],
        "GATEWAY_OPS_LISTEN": client.ops.partition("//")[2],
    }
    sound = kept | environ | listening
    spoilt = {
        name: f"{value}\x7f no" if name.endswith(("URL", "TOPIC", "TOKEN", "AUTH_VALUES")) else value
        for name, value in sound.items()
        if not name.endswith("SIGNING_SECRET")
    }
    spoilt |= {name.replace("__URL", "__ULR"): value for name, value in sound.items() if name.endswith("__URL")}
    spoilt["GATEWAY_OPS_TOKN"] = sound["GATEWAY_OPS_TOKEN"]
    spoilt["GATEWAY_DATABASE"] = sound["GATEWAY_OPS_TOKEN"]
    commands: list[tuple[dict[str, str], list[str]]] = [
        (sound, ["check"]),
        (sound, ["send"]),
        (sound, ["explain"]),
        (sound, ["deliveries", "list"]),
        (sound | {"GATEWAY_OPS_TOKEN": "wrong"}, ["deliveries", "list"]),
        (sound | {"GATEWAY_LISTEN": "127.0.0.1:1"}, ["send"]),
        (sound, ["serve"]),
        (spoilt, ["check"]),
        (spoilt, ["serve"]),
    ]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "gateway", *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for env, command in commands
    ]
    return b"\n".join(process.communicate(timeout=120)[0] for process in running)


async def finished(client: Client) -> bool:
    """No delivery of a running route is on its way any more."""
    page = await client.get("/api/v1/deliveries?state=pending&state=sending&limit=100")
    return not page["deliveries"]


async def drive(client: Client, planted: Planted) -> None:
    """Alerts in by every source, refusals of every kind."""
    secret, north = planted.markers["auth value"], planted.markers["auth value of a source"]
    for alert_id in ("plain", "unwordable"):
        await client.accepted(a_body(alert_id), secret=secret)
    await client.accepted(a_body("northern"), "north", header="X-North", secret=north)
    refused: list[tuple[bytes, str, dict[str, Any]]] = [
        (b"{", "optix", {"secret": secret}),
        (b"[]", "optix", {"secret": secret}),
        (a_body("x"), "optix", {"secret": secret + "x"}),
        (a_body("x"), f"no/{secret}", {"secret": secret}),
        (a_body("x"), f"n-{north}", {"secret": north}),
        (a_body("x"), "north", {"secret": north}),
    ]
    for body, source, how in refused:
        assert (await client.post(body, source, **how))[0] in {400, 401, 404}


def database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("gateway.db*")))


@pytest.mark.slow
async def test_no_planted_secret_shows_anywhere(tmp_path: Path) -> None:
    planted = Planted()
    async with Receiver(answer=status_of, echo=True) as receiver, mail_server() as mail_port, session() as made:
        environ = plant(tmp_path, planted, receivers_at(receiver.port, mail_port, free_port()))
        async with Process(environ) as process:
            client = await process.client(made)
            client = Client(made, client.webhooks, client.ops, environ["GATEWAY_OPS_TOKEN"])
            await drive(client, planted)
            await until(lambda: finished(client), within_s=60)
            reached = b"\n".join(str(received).encode() for received in receiver.got)
            seen = {"the API": await everything_seen(client), "the database": database(tmp_path)}
            seen["a command"] = await asyncio.to_thread(run_commands, environ, client)
            process.signal()
            assert await process.ended() == 0
        seen["the log"] = "\n".join(process.lines).encode()
        seen["the database at rest"] = database(tmp_path)
    assert len(planted.found_in(reached)) > 80, "the receivers did not get what they were to quote"
    assert b"delivery.delivered" in seen["the log"]
    assert {where: found for where, text in seen.items() if (found := planted.found_in(text))} == {}


def test_every_kind_of_destination_has_routes_with_a_secret_in_every_key_that_takes_one(tmp_path: Path) -> None:
    planted = Planted()
    environ = plant(tmp_path, planted, receivers_at(1, 2, 3))
    read_configuration(environ)
    kind_of_route = {name.split("__")[1]: kind for name, kind in environ.items() if name.endswith("__DESTINATION")}
    sown: dict[str, set[str]] = {kind: set() for kind in kinds()}
    for name, value in environ.items():
        if name.startswith("GATEWAY_ROUTES__") and planted.found_in(value.encode()):
            _, route, key = name.split("__")
            sown[kind_of_route[route]].add(key)
    missing = {kind: kind_of(kind).secrets - keys for kind, keys in sown.items() if kind_of(kind).secrets - keys}
    assert missing == {}, "the example of a kind has to show its secrets"
    assert set(kind_of_route.values()) == set(kinds())


def test_the_search_itself_finds_what_it_is_meant_to() -> None:
    planted = Planted()
    marker = planted.word("here")
    whole = f"user:{marker}é"
    for text in (
        whole,
        quote(whole),
        b64encode(whole.encode()).decode(),
        b64encode(b"\0u\0" + whole.encode()).decode(),
    ):
        assert planted.found_in(text.encode()) == {"here"}
    assert planted.found_in(b"nothing of it") == set()
