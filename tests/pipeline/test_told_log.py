"""Whatever a receiver was told counts for what it is told next, also what reached it by another way than its filter."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.chain import Chain
from gateway.domain.expression import compile_expression
from gateway.domain.filter import parse_filter
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import DOWN, OK, World
from tests.pipeline.telling_world import chat, messages, state

AFTER_S = 901
HIGH = parse_filter({"MIN_SEVERITY": ["high"]})


def first_and_second() -> tuple[ConfiguredRoute, ConfiguredRoute]:
    """The second takes what is high by itself, and whatever the first does not deliver."""
    return chat("first", chain=Chain(fallback="second")), replace(chat("second"), filter=HIGH)


def only_first_is_down(world: World) -> None:
    world.receiver.does(lambda sent: DOWN if sent.delivery_id.endswith(".first") else OK)


async def test_what_a_route_was_told_in_anothers_stead_counts_when_it_takes_the_alert_itself(world: World) -> None:
    await world.start(*first_and_second())
    only_first_is_down(world)
    await state(world, "a", "b1", score=83)
    await state(world, "a", "b2", score=50)
    await world.pass_time(AFTER_S)
    await state(world, "a", "b1", score=83)
    assert [(message.lines, message.news) for message in messages(world.receiver, "second")] == [
        (["b1"], ""),
        (["b2"], "1 new of 1 open, 1 gone, score 83 -> 50 (high -> medium)"),
        (["b1"], "1 new of 1 open, 1 gone, score 50 -> 83 (medium -> high)"),
    ]


async def test_what_an_operator_had_sent_although_when_had_no_answer_counts(world: World) -> None:
    await world.start(replace(chat(), when=compile_expression("alert.score >= 80")))
    await state(world, "a", "b1", score=83)
    parked = await state(world, "a", "b2", score=None)
    await world.operations.replay([f"{parked}.soc"])
    await world.settled()
    await state(world, "a", "b1", score=83)
    assert [message.lines for message in messages(world.receiver)] == [["b1"], ["b2"], ["b1"]]


async def test_what_a_route_would_tell_in_anothers_stead_gives_way_when_it_knows_the_newer_state(world: World) -> None:
    await world.start(*first_and_second())
    only_first_is_down(world)
    await state(world, "a", "b1", score=83)
    await state(world, "a", "b2", score=50)
    await state(world, "a", "b1", score=83)
    await world.pass_time(AFTER_S)
    assert [message.lines for message in messages(world.receiver, "second")] == [["b1"]]
