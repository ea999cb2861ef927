"""What waits is told only as long as it is true: in its latest state, or not at all where that is not wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.chain import Chain
from gateway.domain.delivery import State
from gateway.domain.expression import compile_expression
from gateway.domain.filter import parse_filter
from gateway.domain.flap import FlapRule
from gateway.domain.inhibit import Inhibitor
from gateway.domain.notify import parse_notify
from gateway.domain.telling import Terms
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import DOWN, HOUR_S, OK, SECOND_US, World
from tests.pipeline.telling_world import TO_THE_MORNING_S, chat, grouping, messages, state

WANTED = parse_notify("new,grew")
HIGH = parse_filter({"MIN_SEVERITY": ["high"]})
MORNING_S = TO_THE_MORNING_S + 1
BY_DAY = "22:00-06:00 UTC"
GROUPS = Terms(notify=WANTED, grouping=grouping(wait_s=600))

WAITING = [chat(terms=Terms(notify=WANTED), mute=BY_DAY), chat(terms=GROUPS)]
"""Two that wait: for the morning, and for others of the group."""


@pytest.mark.parametrize("route", WAITING)
async def test_what_became_less_while_it_waited_is_told_as_it_is(world: World, route: ConfiguredRoute) -> None:
    """The change alone is not wanted, but nobody was told of what was before."""
    await world.start(route)
    await state(world, "a", "b1", "b2")
    await state(world, "a", "b1")
    await world.pass_time(MORNING_S)
    assert [(message.lines, message.news) for message in messages(world.receiver)] == [(["b1"], "")]


@pytest.mark.parametrize("route", WAITING)
async def test_what_came_back_to_what_the_receiver_knows_is_not_told(world: World, route: ConfiguredRoute) -> None:
    await world.start(chat(terms=replace(route.terms, grouping=None)))
    await state(world, "a", "b1")
    await world.restart(route)
    await state(world, "a", "b1", "b2")
    await state(world, "a", "b1", score=70)
    await world.pass_time(MORNING_S)
    assert [message.lines for message in messages(world.receiver)] == [["b1"]]
    await state(world, "a", "b1", "b2")
    await world.pass_time(MORNING_S)
    assert messages(world.receiver)[-1].news.startswith("1 new of 2 open"), "it is news again"


@pytest.mark.parametrize("route", WAITING)
async def test_what_the_route_does_not_take_any_more_is_not_told(world: World, route: ConfiguredRoute) -> None:
    await world.start(replace(route, filter=HIGH))
    held = await state(world, "a", "b1", score=83)
    await state(world, "a", "b1", score=50)
    assert await world.state(held) is State.SUPERSEDED
    await world.pass_time(MORNING_S)
    assert world.receiver.sent == []
    await state(world, "a", "b1", score=83)
    await world.pass_time(MORNING_S)
    assert [message.news for message in messages(world.receiver)] == [""], "nobody had heard of it"


async def test_what_when_leaves_out_now_is_not_told(world: World) -> None:
    await world.start(replace(WAITING[0], when=compile_expression("alert.open_count > 1")))
    await state(world, "a", "b1", "b2")
    await state(world, "a", "b1")
    await world.pass_time(MORNING_S)
    assert world.receiver.sent == []


async def test_what_a_wider_finding_mutes_now_is_not_told(world: World) -> None:
    terms = Terms(notify=parse_notify("new,raised"), inhibitor=Inhibitor.parse("AR-1045>AR-651"))
    await world.start(chat(terms=terms, mute=BY_DAY))
    await state(world, "narrow", "host", ruleNumber="AR-651", score=70)
    await state(world, "wide", "host", ruleNumber="AR-1045")
    await state(world, "narrow", "host", ruleNumber="AR-651", score=83)
    await world.pass_time(MORNING_S)
    assert [message.alert for message in messages(world.receiver)] == ["wide"]


async def test_a_retry_tells_the_newest_state_also_where_the_last_change_alone_is_not_wanted(world: World) -> None:
    await world.start(chat(terms=Terms(notify=WANTED)))
    world.receiver.answers(DOWN)
    await state(world, "a", "b1", "b2")
    world.receiver.answers(OK)
    await state(world, "a", "b1")
    await world.pass_time(HOUR_S)
    assert [message.lines for message in messages(world.receiver)] == [["b1", "b2"], ["b1"]]


async def test_what_waits_is_put_right_while_the_incident_flaps(world: World) -> None:
    terms = Terms(flap=FlapRule(most=1, window_us=3600 * SECOND_US), notify=parse_notify("new,grew,shrank"))
    await world.start(chat(terms=terms))
    await state(world, "a", "b1")
    world.receiver.answers(DOWN)
    for listed in (("b1", "b2"), ("b1",), ("b1", "b2", "b3")):
        await state(world, "a", *listed)
    world.receiver.answers(OK)
    await world.pass_time(HOUR_S)
    assert messages(world.receiver)[-1].lines == ["b1", "b2", "b3"]


async def test_nobody_stands_in_for_what_is_not_to_be_told_any_more(world: World) -> None:
    first = replace(WAITING[0], name="first", filter=HIGH, chain=Chain(fallback="second"))
    await world.start(first, chat("second", chain=Chain(fallback_only=True)))
    await state(world, "a", "b1", score=83)
    await state(world, "a", "b1", score=50)
    await world.pass_time(2 * MORNING_S)
    assert world.receiver.sent == []
