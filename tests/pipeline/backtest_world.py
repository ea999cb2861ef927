"""Short ways to say what was recorded, and what a route would have made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.domain.notify import CHANGES
from gateway.domain.recording import Entry, Recording
from gateway.domain.silence import Silence, parse_silence
from gateway.domain.telling import Terms
from gateway.pipeline.backtest import backtest
from gateway.pipeline.comparison import RouteChange
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import SECOND_US, START_US, a_route

HOUR_S, DAY_S = 3600, 86400


def told_changes(name: str = "soc", **terms: object) -> ConfiguredRoute:
    """A route to a chat: told what changes, the latest of what waits."""
    made = Terms(**{"notify": CHANGES} | terms)  # type: ignore[arg-type]  # typed where a test writes them
    return replace(a_route(name, backlog="latest"), terms=made)


def an_event(
    alert_id: str = "A", score: int | None = 83, resources: Mapping[str, str] | None = None, **payload: Any
) -> bytes:
    listed = [{"resourceInfo": info, "state": state} for info, state in (resources or {"bucket": "OPEN"}).items()]
    values = {
        "alertId": alert_id, "accountId": "444", "score": score, "alertType": "Policy", "ruleNumber": "AR-251",
        "affectedResources": listed,
    }  # fmt: skip
    return json.dumps({"eventType": "ALERT", "payloadData": values | payload}).encode()


def recorded(*bodies: bytes, every_s: float = HOUR_S, routes: Sequence[str] = (), **fields: object) -> list[Entry]:
    values: dict[str, object] = {"routes": tuple(routes)} | fields
    return [
        Recording(f"a-{n}", "optix", START_US + int(n * every_s * SECOND_US), body, **values)  # type: ignore[arg-type]
        for n, body in enumerate(bodies)
    ]


def judged(routes: Sequence[ConfiguredRoute], recordings: Sequence[Entry]) -> dict[str, RouteChange]:
    return {route.name: route for route in backtest(routes, recordings, examples=20).routes}


def soc(route: ConfiguredRoute, recordings: Sequence[Entry]) -> RouteChange:
    return judged([route], recordings)["soc"]


def a_silence(lasts_s: float = DAY_S, *, ended_s: float | None = None, **more: object) -> Silence:
    """From the first alert on, of everything unless told otherwise."""
    asked = {"reason": "work", "author": "me", "lasts_us": int(lasts_s * SECOND_US)} | (more or {"all": True})
    silence = parse_silence(asked, silence_id="1", now_us=START_US)
    return silence if ended_s is None else replace(silence, ended_us=START_US + int(ended_s * SECOND_US))
