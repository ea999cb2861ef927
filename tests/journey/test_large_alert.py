"""An alert of 1.3 MB, as a repository with a thousand branches makes it, in the words of every kind of destination."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values

from gateway import samples
from gateway.destinations import Context, kinds, load
from gateway.domain.alert import Alert
from gateway.domain.message import (
    HttpRequest,
    HttpRequests,
    Line,
    Mail,
    Message,
    Notification,
    Publication,
    SyslogRecord,
)
from gateway.domain.optix import parse
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.configuration import read_configuration
from tests.journey.journey_world import Receiver, a_gateway, a_route, environment

ROUTES = {
    "discord": {"URL": "https://discord.com/api/webhooks/1/token-not-real"},
    "email": {"HOST": "smtp.example.com", "FROM": "gateway@example.com", "TO": "soc@example.com"},
    "googlechat": {"URL": "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t"},
    "mattermost": {"URL": "https://mattermost.example.com/hooks/abc"},
    "ntfy": {"TOPIC": "optix-alerts"},
    "syslog": {"HOST": "siem.example.com"},
    "webhook": {"URL": "https://soar.example.com/hook", "FORMAT": "alert"},
}
LARGEST = {
    "discord": 64_000,
    "email": 1_000_000,
    "googlechat": 32_000,
    "mattermost": 64_000,
    "ntfy": 8_000,
    "syslog": 2_048,
    "webhook": 10_000_000,
}
"""Bytes of the whole message; the exact limits are tested beside each kind."""
LARGEST_OF_ALL = max(LARGEST.values())
SLOWEST_S = 3.0
"""Of one message on a busy machine: whoever needs longer holds up everybody else."""


def many_branches() -> bytes:
    event = json.loads(samples.load("iac-many-branches"))
    (first, *_) = event["payloadData"]["affectedResources"]
    resources: list[dict[str, object]] = []
    size = 0
    while size < 1_300_000:
        resource = first | {
            "resourceInfo": f"{first['resourceInfo']} file {len(resources)} branch: feature/{len(resources)}"
        }
        resources.append(resource)
        size += len(json.dumps(resource)) + 2
    event["payloadData"]["affectedResources"] = resources
    return json.dumps(event).encode()


BODY = many_branches()


def keys_of(kind: str) -> dict[str, str]:
    """As above, or by the kind's own example: a new kind is tried without a word here."""
    example = dotenv_values(stream=StringIO(load(kind).example), interpolate=False)
    return ROUTES.get(kind) or {key: value for key, value in example.items() if value and key != "DESTINATION"}


@pytest.fixture
def routes(tmp_path: Path) -> dict[str, ConfiguredRoute]:
    settings = environment(tmp_path)
    for kind in kinds():
        settings |= a_route(kind, kind, **keys_of(kind))
    return {route.name: route for route in read_configuration(settings).routes}


@pytest.mark.parametrize("shrink", [False, True])
@pytest.mark.parametrize("kind", kinds())
def test_it_is_worded_within_limits_and_in_little_time(
    routes: dict[str, ConfiguredRoute], kind: str, *, shrink: bool
) -> None:
    alert = parse("optix", BODY)
    assert isinstance(alert, Alert)
    route = routes[kind]
    context = Context("a-1.soc", "soc", BODY, datetime(2026, 1, 2, tzinfo=UTC), shrink=shrink)
    began_s = time.process_time()
    message = route.destination.format(alert, context, route.settings)
    assert time.process_time() - began_s < SLOWEST_S
    assert 0 < len(_content(message)) <= LARGEST.get(kind, LARGEST_OF_ALL)


def _content(message: Message) -> bytes:
    match message:
        case HttpRequest() | Publication():
            return message.body
        case HttpRequests():
            return max(map(_content, message.requests), key=len)
        case SyslogRecord() | Line():
            return message.data
        case Mail():
            return message.content
        case Notification():
            return message.bodies[0].encode()


async def test_it_is_taken_stored_and_forwarded_byte_for_byte(tmp_path: Path) -> None:
    async with Receiver() as receiver, a_gateway(environment(tmp_path, **a_route("soc", URL=receiver.url()))) as found:
        _, client = found
        alert = await client.accepted(BODY)
        await client.until_state("delivered", (alert, "soc"))
        assert receiver.bodies == [BODY]
