"""Brokers of a test's own, which it starts as it wants them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.outbound.brokers import HERE, a_port, a_server
from tests.services import require


@asynccontextmanager
async def a_broker(name: str, *arguments: str | Path, port: int = 0) -> AsyncIterator[str]:
    """Where a broker of the test's own listens; `{port}` in the arguments is that port."""
    program = shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin")
    require(name, bool(program), f"apt-get install {name}")
    port = port or a_port()
    given = [str(argument).replace("{port}", str(port)) for argument in arguments]
    async with a_server(str(program), given, port):
        yield f"{HERE}:{port}"


def a_redis(*arguments: str | Path) -> Any:
    return a_broker("redis-server", "--port", "{port}", "--bind", HERE, "--save", "", *arguments)


def a_nats(folder: Path, *arguments: str | Path) -> Any:
    return a_broker("nats-server", "-a", HERE, "-p", "{port}", "-js", "-sd", folder, *arguments)


def a_mosquitto(folder: Path, *lines: str) -> Any:
    port = a_port()
    file = folder / "mosquitto.conf"
    file.write_text("\n".join((f"listener {port} {HERE}", "allow_anonymous true", "user root", *lines)) + "\n")
    return a_broker("mosquitto", "-c", file, port=port)
