"""An Alerta server of the tests' own, with a database of its own."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.journey.journey_world import session
from tests.load.program import Process, free_port
from tests.postgres import a_bare_database
from tests.receivers.installed import program

KEY = "key-of-the-tests"
_ADMIN = "soc@example.com"


@dataclass(slots=True)
class Alerta:
    folder: Path
    port: int = field(default_factory=free_port)
    _process: Process = field(init=False)

    def __post_init__(self) -> None:
        """Makes the tables and the key, too."""
        alertad = program("alerta", "alertad")
        config = self.folder / "alertad.conf"
        settings = {
            "DATABASE_URL": a_bare_database(),
            "SECRET_KEY": "not-a-secret",
            "AUTH_REQUIRED": True,
            "ADMIN_USERS": [_ADMIN],
        }
        config.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
        environ = {"ALERTA_SVR_CONF_FILE": str(config)}
        scopes = ("--scope", "write:alerts", "--scope", "read:alerts")
        made = [alertad, "key", "--username", _ADMIN, "--key", KEY, *scopes]
        subprocess.run(made, env=environ, check=True, capture_output=True, timeout=60)
        arguments = ["run", "--port", str(self.port)]
        self._process = Process(arguments, environ, self.folder / "alertad.log", program=alertad)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._process.start()
        await self._process.ready(self.port, "/management/gtg")

    async def stop(self) -> None:
        await self._process.stop()

    def kill(self) -> None:
        self._process.kill()

    async def alerts(self, alert_id: str) -> list[dict[str, Any]]:
        """What it holds of that one, in whatever state."""
        url = f"{self.url}/alerts?attributes.alertId={alert_id}"
        async with session() as made, made.get(url, headers={"Authorization": f"Key {KEY}"}) as answer:
            said = await answer.json()
            assert answer.status == 200, said
            found: list[dict[str, Any]] = said["alerts"]
            return found
