"""Waiting for what a gateway does by itself."""

from __future__ import annotations

import json
import time

from tests.cli.cli_world import World
from tests.cli.conftest import WITHIN_S, Run


def wait_for(run: Run, world: World, delivery_id: str, state: str) -> None:
    until_s = time.monotonic() + WITHIN_S
    while state_of(run, world, delivery_id) != state:
        assert time.monotonic() < until_s
        time.sleep(0.02)


def state_of(run: Run, world: World, delivery_id: str) -> str:
    return str(json.loads(run("deliveries", "show", delivery_id, "--json", env=world.env).stdout)["state"])
