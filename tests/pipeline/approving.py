"""A route that asks a person first, and a person who approves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.domain.approval import ApprovalRule, Verdict
from gateway.domain.notify import CHANGES
from gateway.domain.telling import Terms
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import HOUR_S, SECOND_US, World, a_route

KEY = "planted-signing-key-of-some-length"
HOUR_US = int(HOUR_S) * SECOND_US
OPEN = [{"resourceInfo": "bucket", "state": "OPEN"}]


def asking(name: str = "soc", *, notify: str = "", hours: int = 24, **more: Any) -> ConfiguredRoute:
    route = replace(a_route(name, **more), approval=ApprovalRule(hours * HOUR_US, notify))
    return replace(route, terms=Terms(notify=CHANGES))


async def approve(world: World, *alerts: str, route: str = "soc", who: str = "ann") -> tuple[str, ...]:
    ids = [f"{alert}.{route}" for alert in alerts]
    changed = await world.approvals.rule(ids, Verdict.APPROVED, who=who, why="")
    await world.settled()
    return changed
