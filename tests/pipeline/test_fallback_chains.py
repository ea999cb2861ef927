"""A reserve that has a reserve: each comes after its own time, the last one too."""

from __future__ import annotations

import pytest

from gateway.domain.chain import Chain
from gateway.domain.delivery import State
from gateway.domain.message import Answer
from gateway.pipeline.configured import ConfiguredRoute
from tests.pipeline.fakes import Sent
from tests.pipeline.gateway_world import DOWN, OK, REJECTED, SECOND_US, World
from tests.pipeline.telling_world import TO_THE_MORNING_S, chat, messages, state

AFTER_S = 900


def reserve(name: str, *, next_: str = "", after_s: int | None = None, only: bool = True) -> ConfiguredRoute:
    after_us = None if after_s is None else after_s * SECOND_US
    return chat(name, chain=Chain(fallback=next_, fallback_after_us=after_us, fallback_only=only))


def three(first_s: int = 100, second_s: int = 300) -> tuple[ConfiguredRoute, ...]:
    return (
        reserve("first", next_="second", after_s=first_s, only=False),
        reserve("second", next_="third", after_s=second_s),
        reserve("third"),
    )


def answering(world: World, **answers: Answer) -> None:
    """These routes' receivers answer so, every other takes everything."""

    def script(sent: Sent) -> Answer:
        return answers.get(sent.delivery_id.rpartition(".")[2], OK)

    world.receiver.does(script)


def first_at_s(world: World, route: str) -> float | None:
    return next((message.at_s for message in messages(world.receiver, route)), None)


async def test_each_comes_after_its_own_time(world: World) -> None:
    await world.start(*three())
    answering(world, first=DOWN, second=DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(3000)
    assert [first_at_s(world, name) for name in ("first", "second", "third")] == [0, 100, 400]


async def test_what_the_second_delivers_does_not_reach_the_third(world: World) -> None:
    await world.start(*three())
    answering(world, first=DOWN)
    alert = await state(world, "a", "bucket")
    await world.pass_time(3000)
    assert [first_at_s(world, name) for name in ("second", "third")] == [100, None]
    assert await world.state(alert, "third") is State.SUPERSEDED


async def test_what_the_first_delivers_reaches_none_of_them(world: World) -> None:
    await world.start(*three())
    alert = await state(world, "a", "bucket")
    await world.pass_time(3000)
    assert [first_at_s(world, name) for name in ("second", "third")] == [None, None]
    assert [await world.state(alert, name) for name in ("second", "third")] == [State.SUPERSEDED] * 2


async def test_what_the_first_delivers_late_ends_what_waits_behind_the_second(world: World) -> None:
    await world.start(*three(first_s=5, second_s=300))
    answering(world, first=DOWN, second=REJECTED, third=DOWN)
    alert = await state(world, "a", "bucket")
    await world.pass_time(8)
    assert await world.state(alert, "second") is State.DEAD
    assert first_at_s(world, "third") == 5
    answering(world, second=REJECTED, third=DOWN)
    await world.pass_time(20)
    assert await world.state(alert, "first") is State.DELIVERED
    assert await world.state(alert, "third") is State.SUPERSEDED


async def test_who_gives_up_hands_on_at_once_and_the_next_has_its_full_time(world: World) -> None:
    await world.start(*three())
    answering(world, first=REJECTED, second=DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(3000)
    assert [first_at_s(world, name) for name in ("second", "third")] == [0, 300]


async def test_who_gives_up_one_after_another_hands_on_to_the_end(world: World) -> None:
    await world.start(*three())
    answering(world, first=REJECTED, second=REJECTED)
    await state(world, "a", "bucket")
    await world.settled()
    assert first_at_s(world, "third") == 0


async def test_the_last_of_a_chain_may_be_shared(world: World) -> None:
    """By one that is late after a minute and by one that has an hour before it is asked at all."""
    long, short = reserve("first", next_="second", after_s=3600, only=False), reserve("second", next_="last", after_s=1)
    other = reserve("other", next_="last", after_s=60, only=False)
    await world.start(long, short, other, reserve("last"))
    answering(world, first=DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(7200)
    assert first_at_s(world, "last") is None, "each of the routes it stands in for has delivered"
    answering(world, first=DOWN, other=DOWN)
    await state(world, "b", "bucket")
    await world.pass_time(100)
    assert first_at_s(world, "last") == 7260


async def test_a_chain_goes_on_where_its_next_route_took_the_alert_itself(world: World) -> None:
    first, _, third = three()
    await world.start(first, reserve("second", next_="third", after_s=300, only=False), third)
    answering(world, first=DOWN, second=DOWN)
    await state(world, "a", "bucket")
    await world.pass_time(3000)
    assert [first_at_s(world, name) for name in ("second", "third")] == [0, 300]


async def test_a_cancelled_reserve_hands_on_to_nobody(world: World) -> None:
    await world.start(*three())
    answering(world, first=DOWN)
    alert = await state(world, "a", "bucket")
    await world.operations.cancel([f"{alert}.second"])
    await world.pass_time(3000)
    assert [first_at_s(world, name) for name in ("second", "third")] == [None, None]


async def test_newer_states_go_the_same_way(world: World) -> None:
    await world.start(*three())
    answering(world, first=DOWN, second=DOWN)
    for number in range(10):
        await state(world, "a", *(f"b{each}" for each in range(number + 1)))
        await world.pass_time(50)
    assert [first_at_s(world, name) for name in ("second", "third")] == [100, 400]


@pytest.mark.parametrize("crash", [False, True])
async def test_the_time_of_the_last_runs_from_the_morning_of_the_first(world: World, *, crash: bool) -> None:
    asleep = chat("first", mute="22:00-06:00 UTC", chain=Chain(fallback="second", fallback_after_us=100 * SECOND_US))
    await world.start(asleep, *three()[1:])
    answering(world, first=DOWN, second=DOWN)
    await state(world, "a", "bucket")
    if crash:
        await world.crash()
        await world.start(*world.routes)
    await world.pass_time(TO_THE_MORNING_S + 1000)
    morning_s = TO_THE_MORNING_S
    assert [first_at_s(world, name) for name in ("second", "third")] == [morning_s + 100, morning_s + 400]
