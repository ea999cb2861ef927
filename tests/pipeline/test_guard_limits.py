"""How much a route may change in an hour, and for one alert, before somebody has to look."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.approval import ApprovalRule, Verdict
from gateway.domain.delivery import State
from gateway.domain.remediation import Guard
from tests.pipeline.gateway_world import DOWN, HOUR_S, OK, World
from tests.pipeline.guarding import alert, fixing


async def test_what_is_beyond_the_hourly_limit_waits_for_a_replay(world: World) -> None:
    await world.start(fixing(hourly=2))
    made = [await alert(world, f"bucket-{number}") for number in range(3)]
    assert len(world.receiver.sent) == 2
    assert await world.state(made[2], "fix") is State.PARKED
    assert (await world.row(made[2], "fix")).reason.startswith("HOURLY=2 is reached")
    await world.pass_time(HOUR_S)
    assert len(world.receiver.sent) == 2
    await world.operations.replay([f"{made[2]}.fix"])
    await world.settled()
    assert len(world.receiver.sent) == 3


async def test_attempts_after_the_first_do_not_count_for_the_limit(world: World) -> None:
    await world.start(fixing(hourly=1))
    world.receiver.answers(DOWN, DOWN, OK)
    made = await alert(world, "bucket")
    await world.pass_time(200)
    assert await world.state(made, "fix") is State.DELIVERED
    (entry,) = await world.operations.remediations.latest(limit=9, before=2**62)
    assert (entry.tries, entry.outcome) == (3, "ok")


async def test_an_alert_that_names_very_much_waits_for_somebody(world: World) -> None:
    route = replace(fixing(), guard=Guard(dry_run=False, most_resources=2))
    await world.start(route)
    made = await alert(world, "one", "two", "-four", "three", "one")
    assert world.receiver.sent == []
    row = await world.row(made, "fix")
    assert row.state is State.PARKED
    assert row.reason.startswith("it names 3 resources, and MOST_RESOURCES=2: ")
    await alert(world, "one", "two", "one", "-four")
    assert len(world.receiver.sent) == 1
    await world.restart(replace(route, guard=Guard(dry_run=False, most_resources=3)))
    await world.operations.replay([f"{made}.fix"])
    await world.settled()
    assert len(world.receiver.sent) == 2


async def test_what_a_person_approved_may_name_very_much_and_so_may_a_dry_run(world: World) -> None:
    approved = replace(fixing(), guard=Guard(dry_run=False, most_resources=1), approval=ApprovalRule(3_600_000_000))
    tried = replace(fixing("tried"), guard=Guard(dry_run=True, most_resources=1))
    await world.start(approved, tried)
    made = await alert(world, "one", "two")
    assert await world.state(made, "tried") is State.DELIVERED
    await world.approvals.rule([f"{made}.fix"], Verdict.APPROVED, who="ann", why="")
    await world.settled()
    assert len(world.receiver.sent) == 1
