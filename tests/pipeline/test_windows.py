"""Hours in which a route is silent: what waits for their end, and what is never sent."""

from __future__ import annotations

import pytest

from gateway.domain.delivery import State
from gateway.domain.notify import CHANGES, EVERYTHING
from gateway.domain.telling import Terms
from gateway.domain.window import WhenMuted
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.gateway_world import DOWN, OK, World
from tests.pipeline.telling_world import ON_CHANGE, TO_THE_MORNING_S, chat, grouping, messages, state

EVERY_STATE = Terms(notify=EVERYTHING)


def by_day(terms: Terms = ON_CHANGE, **more: object) -> ConfiguredRoute:
    """Silent from 22:00 to 06:00; the world begins at 22:13."""
    return chat(terms=terms, mute="22:00-06:00 UTC", **more)  # type: ignore[arg-type]  # typed where a test writes them


async def test_what_comes_at_night_is_told_in_the_morning(world: World) -> None:
    await world.start(by_day())
    alert = await state(world, "a", "bucket")
    await world.pass_time(TO_THE_MORNING_S - 1)
    assert world.receiver.sent == []
    assert await world.state(alert) is State.PENDING
    await world.pass_time(2)
    assert [message.alert for message in messages(world.receiver)] == ["a"]
    await state(world, "b", "bucket")
    assert len(world.receiver.sent) == 2, "the route is open now"


@pytest.mark.parametrize(("terms", "backlog"), [(ON_CHANGE, "latest"), (ON_CHANGE, "all"), (EVERY_STATE, "all")])
async def test_in_the_morning_the_last_state_of_each_incident_is_told(world: World, terms: Terms, backlog: str) -> None:
    await world.start(by_day(terms, backlog=backlog))
    await state(world, "a", "bucket")
    await world.pass_time(3600)
    await state(world, "a", "bucket", "queue")
    await world.pass_time(TO_THE_MORNING_S)
    assert [message.lines for message in messages(world.receiver)] == [["bucket", "queue"]]


@pytest.mark.parametrize("backlog", ["latest", "all"])
async def test_what_is_over_by_the_morning_is_never_told(world: World, backlog: str) -> None:
    await world.start(by_day(backlog=backlog))
    opened = await state(world, "a", "bucket")
    await world.pass_time(3600)
    await state(world, "a", "-bucket")
    await world.pass_time(2 * TO_THE_MORNING_S)
    assert world.receiver.sent == []
    assert await world.state(opened) is State.SUPERSEDED


async def test_who_is_sent_every_state_hears_at_once_that_it_is_over(world: World) -> None:
    await world.start(by_day(EVERY_STATE, backlog="all"))
    await state(world, "a", "bucket")
    await state(world, "a", "-bucket")
    await world.pass_time(TO_THE_MORNING_S + 10)
    assert [(message.at_s, message.closed) for message in messages(world.receiver)] == [(0, True)]


async def test_a_closing_passes_a_mute(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "bucket")
    await world.restart(by_day())
    await state(world, "a", "-bucket")
    assert [(message.at_s, message.closed) for message in messages(world.receiver)] == [(0, False), (0, True)]


async def test_what_is_dropped_at_night_is_not_told_in_the_morning(world: World) -> None:
    await world.start(by_day(when_muted=WhenMuted.DROP))
    await state(world, "a", "bucket")
    await world.pass_time(TO_THE_MORNING_S + 10)
    assert world.receiver.sent == []
    await state(world, "a", "bucket")
    assert [message.news for message in messages(world.receiver)] == [""], "a repeat by day is its first"


async def test_news_in_the_morning_are_since_the_evening(world: World) -> None:
    await world.start(chat())
    await state(world, "a", "b1")
    await world.restart(by_day())
    await state(world, "a", "b1", "b2")
    await state(world, "a", "b1", "b2", "b3")
    await world.pass_time(TO_THE_MORNING_S + 1)
    assert [message.news for message in messages(world.receiver)] == ["", "2 new of 3 open"]


async def test_the_night_goes_on_after_a_restart(world: World) -> None:
    await world.start(by_day())
    await state(world, "a", "bucket")
    await world.crash()
    await world.start(*world.routes)
    await world.pass_time(TO_THE_MORNING_S - 1)
    assert world.receiver.sent == []
    await world.pass_time(2)
    assert len(world.receiver.sent) == 1


async def test_a_receiver_that_comes_back_at_night_is_not_woken(world: World) -> None:
    """Retries of what came by day go on; what is held waits, also as a probe."""
    await world.start(chat())
    world.receiver.answers(DOWN)
    for number in range(6):
        await state(world, f"day-{number}", "bucket")
    await world.restart(by_day())
    await state(world, "night", "bucket")
    await world.pass_time(600)
    world.receiver.answers(OK)
    await world.pass_time(7200)
    told = {message.alert for message in messages(world.receiver)}
    assert told == {f"day-{number}" for number in range(6)}
    assert world.journal.statuses == ["open", "running"]


async def test_a_paused_route_that_is_resumed_at_night_is_not_woken(world: World) -> None:
    await world.start(by_day())
    await state(world, "a", "bucket")
    await world.operations.pause("soc")
    await world.operations.resume("soc")
    await world.pass_time(60)
    assert world.receiver.sent == []


async def test_the_night_of_a_group_is_one_message(world: World) -> None:
    terms = Terms(notify=CHANGES, grouping=grouping(most=3))
    await world.start(by_day(terms))
    for number in range(5):
        await state(world, f"a-{number}", "bucket")
        await world.pass_time(600)
    assert world.receiver.sent == []
    await world.pass_time(TO_THE_MORNING_S)
    (message,) = messages(world.receiver)
    assert len(message.lines) == 5


async def test_what_waits_for_hours_that_a_route_has_no_more_is_told_at_the_next_start(world: World) -> None:
    await world.start(by_day())
    await state(world, "a", "bucket")
    await world.pass_time(60)
    await world.restart(by_day())
    await world.pass_time(60)
    assert world.receiver.sent == [], "it is night still"
    await world.restart(chat(terms=ON_CHANGE))
    await world.pass_time(1)
    assert [message.alert for message in messages(world.receiver)] == ["a"]
