"""Bodies that nobody would wish for, on routes that take resources out of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.destinations import load
from gateway.domain.approval import ApprovalRule
from gateway.domain.filter import parse_filter
from gateway.domain.remediation import Guard
from gateway.domain.route import RouteTable
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.explain import Explanation, explain
from tests.domain.bodies import JSON_VALUES, PAYLOADS
from tests.pipeline.gateway_world import START_US, World, a_body, a_route
from tests.pipeline.guarding import fixing, listed


async def test_a_wrong_byte_holds_up_no_change(world: World) -> None:
    await world.start(fixing())
    body = a_body(affectedResources=listed("one", "-two"), alertSummary="caf%")
    await world.receive(body.replace(b"caf%", b"caf\xe9"))
    await world.settled()
    (sent,) = world.receiver.bodies
    payload = json.loads(sent)["payloadData"]
    assert (payload["alertSummary"], payload["affectedResources"]) == ("caf\ufffd", listed("one"))


def changing(kind: str, **keys: str) -> ConfiguredRoute:
    destination = load(kind)
    route = replace(a_route(kind), kind=kind, destination=destination, settings=destination.settings(**keys))
    return replace(route, approval=ApprovalRule(1), guard=Guard(), filter=parse_filter({"RESOURCES": ["*"]}))


ROUTES = (
    replace(a_route("trial"), guard=Guard()),
    changing(
        "webhook", url="https://hooks.example.com/", format="template", body="[{{ event|tojson }}, {{ alert|tojson }}]"
    ),
    changing("lambda", function="close", region="eu-west-1", envelope="apigateway-v1", format="alert"),
    changing("s3-public-acl", region="eu-west-1"),
)
TABLE = RouteTable([(route.name, route.filter) for route in ROUTES])


def explained(body: bytes) -> Explanation:
    return explain(body, "optix", ROUTES, TABLE, START_US)


STATES = st.sampled_from(["OPEN", "SUPPRESS"])
RESOURCES = st.lists(JSON_VALUES | st.fixed_dictionaries({"resourceInfo": JSON_VALUES, "state": STATES}), min_size=1)
ALERTS = st.fixed_dictionaries({"alertId": st.just("A"), "affectedResources": RESOURCES})


@given(ALERTS, PAYLOADS, st.binary(max_size=3), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.data())
@settings(max_examples=200, deadline=None)
def test_any_body_can_be_explained(
    alert: dict[str, Any], more: Any, odd: bytes, encoding: str, data: st.DataObject
) -> None:
    payload = (more if isinstance(more, dict) else {}) | alert
    event = {"eventType": "ALERT", "payloadData": payload, "x": more}
    body = json.dumps(event, ensure_ascii=False).encode(encoding, "surrogatepass")
    at = data.draw(st.integers(0, len(body)))
    for raw in (body, body[:at] + odd + body[at:]):
        found = explained(raw)
        assert (found.alert is None) is bool(found.unreadable)
        assert not set(found.routes) ^ set(found.requests)
        json.dumps([dict(found.requests), dict(found.plans)], ensure_ascii=False).encode()


def nested(depth: int) -> bytes:
    payload = {"alertId": "A", "affectedResources": listed("one", "-two"), "x": "%"}
    body = json.dumps({"eventType": "ALERT", "payloadData": payload}).encode()
    return body.replace(b'"%"', b"[" * depth + b"]" * depth)


def test_however_deep_a_body_is_nested_it_can_be_explained() -> None:
    """Also where what reads it for the second time has a little less room than what read it first."""
    readable, unreadable = 1, 2000
    while unreadable - readable > 1:
        middle = (readable + unreadable) // 2
        readable, unreadable = (middle, unreadable) if explained(nested(middle)).alert else (readable, middle)
    for depth in range(readable - 20, readable + 2):
        assert (explained(nested(depth)).alert is not None) is (depth <= readable)
