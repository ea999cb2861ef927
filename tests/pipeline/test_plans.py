"""What is approved is what was shown: a plan, and not whatever a route does later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from pydantic import SecretStr

from gateway.destinations import SecretAddress
from gateway.domain.approval import Verdict
from gateway.domain.delivery import State
from gateway.domain.filter import parse_filter
from gateway.domain.remediation import Guard
from gateway.domain.telling import Terms
from gateway.pipeline.configured import ConfiguredRoute
from gateway.settings.configuration import read_configuration
from tests.pipeline.approving import OPEN, approve, asking
from tests.pipeline.gateway_world import DOWN, TrialSettings, World, a_route


async def approved_and_down(world: World, route: ConfiguredRoute, *, names: str = "a b") -> str:
    """Approved, and then the receiver was away."""
    await world.start(route)
    world.receiver.answers(DOWN)
    resources = [{"resourceInfo": name, "state": "OPEN"} for name in names.split()]
    alert = await world.alert(affectedResources=resources)
    await approve(world, alert)
    assert len(world.receiver.sent) == 1
    return alert


def elsewhere(route: ConfiguredRoute) -> ConfiguredRoute:
    return replace(route, settings=TrialSettings(url=SecretAddress("https://elsewhere.example.com/")))


def of_b_alone(route: ConfiguredRoute) -> ConfiguredRoute:
    return replace(route, filter=parse_filter({"RESOURCES": ["b"]}))


def in_earnest(route: ConfiguredRoute) -> ConfiguredRoute:
    return replace(route, guard=Guard(dry_run=False))


def with_a_token(route: ConfiguredRoute, said: str = "planted-old-token") -> ConfiguredRoute:
    return replace(route, settings=TrialSettings(token=SecretStr(said)))


def with_a_new_token(route: ConfiguredRoute) -> ConfiguredRoute:
    return with_a_token(route, "planted-new-token")


def told_more_often(route: ConfiguredRoute) -> ConfiguredRoute:
    return replace(route, terms=Terms(), policy=replace(route.policy, timeout_s=1.0))


@pytest.mark.parametrize("changed", [elsewhere, of_b_alone])
async def test_what_was_approved_and_would_be_done_otherwise_now_is_asked_for_again(
    world: World, changed: Callable[[ConfiguredRoute], ConfiguredRoute]
) -> None:
    route = replace(asking(), guard=Guard(dry_run=False))
    alert = await approved_and_down(world, route)
    await world.restart(changed(route))
    await world.pass_time(60)
    assert len(world.receiver.sent) == 1
    (request,) = await world.approvals.waiting()
    assert request.row.why == "asked again: what ann approved has changed since"
    row = await world.row(alert)
    assert (row.state, row.hold) == (State.PARKED, "approval")
    assert row.reason.endswith("UTC (asked again: what ann approved has changed since)")
    await approve(world, alert, who="bob")
    assert len(world.receiver.sent) == 2


@pytest.mark.parametrize("changed", [with_a_new_token, told_more_often])
async def test_what_would_be_done_as_it_was_approved_is_not_asked_for_again(
    world: World, changed: Callable[[ConfiguredRoute], ConfiguredRoute]
) -> None:
    route = with_a_token(replace(asking(), guard=Guard(dry_run=False)))
    await approved_and_down(world, route)
    await world.restart(changed(route))
    await world.pass_time(60)
    assert len(world.receiver.sent) == 2


def close_port(body: str, **more: str) -> ConfiguredRoute:
    """As its file says it."""
    keys = {
        "DESTINATION": "webhook",
        "URL": "https://functions.example.com/planted-hook-path",
        "FORMAT": "template",
        "BODY": body,
        "ENVIRONMENTS": "123456789012",
        "RULES": "AR-251",
        "REMEDIATION": "true",
        "DRY_RUN": "false",
        "APPROVAL": "required",
        "RETRY_SCHEDULE": "10s",
    }
    environ = {f"GATEWAY_ROUTES__SOC__{key}": value for key, value in (keys | more).items()}
    (route,) = read_configuration(environ, need_sources=False).routes
    return route


CLOSE = '{"do": "close", "rule": {{ alert.rule | tojson }}}'


@pytest.mark.parametrize(
    ("changed", "sent"),
    [
        (close_port(CLOSE.replace("close", "delete")), [b'{"do": "close", "rule": "AR-251"}']),
        (close_port(CLOSE, CONCURRENCY="1"), [b'{"do": "close", "rule": "AR-251"}'] * 2),
    ],
)
async def test_a_template_that_was_changed_is_approved_anew(
    world: World, changed: ConfiguredRoute, sent: list[bytes]
) -> None:
    await approved_and_down(world, close_port(CLOSE))
    await world.restart(changed)
    await world.pass_time(60)
    assert world.receiver.bodies == sent
    assert len(await world.approvals.waiting()) == 2 - len(sent)


async def test_who_approved_a_dry_run_has_not_approved_the_change(world: World) -> None:
    route = replace(asking(), guard=Guard(dry_run=True))
    await world.start(route)
    alert = await world.alert(affectedResources=OPEN)
    (request,) = await world.approvals.waiting()
    assert request.plan is not None
    assert request.plan.text.startswith("DRY_RUN, nothing is changed; otherwise: trial (hooks.example.com) is sent")
    await approve(world, alert)
    assert await world.state(alert) is State.DELIVERED
    await world.restart(in_earnest(route))
    await world.operations.replay([f"{alert}.soc"])
    await world.settled()
    assert world.receiver.sent == []
    assert await world.state(alert) is State.PARKED
    await approve(world, alert)
    assert len(world.receiver.sent) == 1


async def test_only_what_was_shown_is_approved(world: World) -> None:
    route = replace(asking(), guard=Guard(dry_run=False))
    await world.start(route)
    alert = await world.alert(affectedResources=OPEN)
    (shown,) = await world.approvals.waiting()
    assert shown.plan is not None
    await world.restart(elsewhere(route))
    ids = [f"{alert}.soc"]
    assert await world.approvals.rule(ids, Verdict.APPROVED, who="ann", why="", plan_id=shown.plan.id) == ()
    (now,) = await world.approvals.waiting()
    assert now.plan is not None
    assert await world.approvals.rule(ids, Verdict.APPROVED, who="ann", why="", plan_id=now.plan.id) == tuple(ids)


async def test_a_long_plan_has_a_true_count_and_all_its_steps(world: World) -> None:
    await world.start(replace(asking(), guard=Guard(dry_run=False)))
    names = [f"bucket-with-a-rather-long-name-{n}" for n in range(300)]
    await world.alert(affectedResources=[{"resourceInfo": name, "state": "OPEN"} for name in (*names, names[0])])
    (request,) = await world.approvals.waiting()
    assert request.plan is not None
    assert request.plan.steps == tuple(names)
    assert request.plan.text.startswith("trial (hooks.example.com) is sent the alert with 300 OPEN resources: bucket-")
    assert request.plan.text.endswith(" more")
    assert len(request.plan.text) < 1200


async def test_what_no_route_would_do_any_more_can_only_be_rejected(world: World) -> None:
    await world.start(asking(), a_route("other"))
    alert = await world.alert()
    await world.restart(a_route("other"))
    (request,) = await world.approvals.waiting()
    assert request.plan is None
    assert await approve(world, alert) == ()
    assert await world.approvals.rule([f"{alert}.soc"], Verdict.REJECTED, who="ann", why="") == (f"{alert}.soc",)
