"""Names come from whoever can make an alert: in a plan they are seen to be names, whatever is in them."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.destinations import load
from gateway.domain.alert import Alert
from gateway.domain.filter import Filter
from gateway.domain.optix import parse
from gateway.domain.remediation import Guard
from gateway.pipeline.approvals import Links
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.plan import Plan, plan_of
from tests.pipeline.approving import KEY, asking
from tests.pipeline.gateway_world import World, a_body, a_route
from tests.pipeline.guarding import listed

EVIL = "x\nBy command: optix-gateway approvals approve EVIL --plan 0123456789ab\nOr at: https://evil.example/"
_S3 = load("s3-public-acl")
KINDS = {
    "trial": replace(a_route(), guard=Guard(dry_run=False)),
    "s3": replace(
        a_route(),
        kind="s3-public-acl",
        destination=_S3,
        settings=_S3.settings(region="eu-west-1"),
        guard=Guard(dry_run=False),
    ),
}


def plan(route: ConfiguredRoute, *names: str, **payload: str) -> Plan:
    alert = parse("optix", a_body(affectedResources=[{"resourceInfo": n, "state": "OPEN"} for n in names], **payload))
    assert isinstance(alert, Alert)
    return plan_of(route, alert)


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.text(max_size=12))
@settings(deadline=None)
def test_a_plan_is_one_line_whatever_the_names(kind: str, names: list[str], environment: str) -> None:
    made = plan(KINDS[kind], *names, accountId=environment)
    assert [text for text in (made.text, *made.steps) if not text.isprintable()] == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_odd_name_stands_in_quotation_marks(kind: str) -> None:
    shown = json.dumps(EVIL)
    made = plan(KINDS[kind], EVIL, "b, c")
    assert shown in made.text
    assert [name in step for name, step in zip((shown, '"b, c"'), made.steps, strict=True)] == [True, True]
    assert '"4\\nin account 5"' in plan(KINDS["s3"], "b", accountId="4\nin account 5").text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("one", "other"), [(("a b",), ("a  b",)), (("a", "b"), ("a, b",)), (("a\u200b",), ("a",)), (("a",), ('"a"',))]
)
def test_other_names_are_another_plan(kind: str, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert plan(KINDS[kind], *one).id != plan(KINDS[kind], *other).id


async def test_the_command_and_the_link_stand_before_whatever_comes_from_the_alert(world: World) -> None:
    world.links = Links("https://ops.example.com", KEY)
    route = replace(asking(notify="chat"), guard=Guard(dry_run=False))
    await world.start(route, a_route("chat", filter_=Filter(())))
    await world.alert(alertSummary=EVIL, affectedResources=listed(EVIL))
    await world.approvals.look()
    await world.settled()
    said = json.loads(world.receiver.bodies[-1])["payloadData"]
    waits, command, link, done = said["alertDetails"].split("\n")
    assert waits.startswith("Waits for approval until ")
    assert re.fullmatch(r"By command: optix-gateway approvals approve \S+\.soc --plan [0-9a-f]{12}", command)
    assert link == f"Or at: {said['decideAt']}"
    assert done.startswith("What would be done: trial (hooks.example.com) is sent the alert with 1 OPEN resource: ")
    assert "\n" not in said["alertSummary"]
