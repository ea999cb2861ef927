"""A route that changes something out there, and alerts about several resources."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.domain.filter import parse_filter
from gateway.domain.remediation import Guard
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import World, a_route

ENVIRONMENT = "123456789012"


def fixing(name: str = "fix", *, dry_run: bool = False, hourly: int = 10, **more: Any) -> ConfiguredRoute:
    filter_ = parse_filter({"ENVIRONMENTS": [ENVIRONMENT], "RULES": ["AR-251"]})
    return replace(a_route(name, filter_=filter_, **more), guard=Guard(hourly, dry_run))


def listed(*names: str) -> list[dict[str, str]]:
    return [
        {"resourceInfo": name.removeprefix("-"), "state": "SUPPRESS" if name.startswith("-") else "OPEN"}
        for name in names
    ]


async def alert(world: World, *names: str, **more: Any) -> str:
    made = await world.alert(affectedResources=listed(*(names or ("bucket",))), **more)
    await world.settled()
    return made
