"""Secrets are planted in every setting that takes one; receivers quote all they get; then everything that can be seen
of the gateway is searched for them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from gateway.destinations import kinds
from tests.journey.journey_world import Client, Process, Receiver, a_body, a_route, environment, session, until

STATUSES = {"fine": 200, "failing": 503, "refusing": 401, "rejecting": 422, "large": 413, "gone": 404}
NEVER_READ = "{% if alert.alert_id == 'unwordable' %}{{ there_is_no_such_name }}{% endif %}{{ alert.summary|tojson }}"


class Planted:
    """Makes secrets and remembers them. `special`: with signs that are written differently in URLs, JSON and logs."""

    def __init__(self) -> None:
        self.markers: dict[str, str] = {}

    def word(self, where: str) -> str:
        number = len(self.markers)
        self.markers[where] = f"Planted{number:02}zQ7vK{number * 7919 % 10007:05}Wx"
        return self.markers[where]

    def special(self, where: str) -> str:
        return f'{self.word(where)}+/%&="\\é'

    def found_in(self, text: bytes) -> set[str]:
        """Where the secrets were planted that stand in it, plainly or encoded."""
        return {where for where, marker in self.markers.items() if any(form in text for form in _forms(marker))}


def _forms(marker: str) -> Iterator[bytes]:
    plain = marker.encode()
    yield plain
    yield from (spell(marker).encode() for spell in (quote, quote_plus))
    yield plain.hex().encode()
    for shift in range(3):
        whole = b"." * shift + plain
        core = whole[3 if shift else 0 : len(whole) // 3 * 3]
        yield b64encode(core)
        yield urlsafe_b64encode(core)


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


def closed_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def plant(folder: Path, planted: Planted, port: int, mail_port: int, closed: int) -> dict[str, str]:
    """Settings with a secret wherever one can stand, for routes to receivers that answer in every way."""
    settings = environment(
        folder,
        GATEWAY_AUTH_VALUES=f"{planted.word('auth value')},{planted.word('second auth value')}",
        GATEWAY_SOURCES__NORTH__AUTH_HEADER="X-North",
        GATEWAY_SOURCES__NORTH__AUTH_VALUES=planted.word("auth value of a source"),
        GATEWAY_OPS_TOKEN=planted.word("ops token"),
        GATEWAY_LOG_LEVEL="debug",
    )
    ports = dict.fromkeys(STATUSES, port) | {"unreachable": closed}
    for how, at in ports.items():
        for kind, keys in _routes(f"http://127.0.0.1:{at}", how, planted).items():
            common = {"DESTINATION": kind.partition("_")[0], "RETRY_SCHEDULE": "50ms,50ms", "RATE_LIMIT": "off"}
            for key, value in (common | keys).items():
                settings[f"GATEWAY_ROUTES__{kind.upper()}_{how.upper()}__{key}"] = value
    for how, at in (("refusing", mail_port), ("unreachable", closed)):
        mail = {
            "DESTINATION": "email",
            "RETRY_SCHEDULE": "50ms",
            "HOST": "127.0.0.1",
            "PORT": str(at),
            "SECURITY": "none",
            "USERNAME": "gateway",
            "PASSWORD": planted.word(f"mail password {how}"),
            "FROM": "gateway@example.com",
            "TO": "soc@example.com",
        }
        settings |= {f"GATEWAY_ROUTES__EMAIL_{how.upper()}__{key}": value for key, value in mail.items()}
    # Syslog has no secrets, but it logs that it failed.
    syslog = {"HOST": "127.0.0.1", "TRANSPORT": "tcp", "PORT": str(closed)}
    return settings | a_route("syslog", "syslog", **syslog)


def _routes(base: str, how: str, planted: Planted) -> dict[str, dict[str, str]]:
    def at(kind: str, path: str) -> str:
        return f"{base}/{how}{path.format(planted.word(f'{kind} URL, {how}'), planted.word(f'{kind} query, {how}'))}"

    user, special = planted.word(f"password in URL, {how}"), planted.special(f"header, {how}")
    return {
        "webhook": {
            "URL": at("webhook", "/hooks/{}?sig={}").replace("http://", f"http://user:{user}@"),
            "HEADERS": f"Authorization: Bearer {planted.word(f'bearer, {how}')}",
            "SIGNING_SECRET": planted.special(f"signing secret, {how}"),
        },
        "webhook_template": {
            "URL": at("template", "/{}?key={}"),
            "HEADERS": f"X-Api-Key: {special.encode('ascii', 'ignore').decode()}",
            "FORMAT": "template",
            "BODY": NEVER_READ,
        },
        "discord": {"URL": at("discord", "/api/webhooks/12/{}?thread_name={}")},
        "googlechat": {"URL": at("googlechat", "/v1/spaces/A/messages?key={}&token={}")},
        "mattermost": {"URL": at("mattermost", "/hooks/{}?x={}")},
        "ntfy": {"URL": base, "TOPIC": planted.word(f"topic, {how}"), "TOKEN": planted.word(f"ntfy token, {how}")},
        "ntfy_basic": {
            "URL": base,
            "TOPIC": planted.word(f"second topic, {how}"),
            "USERNAME": "gateway",
            "PASSWORD": planted.special(f"ntfy password, {how}"),
        },
    }


def status_of(path: str) -> int:
    """What the receiver answers there; ntfy posts to the root."""
    return STATUSES.get(path.split("/")[1].partition("?")[0], 403)


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
        environ = plant(tmp_path, planted, receiver.port, mail_port, closed_port())
        kinds_used = {value for name, value in environ.items() if name.endswith("__DESTINATION")}
        assert kinds_used == set(kinds()), "a new kind of destination belongs into this test"
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
    assert len(planted.found_in(reached)) > 40, "the receivers did not get what they were to quote"
    assert b"delivery.delivered" in seen["the log"]
    assert {where: found for where, text in seen.items() if (found := planted.found_in(text))} == {}


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
