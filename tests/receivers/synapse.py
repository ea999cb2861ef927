"""A Matrix homeserver of the tests' own: Synapse with SQLite, alone in its world."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.journey.journey_world import session
from tests.load.program import Process, free_port
from tests.receivers.installed import program

_SHARED = "registration-of-the-tests"


@dataclass(slots=True)
class Synapse:
    """What it stores is in `folder`, so that it is there again after a stop."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: Process = field(init=False)

    def __post_init__(self) -> None:
        config = self.folder / "homeserver.yaml"
        config.write_text(json.dumps(self._config()))
        seed = b64encode(os.urandom(32)).decode().rstrip("=")  # as its own generate_signing_key writes it
        (self.folder / "signing.key").write_text(f"ed25519 a_test {seed}\n")
        arguments = ["-m", "synapse.app.homeserver", "--config-path", str(config)]
        self._process = Process(arguments, {}, self.folder / "synapse.log", program=program("synapse", "python"))

    def _config(self) -> dict[str, Any]:
        """YAML knows JSON."""
        listener = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "type": "http",
            "resources": [{"names": ["client"]}],
        }
        return {
            "server_name": "matrix.example",
            "listeners": [listener],
            "database": {"name": "sqlite3", "args": {"database": str(self.folder / "homeserver.db")}},
            "media_store_path": str(self.folder / "media"),
            "signing_key_path": str(self.folder / "signing.key"),
            "pid_file": str(self.folder / "synapse.pid"),
            "registration_shared_secret": _SHARED,
            "rc_room_creation": {"per_second": 100, "burst_count": 100},
            "report_stats": False,
            "trusted_key_servers": [],
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._process.start()
        await self._process.ready(self.port, "/_matrix/client/versions")

    async def stop(self) -> None:
        await self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    async def ask(self, method: str, path: str, token: str = "", **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent = body if method == "POST" else None
        async with session() as made, made.request(method, self.url + path, json=sent, headers=headers) as answer:
            said: dict[str, Any] = await answer.json()
            assert answer.status == 200, said
            return said

    async def register(self, name: str) -> str:
        """An access token. Source: https://element-hq.github.io/synapse/latest/admin_api/register_api.html"""
        path = "/_synapse/admin/v1/register"
        nonce = (await self.ask("GET", path))["nonce"]
        signed = "\0".join((nonce, name, f"password of {name}", "notadmin")).encode()
        mac = hmac.new(_SHARED.encode(), signed, hashlib.sha1).hexdigest()
        account = {"nonce": nonce, "username": name, "password": f"password of {name}", "mac": mac}
        token: str = (await self.ask("POST", path, **account))["access_token"]
        return token

    async def a_room(self, token: str, **settings: Any) -> str:
        room: str = (await self.ask("POST", "/_matrix/client/v3/createRoom", token, **settings))["room_id"]
        return room

    async def messages(self, token: str, room: str) -> list[dict[str, Any]]:
        """The events of the messages that the room holds, the oldest first."""
        path = f"/_matrix/client/v3/rooms/{quote(room, safe='')}/messages?dir=f&limit=100"
        events = (await self.ask("GET", path, token))["chunk"]
        return [event for event in events if event["type"] == "m.room.message"]
