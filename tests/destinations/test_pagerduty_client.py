"""Events against those that PagerDuty's own client makes of the same facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pagerduty import EventsApiV2Client

_SENT = json.loads((Path(__file__).parents[1] / "golden/pagerduty.json").read_text("utf-8"))


def asked(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Address and body of what the client sends when it is asked for that event."""
    got: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        got.append(request)
        return httpx2.Response(202, json={"status": "success", "dedup_key": event["dedup_key"]})

    with EventsApiV2Client(event["routing_key"], transport=httpx2.MockTransport(answer)) as client:
        ask(client, event)
    (only,) = got
    return str(only.url), json.loads(only.content)


def ask(client: EventsApiV2Client, event: dict[str, Any]) -> None:
    """`trigger` builds the payload itself; `client` and `client_url` have no argument of their own there."""
    if event["event_action"] == "resolve":
        client.resolve(event["dedup_key"])
        return
    payload = dict(event["payload"])
    client.trigger(
        payload.pop("summary"),
        payload.pop("source"),
        dedup_key=event["dedup_key"],
        severity=payload.pop("severity"),
        custom_details=payload.pop("custom_details"),
        payload=payload,
        links=event["links"],
    )


@pytest.mark.parametrize("sample", sorted(_SENT))
def test_an_event_is_the_one_that_the_vendors_client_sends(sample: str) -> None:
    ours = _SENT[sample]["body"]
    url, theirs = asked(ours)
    assert _SENT[sample]["url"] == url
    assert theirs.items() <= ours.items()
    left = {"payload", "links"} if ours["event_action"] == "resolve" else set()
    assert ours.keys() - theirs.keys() == {"client", "client_url"} | left
