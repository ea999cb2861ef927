"""Who may start, and when: slots, pace, silence."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from gateway.domain.delivery import State
from gateway.domain.message import HttpAnswer
from gateway.domain.policy import Pace
from gateway.pipeline.intake import Accepted
from tests.pipeline.gateway_world import DOWN, HOUR_S, OK, World, a_body, a_route


async def test_a_fresh_alert_starts_in_the_commit_that_stores_it(world: World) -> None:
    await world.start()
    body = a_body()
    before = world.journal.commits
    reply = await world.receive(body)
    assert isinstance(reply, Accepted)
    assert reply.routes == ("soc",)
    assert world.journal.commits == before + 1
    await world.settled()
    assert world.receiver.bodies == [body]
    assert world.receiver.sent[0].delivery_id == f"{reply.id}.soc"
    assert await world.state(reply.id) is State.DELIVERED


@pytest.mark.parametrize("concurrency", [1, 2, 3, 8])
async def test_no_more_are_under_way_than_the_route_allows_and_all_get_their_turn(
    world: World, concurrency: int
) -> None:
    await world.start(a_route(concurrency=concurrency))
    world.receiver.shut()
    alerts = [await world.alert() for _ in range(20)]
    await world.settled()
    assert world.receiver.under_way == concurrency
    world.receiver.open()
    await world.settled()
    assert world.receiver.most_under_way == concurrency
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 20


async def test_alerts_that_come_all_at_once_do_not_break_the_limit(world: World) -> None:
    await world.start(a_route(concurrency=3))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(50):
            tasks.create_task(world.receive())
    await world.settled()
    assert len(world.receiver.sent) == 50
    assert world.receiver.most_under_way <= 3


async def with_retries_due(world: World, count: int, concurrency: int) -> list[str]:
    """So many deliveries failed once; their second attempts start when ten seconds have passed."""
    await world.start(a_route(concurrency=concurrency))
    world.receiver.answers(DOWN)
    alerts = [await world.alert() for _ in range(count)]
    await world.settled()
    world.receiver.answers(OK)
    world.receiver.sent.clear()
    return alerts


async def test_a_storm_of_retries_leaves_slots_for_fresh_alerts(world: World) -> None:
    await with_retries_due(world, 20, concurrency=4)
    world.receiver.shut()
    await world.pass_time(10)
    assert world.receiver.under_way == 2
    fresh = [a_body(), a_body()]
    for body in fresh:
        await world.receive(body)
    await world.settled()
    assert world.receiver.bodies[2:] == fresh


async def test_a_replay_of_very_many_leaves_slots_for_fresh_alerts_too(world: World) -> None:
    await world.start(a_route(concurrency=4))
    alerts = [await world.alert() for _ in range(20)]
    await world.settled()
    world.receiver.shut()
    assert len(await world.operations.replay([f"{alert}.soc" for alert in alerts])) == 20
    await world.settled()
    assert world.receiver.under_way == 2
    fresh = a_body()
    await world.receive(fresh)
    await world.settled()
    assert world.receiver.bodies[-1] == fresh


async def test_a_storm_of_fresh_alerts_does_not_starve_retries(world: World) -> None:
    retried = await with_retries_due(world, 3, concurrency=2)
    world.receiver.shut()
    for _ in range(30):
        await world.alert()
    await world.pass_time(10)
    world.receiver.open()
    await world.settled()
    order = [sent.delivery_id for sent in world.receiver.sent]
    assert max(order.index(f"{alert}.soc") for alert in retried) < 12


async def test_a_single_slot_is_shared_by_turns(world: World) -> None:
    retried = await with_retries_due(world, 4, concurrency=1)
    world.receiver.shut()
    fresh = [await world.alert() for _ in range(10)]
    await world.pass_time(10)
    world.receiver.open()
    await world.settled()
    order = [sent.delivery_id.removesuffix(".soc") for sent in world.receiver.sent]
    assert set(order) == {*retried, *fresh}
    assert max(order.index(alert) for alert in retried) <= 9
    assert max(order.index(alert) for alert in fresh[:3]) <= 8


async def test_retries_without_a_slot_wait_for_one_and_not_in_a_loop(world: World) -> None:
    await with_retries_due(world, 20, concurrency=4)
    world.receiver.shut()
    await world.pass_time(10)
    asked = world.journal.commits
    for _ in range(20):
        world.clock.ring()
        await world.settled()
    pings = 20 * 3
    assert world.journal.commits - asked <= pings + 2
    world.receiver.open()
    await world.settled()
    assert len(world.receiver.sent) == 20


async def test_a_slot_freed_by_a_retry_of_the_same_delivery_is_not_freed_twice(world: World) -> None:
    """A message that is too large is due again the moment its result is written."""
    await world.start(a_route(concurrency=2))
    world.receiver.answers(HttpAnswer(413))
    for _ in range(12):
        await world.alert()
    await world.settled()
    assert world.receiver.most_under_way <= 2
    assert len(world.receiver.sent) == 24
    assert (world.lane()._slots.fresh, world.lane()._slots.retries) == (0, 0)


async def test_the_pace_is_kept(world: World) -> None:
    await world.start(a_route(pace=Pace(0.5, burst=3)))
    for _ in range(10):
        await world.alert()
    await world.pass_time(60)
    assert [sent.at_s for sent in world.receiver.sent] == [0, 0, 0, 2, 4, 6, 8, 10, 12, 14]


async def test_the_pace_counts_alerts_that_start_at_once_and_those_that_waited_alike(world: World) -> None:
    await world.start(a_route(pace=Pace(1.0, burst=1)))
    for _ in range(30):
        await world.alert()
        await world.alert()
        await world.pass_time(0.7)
    await world.pass_time(60)
    at = [sent.at_s for sent in world.receiver.sent]
    assert len(at) == 60
    assert all(later - earlier > 0.99 for earlier, later in itertools.pairwise(at))


async def test_an_alert_that_comes_just_when_the_pace_allows_one_does_not_overtake_those_that_wait(
    world: World,
) -> None:
    await world.start(a_route(pace=Pace(1.0, burst=1)))
    first = [await world.alert() for _ in range(3)]
    await world.settled()
    world.clock.move(1)
    await world.alert()
    await world.settled()
    assert [sent.delivery_id for sent in world.receiver.sent] == [f"{alert}.soc" for alert in first[:2]]


async def test_a_duplicate_gives_back_what_was_reserved_for_it(world: World) -> None:
    await world.start(a_route(concurrency=1, pace=Pace(0.001, burst=2)))
    body = a_body()
    for _ in range(5):
        await world.receive(body)
    await world.alert()
    await world.settled()
    assert len(world.receiver.sent) == 2


@pytest.mark.parametrize("status", [200, 429, 503])
async def test_retry_after_silences_the_whole_route_and_is_kept_over_a_restart(world: World, status: int) -> None:
    await world.start()
    world.receiver.answers(HttpAnswer(status, {"retry-after": "120"}), OK)
    await world.alert()
    await world.settled()
    await world.alert()
    await world.pass_time(60)
    await world.restart()
    await world.alert()
    await world.pass_time(59)
    assert len(world.receiver.sent) == 1
    await world.pass_time(2)
    assert len(world.receiver.sent) == (3 if status == 200 else 4)
    assert all(sent.at_s >= 120 for sent in world.receiver.sent[1:])


async def test_a_silence_of_one_route_is_none_of_the_others(world: World) -> None:
    await world.start(a_route("a"), a_route("b"))
    world.receiver.does(lambda sent: HttpAnswer(429, {"retry-after": "600"}) if sent.delivery_id.endswith(".a") else OK)
    first = await world.alert()
    await world.settled()
    second = await world.alert()
    await world.settled()
    assert await world.state(first, "b") is await world.state(second, "b") is State.DELIVERED
    assert await world.state(second, "a") is State.PENDING


async def test_an_endless_silence_is_cut_to_a_day(world: World) -> None:
    await world.start()
    world.receiver.answers(HttpAnswer(503, {"retry-after": "1e300"}), OK)
    alert = await world.alert()
    await world.pass_time(24 * HOUR_S + 1)
    assert await world.state(alert) is State.DELIVERED


async def test_an_operators_resume_ends_a_silence_at_once_and_for_good(world: World) -> None:
    await world.start()
    world.receiver.answers(HttpAnswer(503, {"retry-after": "3600"}), OK)
    await world.alert()
    await world.settled()
    await world.alert()
    await world.operations.resume("soc")
    await world.settled()
    assert len(world.receiver.sent) == 3
    assert (await world.store.route_states())["soc"].hold_until_us == 0


async def test_a_clock_that_was_set_forward_does_not_keep_retries_waiting(world: World) -> None:
    await world.start()
    world.receiver.answers(DOWN, DOWN, DOWN, OK)
    alert = await world.alert()
    await world.pass_time(130)
    world.clock.us += 1000 * 1_000_000
    await world.pass_time(300)
    assert await world.state(alert) is State.DELIVERED


async def test_a_clock_that_was_set_back_only_delays(world: World) -> None:
    await world.start()
    world.receiver.answers(DOWN, OK)
    alert = await world.alert()
    await world.settled()
    world.clock.us -= 1800 * 1_000_000
    fresh = await world.alert()
    await world.settled()
    assert await world.state(fresh) is State.DELIVERED
    await world.pass_time(1820)
    assert await world.state(alert) is State.DELIVERED
