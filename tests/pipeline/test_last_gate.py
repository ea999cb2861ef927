"""Whether a guarded route takes an alert is asked once more right before something is changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.delivery import State
from gateway.domain.expression import compile_expression
from gateway.domain.filter import parse_filter
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import World
from tests.pipeline.guarding import alert, fixing


async def held_from_before(world: World, now: ConfiguredRoute) -> str:
    """An alert that the route took as it was, and that waits until the route is as it is `now`."""
    await world.start(replace(fixing(), policy=replace(fixing().policy, enabled=False)))
    made = await alert(world, "bucket")
    await world.restart(now)
    await world.settled()
    return made


async def test_a_filter_that_was_narrowed_holds_back_what_waits(world: World) -> None:
    narrowed = parse_filter({"ENVIRONMENTS": ["999"], "RULES": ["AR-251"]})
    made = await held_from_before(world, replace(fixing(), filter=narrowed))
    assert world.receiver.sent == []
    assert await world.state(made, "fix") is State.PARKED


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("alert.score >= 99", "WHEN is false (by now): alert.score >= 99"),
        ("alert.extra.bucket == 'mine'", "WHEN has no answer (any more): "),
        ("now < timestamp('2023-01-01T00:00:00Z')", "WHEN is false (by now): now <"),
    ],
)
async def test_a_condition_that_does_not_hold_any_more_holds_back_what_waits(
    world: World, when: str, said: str
) -> None:
    made = await held_from_before(world, replace(fixing(), when=compile_expression(when)))
    assert world.receiver.sent == []
    row = await world.row(made, "fix")
    assert row.state is State.PARKED
    assert row.reason.startswith(said)
    assert [result.given_up for _, result, _ in world.journal.attempts] == ["guard"]


async def test_a_condition_that_holds_lets_a_change_through(world: World) -> None:
    made = await held_from_before(world, replace(fixing(), when=compile_expression("alert.score >= 80")))
    assert await world.state(made, "fix") is State.DELIVERED
