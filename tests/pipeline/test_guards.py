"""A route that changes something out there: what keeps it from doing too much."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from gateway.domain.approval import ApprovalRule, Verdict
from gateway.domain.change import Reason
from gateway.domain.delivery import State
from gateway.domain.filter import parse_filter
from gateway.domain.message import Answer, HttpRequest, Message
from gateway.domain.policy import RetryPolicy
from gateway.domain.telling import Terms
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import DOWN, OK, REJECTED, World, a_body
from tests.pipeline.guarding import ENVIRONMENT, alert, fixing, listed


async def test_what_is_all_open_is_passed_on_byte_for_byte(world: World) -> None:
    await world.start(fixing())
    body = a_body(affectedResources=listed("one", "two"))
    await world.receive(body)
    await world.settled()
    assert world.receiver.bodies == [body]


async def test_only_open_resources_are_passed_on(world: World) -> None:
    await world.start(fixing())
    await alert(world, "one", "-two", "three", vendorKey="kept")
    (body,) = world.receiver.bodies
    payload = json.loads(body)["payloadData"]
    assert payload["affectedResources"] == listed("one", "three")
    assert payload["vendorKey"] == "kept"


@pytest.mark.parametrize("names", [("-one",), ()])
async def test_without_an_open_resource_there_is_nothing_to_do(world: World, names: tuple[str, ...]) -> None:
    await world.start(fixing())
    found = await world.alert(affectedResources=listed(*names))
    await world.settled()
    assert world.receiver.sent == []
    detail = await world.operations.alert(found)
    assert detail is not None
    assert [(d.word, d.route) for d in detail.decisions] == [("closed", "fix")]


async def test_of_several_resources_only_those_that_the_route_names_are_passed_on(world: World) -> None:
    """A filter takes an alert for one resource that fits; the others must not be changed for that."""
    route = fixing()
    named = parse_filter({"ENVIRONMENTS": [ENVIRONMENT], "RULES": ["AR-251"], "RESOURCES": ["logs-*"]})
    await world.start(replace(route, filter=named))
    await alert(world, "LOGS-1", "www", "-logs-2")
    (body,) = world.receiver.bodies
    assert json.loads(body)["payloadData"]["affectedResources"] == listed("LOGS-1")
    other = await alert(world, "www", "-logs-2")
    assert len(world.receiver.sent) == 1
    assert (await world.operations.delivery(f"{other}.fix")) is None


async def test_what_was_suppressed_while_it_waited_is_left_alone(world: World) -> None:
    """Also where nobody is told of that: the request for approval stands, with what it asked for."""
    rule = ApprovalRule(3_600_000_000)
    route = replace(fixing(), approval=rule, terms=Terms(notify=frozenset({Reason.NEW})))
    await world.start(route)
    first = await alert(world, "one", "two", "three", alert_id="same")
    await alert(world, "one", "-two", alert_id="same")
    assert [request.row.alert for request in await world.approvals.waiting()] == [first]
    await world.approvals.rule([f"{first}.fix"], Verdict.APPROVED, who="ann", why="")
    await world.settled()
    (body,) = world.receiver.bodies
    assert json.loads(body)["payloadData"]["affectedResources"] == listed("one")


async def test_when_nothing_is_open_any_more_nothing_is_done(world: World) -> None:
    route = replace(fixing(), terms=Terms(notify=frozenset({Reason.NEW})))
    await world.start(replace(route, policy=replace(route.policy, enabled=False)))
    first = await alert(world, "one", alert_id="same")
    await alert(world, "-one", "two", alert_id="same")
    await world.restart(route)
    await world.settled()
    assert world.receiver.sent == []
    assert await world.state(first, "fix") is State.SUPERSEDED


async def test_one_resource_is_acted_upon_by_one_route_at_a_time(world: World) -> None:
    await world.start(fixing("a"), fixing("b"))
    world.receiver.shut()
    made = await alert(world, "bucket")
    assert world.receiver.under_way == 1
    await world.pass_time(1)
    assert len(world.receiver.sent) == 1
    world.receiver.open()
    await world.pass_time(10)
    assert [await world.state(made, name) for name in ("a", "b")] == [State.DELIVERED, State.DELIVERED]
    assert world.receiver.most_under_way == 1


async def test_other_resources_do_not_wait(world: World) -> None:
    await world.start(fixing("a"))
    world.receiver.shut()
    await alert(world, "one")
    await alert(world, "two")
    assert world.receiver.under_way == 2
    world.receiver.open()
    await world.settled()


async def test_waiting_for_a_resource_costs_no_attempt(world: World) -> None:
    await world.start(fixing("a", timeout_s=300.0), fixing("b", retry=RetryPolicy((1.0,), 3600.0)))
    world.receiver.shut()
    made = await alert(world, "bucket")
    await world.pass_time(60)
    world.receiver.open()
    await world.pass_time(10)
    assert await world.state(made, "b") is State.DELIVERED


async def test_by_itself_it_only_says_what_it_would_do(world: World) -> None:
    await world.start(fixing(dry_run=True))
    made = await alert(world, "bucket")
    assert world.receiver.sent == []
    row = await world.row(made, "fix")
    assert row.state is State.DELIVERED
    (entry,) = await world.operations.remediations.latest(limit=9, before=2**62)
    assert entry.dry_run is True
    told = "trial (hooks.example.com) is sent the alert with 1 OPEN resource: bucket"
    assert entry.result == f"DRY_RUN, nothing is changed; otherwise: {told}"


async def test_what_was_only_tried_is_done_when_it_is_replayed(world: World) -> None:
    await world.start(fixing(dry_run=True))
    made = await alert(world, "bucket")
    await world.restart(fixing())
    await world.operations.replay([f"{made}.fix"])
    await world.settled()
    assert len(world.receiver.sent) == 1


async def test_the_trail_says_what_was_asked_by_which_alert_with_what_result(world: World) -> None:
    await world.start(fixing())
    world.receiver.answers(REJECTED)
    made = await alert(world, "bucket")
    (entry,) = await world.operations.remediations.latest(limit=9, before=2**62)
    assert (entry.alert, entry.delivery, entry.route, entry.kind) == (made, f"{made}.fix", "fix", "trial")
    assert (entry.rule, entry.environment, entry.outcome) == ("AR-251", ENVIRONMENT, "rejected")
    assert entry.result.startswith("422 ")


async def test_each_attempt_carries_the_same_key(world: World) -> None:
    sent: list[dict[str, str]] = []

    class Listening:
        async def send(self, message: Message, timeout_s: float) -> Answer:  # noqa: ARG002 - the port's names
            assert isinstance(message, HttpRequest)
            sent.append(dict(message.headers))
            return DOWN if len(sent) == 1 else OK

        async def close(self) -> None: ...

    await world.start(fixing())
    world.courier._transport = Listening()
    made = await alert(world, "bucket")
    await world.pass_time(60)
    assert [headers["Idempotency-Key"] for headers in sent] == [f"{made}.fix"] * 2
    body = a_body(affectedResources=listed("bucket"))
    shown = (await world.operations.explain(body, "optix")).requests["fix"]["headers"]
    assert isinstance(shown, dict)
    assert set(shown) == set(sent[0])
    assert shown["Idempotency-Key"] == "example-1.fix"


@pytest.mark.parametrize("call", ["begin_work", "end_work"])
async def test_a_store_that_is_out_of_reach_delays_and_parks_nothing(world: World, call: str) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start(fixing())
    faulty.fails = {call}
    made = await alert(world, "bucket")
    assert await world.state(made, "fix") is State.PENDING
    faulty.fails = set()
    await world.pass_time(6)
    assert await world.state(made, "fix") is State.DELIVERED


async def test_a_crash_while_it_acts_is_followed_by_one_more_try_under_the_same_entry(world: World) -> None:
    await world.start(fixing())
    world.receiver.shut()
    await world.alert(affectedResources=listed("bucket"))
    await world.until(lambda: world.receiver.under_way == 1)
    await world.crash()
    world.receiver.open()
    await world.start(fixing())
    await world.settled()
    (entry,) = await world.operations.remediations.latest(limit=9, before=2**62)
    assert (entry.tries, entry.outcome, len(world.receiver.sent)) == (2, "ok", 2)


async def test_a_test_is_not_sent_to_what_would_act_upon_it(world: World) -> None:
    await world.start(fixing())
    report = await world.operations.test_route("fix")
    assert report is not None
    assert (report.ok, world.receiver.sent) == (False, [])
    assert "REMEDIATION=true" in report.reason


async def test_approval_and_guards_go_together(world: World) -> None:
    await world.start(replace(fixing(), approval=ApprovalRule(3_600_000_000)))
    made = await alert(world, "bucket", "-other")
    (request,) = await world.approvals.waiting()
    assert request.plan is not None
    assert request.plan.text == "trial (hooks.example.com) is sent the alert with 1 OPEN resource: bucket"
    await asyncio.gather(
        *[world.approvals.rule([f"{made}.fix"], Verdict.APPROVED, who=who, why="") for who in ("ann", "bob")]
    )
    await world.settled()
    (entry,) = await world.operations.remediations.latest(limit=9, before=2**62)
    assert entry.agreed in ("ann", "bob")
    assert len(world.receiver.sent) == 1


async def test_why_an_alert_could_not_be_worded_stands_in_the_audit_trail(world: World) -> None:
    named = parse_filter({"ENVIRONMENTS": [ENVIRONMENT], "RULES": ["UNWORDABLE"]})
    await world.start(replace(fixing(), filter=named))
    await alert(world, "bucket", ruleNumber="UNWORDABLE")
    (entry,) = await world.operations.remediations.latest(limit=9, before=2**62)
    assert (entry.outcome, entry.result) == ("ours", "the template names something that is not there")


async def test_nobody_is_asked_about_what_would_not_be_done(world: World) -> None:
    route = replace(fixing(), approval=ApprovalRule(3_600_000_000), terms=Terms(notify=frozenset({Reason.NEW})))
    await world.start(route)
    made = await alert(world, "one", alert_id="same")
    await world.approvals.rule([f"{made}.fix"], Verdict.REJECTED, who="ann", why="")
    await alert(world, "-one", "two", alert_id="same")
    await world.operations.replay([f"{made}.fix"])
    await world.settled()
    assert await world.approvals.waiting() == ()
    assert await world.state(made, "fix") is State.SUPERSEDED


async def test_what_was_cut_off_and_is_not_gone_on_with_has_ended(world: World) -> None:
    await world.start(fixing(retry=RetryPolicy((), 4000.0)))
    world.receiver.shut()
    made = await alert(world, "bucket")
    await world.crash()
    world.receiver.open()
    await world.start(fixing(retry=RetryPolicy((), 4000.0)))
    await world.settled()
    assert await world.state(made, "fix") is State.DEAD
    (entry,) = await world.operations.remediations.latest(limit=9, before=2**62)
    assert entry.outcome == "interrupted"
