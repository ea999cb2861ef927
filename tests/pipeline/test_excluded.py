"""NOT_RESOURCES of a route that changes things: what it names is never touched, and keeps nothing else back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.alert import Alert
from gateway.domain.approval import ApprovalRule, Verdict
from gateway.domain.condition import Reading
from gateway.domain.delivery import State
from gateway.domain.filter import Filter, FilterMistakes, parse_filter
from gateway.domain.optix import parse
from gateway.domain.remediation import Guard, narrowed, passing
from gateway.domain.route import RouteTable
from gateway.pipeline.configured import ConfiguredRoute
from gateway.pipeline.explain import Explanation, explain
from gateway.pipeline.plan import plan_of, targets_of
from tests.pipeline.gateway_world import START_US, World, a_body, a_route
from tests.pipeline.guarding import ENVIRONMENT, alert, listed

LEFT = "NOT_RESOURCES leaves alone: www-1, public"


def excluding(*names: str, **more: list[str]) -> Filter:
    keys = {"ENVIRONMENTS": [ENVIRONMENT], "RULES": ["AR-251"], "NOT_RESOURCES": list(names), **more}
    return parse_filter(keys).sparing()


def sparing(**more: list[str]) -> ConfiguredRoute:
    return replace(a_route("fix", filter_=excluding("www-*", "public", **more)), guard=Guard(dry_run=False))


def explained(route: ConfiguredRoute, *names: str) -> Explanation:
    table = RouteTable([(route.name, route.filter)])
    return explain(a_body(affectedResources=listed(*names)), "optix", [route], table, START_US)


async def test_the_other_resources_of_an_alert_are_passed_on(world: World) -> None:
    await world.start(sparing())
    made = await alert(world, "one", "WWW-1", "public", "two", "-www-2")
    (body,) = world.receiver.bodies
    assert json.loads(body)["payloadData"]["affectedResources"] == listed("one", "two")
    detail = await world.operations.alert(made)
    assert detail is not None
    (account,) = detail.accounts
    assert (account.word, account.reason) == ("told", "NOT_RESOURCES leaves alone: WWW-1, public")


async def test_without_another_one_there_is_no_delivery_and_a_decision_says_so(world: World) -> None:
    await world.start(sparing())
    made = await alert(world, "www-1", "public")
    assert world.receiver.sent == []
    assert await world.operations.delivery(f"{made}.fix") is None
    detail = await world.operations.alert(made)
    assert detail is not None
    ((route, word, reason),) = detail.decisions
    assert (route, word, reason.endswith(f"; {LEFT}")) == ("fix", "closed", True)


async def test_what_is_excluded_while_it_waits_is_left_alone(world: World) -> None:
    held = replace(sparing(), filter=excluding("other"))
    await world.start(replace(held, policy=replace(held.policy, enabled=False)))
    both, one = await alert(world, "one", "www-1"), await alert(world, "www-1")
    await world.restart(sparing())
    await world.settled()
    (body,) = world.receiver.bodies
    assert json.loads(body)["payloadData"]["affectedResources"] == listed("one")
    assert [await world.state(made, "fix") for made in (both, one)] == [State.DELIVERED, State.SUPERSEDED]


async def test_whoever_approves_is_shown_what_is_left_alone(world: World) -> None:
    await world.start(replace(sparing(), approval=ApprovalRule(3_600_000_000)))
    made = await alert(world, "one", "www-1", "public")
    (request,) = await world.approvals.waiting()
    assert request.plan is not None
    assert (request.plan.steps, request.plan.text.endswith(f"1 OPEN resource: one; {LEFT}")) == (("one",), True)
    assert await world.approvals.rule([f"{made}.fix"], Verdict.APPROVED, who="ann", why="") == (f"{made}.fix",)
    await world.settled()
    assert await world.state(made, "fix") is State.DELIVERED


def test_explain_says_what_is_left_alone() -> None:
    found = explained(sparing(), "one", "www-1", "public")
    assert [decision.reason for decision in found.decisions] == [LEFT]
    assert found.plans["fix"].endswith(f"; {LEFT}")
    assert "each resource that is like www-* or public is left out" in found.verdicts[0].reason
    nothing = explained(sparing(), "www-1", "public")
    assert (nothing.routes, [decision.word for decision in nothing.decisions]) == ((), ["closed"])


def test_what_is_named_and_excluded_is_excluded() -> None:
    found = explained(sparing(RESOURCES=["www-*", "one"]), "one", "www-1", "two")
    body = json.loads(str(found.requests["fix"]["body"]))
    assert body["payloadData"]["affectedResources"] == listed("one")


NAMES = st.text(st.sampled_from("abAB -.\u0130ß\n"), max_size=4)
PATTERNS = st.text(st.sampled_from("abAB*?-."), min_size=1, max_size=4)


@given(st.lists(NAMES, max_size=5), st.lists(PATTERNS, min_size=1, max_size=3), st.lists(PATTERNS, max_size=2))
@settings(deadline=None, max_examples=300)
def test_no_plan_ever_has_a_resource_that_is_excluded(names: list[str], unwanted: list[str], wanted: list[str]) -> None:
    try:
        filter_ = excluding(*unwanted, **({"RESOURCES": wanted} if wanted else {}))
    except FilterMistakes:
        return
    read = parse("optix", a_body(affectedResources=[{"resourceInfo": name, "state": "OPEN"} for name in names]))
    assert isinstance(read, Alert)
    telling = parse_filter({"NOT_RESOURCES": unwanted})
    touched = targets_of(narrowed(read, passing(read, filter_)))
    alone = [(each.info, Reading(replace(read, resources=(each,)))) for each in read.resources]
    refused = {name for name, reading in alone if not telling.takes(reading)}
    assert not {target.resource for target in touched} & refused
    assert len(plan_of(replace(a_route(filter_=filter_), guard=Guard()), read).steps) == len(touched)


@pytest.mark.parametrize("key", ["NOT_RULES", "NOT_STATES", "NOT_ENVIRONMENTS"])
def test_other_exclusions_refuse_the_alert_as_on_any_route(key: str) -> None:
    values = {"NOT_RULES": ["AR-251"], "NOT_STATES": ["SUPPRESS"], "NOT_ENVIRONMENTS": [ENVIRONMENT]}
    route = replace(a_route("fix", filter_=parse_filter({key: values[key]}).sparing()), guard=Guard())
    assert explained(route, "one", "-two").verdicts[0].key == key
