"""Routes whose receiver is told of changes, in groups, in hours or in another's stead; and what it was told."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from gateway.destinations import Context, Destination, DestinationSettings
from gateway.domain.alert import Alert
from gateway.domain.chain import Chain
from gateway.domain.grouping import Grouping
from gateway.domain.message import HttpRequest
from gateway.domain.notify import CHANGES
from gateway.domain.telling import Terms
from gateway.domain.window import Schedule, WhenMuted
from gateway.domain.window_syntax import parse_windows
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.fakes import Receiver
from tests.pipeline.gateway_world import SECOND_US, TrialSettings, World, a_route

ON_CHANGE = Terms(notify=CHANGES)
TO_THE_MORNING_S = 28_000
"""The world begins at 22:13:20 UTC. A route that is mute from 22:00 to 06:00 opens after so many seconds."""


def grouping(*by: str, wait_s: int = 30, interval_s: int = 300, most: int = 100) -> Grouping:
    return Grouping(by or ("rule",), wait_s * SECOND_US, interval_s * SECOND_US, most)


def chat(
    name: str = "soc",
    terms: Terms = ON_CHANGE,
    *,
    mute: str = "",
    when_muted: WhenMuted = WhenMuted.HOLD,
    chain: Chain | None = None,
    **policy: Any,
) -> ConfiguredRoute:
    """A route to a receiver that says in its message what is new since it was last told."""
    route = a_route(name, **({"backlog": "latest"} | policy))
    made = Destination("a trial", TrialSettings, _worded, "", backlog=route.policy.backlog)
    destination: Destination[DestinationSettings] = made  # type: ignore[assignment]  # as `load` gives it
    schedule = Schedule(mute=parse_windows(mute)) if mute else None
    return replace(
        route,
        terms=terms,
        destination=destination,
        schedule=schedule,
        when_muted=when_muted,
        chain=chain or Chain(),
    )


def _worded(alert: Alert, context: Context, settings: TrialSettings) -> HttpRequest:
    said = {
        "alert": alert.alert_id,
        "summary": alert.summary,
        "news": context.news(alert),
        "closed": alert.is_closed,
        "lines": [resource.info for resource in alert.resources],
    }
    return HttpRequest(
        settings.url.get_secret_value(), json.dumps(said).encode(), headers=(("id", context.delivery_id),)
    )


@dataclass(frozen=True, slots=True)
class Message:
    """One message as its receiver read it. `lines`: the resources, or the members of a digest."""

    at_s: float
    alert: str
    summary: str
    news: str
    closed: bool
    lines: list[str]


def messages(receiver: Receiver, route: str = "soc") -> list[Message]:
    """What a `chat` route's receiver was sent, attempts that failed too."""
    own = [sent for sent in receiver.sent if sent.delivery_id.endswith(f".{route}")]
    return [Message(sent.at_s, **json.loads(sent.body)) for sent in own]


async def state(world: World, alert_id: str, *listed: str, **payload: object) -> str:
    """The incident stands so now, and is sent: `bucket` is open, `-bucket` suppressed. The gateway's id of it."""
    resources = [
        {"resourceInfo": info.removeprefix("-"), "state": "SUPPRESS" if info.startswith("-") else "OPEN"}
        for info in listed
    ]
    alert = await world.alert(alert_id, affectedResources=resources, **payload)
    await world.settled()
    return alert
