"""Whatever a receiver was told counts for what it is told next, also what reached it by another way than its filter."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.chain import Chain
from gateway.domain.expression import compile_expression
from gateway.domain.filter import parse_filter
from gateway.domain.telling import Terms
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import DOWN, OK, World
from tests.pipeline.telling_world import ON_CHANGE, chat, grouping, messages, state

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


async def test_who_was_sent_everything_for_a_while_is_told_of_what_stands(world: World) -> None:
    await world.start(chat())
    first = await state(world, "a", "b1")
    await world.restart(chat(terms=Terms()))
    await state(world, "a", "b1", "b2")
    await world.operations.replay([f"{first}.soc"])
    await world.settled()
    await state(world, "a", "b1", "b2", "b3")
    await world.restart(chat())
    await state(world, "a", "b1")
    assert [message.lines for message in messages(world.receiver)] == [
        ["b1"],
        ["b1", "b2"],
        ["b1"],
        ["b1", "b2", "b3"],
        ["b1"],
    ]
    assert messages(world.receiver)[-1].news == "", "it was told as new"


async def test_what_waited_while_a_route_came_to_be_sent_everything_is_not_taken_for_known(world: World) -> None:
    await world.start(chat())
    world.receiver.does(lambda _: DOWN)
    await state(world, "a", "b1")
    world.receiver.does(lambda _: OK)
    await world.restart(chat(terms=Terms()))
    await world.pass_time(AFTER_S)
    await world.restart(chat())
    await state(world, "a", "b1", rule="again")
    assert [message.lines for message in messages(world.receiver)][1:] == [["b1"], ["b1"]]


async def test_a_closing_that_waited_for_its_group_is_told_to_who_is_sent_everything_now(world: World) -> None:
    grouped = chat(terms=replace(ON_CHANGE, grouping=grouping()))
    await world.start(grouped)
    await state(world, "a", "b1")
    await state(world, "b", "b2")
    await world.pass_time(40)
    await state(world, "a", "-b1")
    await state(world, "b", "-b2")
    await world.restart(chat(terms=Terms()))
    await world.pass_time(AFTER_S)
    assert len(messages(world.receiver)) == 2
    assert len(messages(world.receiver)[-1].lines) == 2
