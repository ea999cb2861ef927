"""The line before a route's slots: what was handed out when it was stored, and has to wait a moment."""

from __future__ import annotations

from gateway.domain.delivery import State
from gateway.domain.message import HttpAnswer
from gateway.domain.policy import Pace, RetryPolicy
from gateway.pipeline.line import LONGEST_WAIT_S
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import World, a_body, a_route

BUSY = HttpAnswer(429, {"retry-after": "60"})
GONE = HttpAnswer(410)


async def with_a_line(world: World, count: int, timeout_s: float = 5.0) -> tuple[FaultyStore, list[str]]:
    """One delivery is under way and the others wait for its slot."""
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start(a_route(concurrency=1, timeout_s=timeout_s))
    world.receiver.shut()
    alerts = [await world.alert() for _ in range(count)]
    await world.settled()
    assert world.receiver.under_way == 1
    return faulty, alerts


async def states(world: World, alerts: list[str]) -> list[State]:
    return [await world.state(alert) for alert in alerts]


async def attempts(world: World, alert: str) -> int:
    found = await world.store.delivery(f"{alert}.soc", stopped=())
    assert found is not None
    return found[0].attempts


async def test_a_burst_goes_out_in_its_order_without_asking_the_store_for_it(world: World) -> None:
    faulty, alerts = await with_a_line(world, 6)
    assert await states(world, alerts) == [State.SENDING] * 6
    world.receiver.open()
    await world.settled()
    assert [sent.delivery_id for sent in world.receiver.sent] == [f"{alert}.soc" for alert in alerts]
    assert await states(world, alerts) == [State.DELIVERED] * 6
    assert world.receiver.most_under_way == 1
    assert "claim" not in faulty.calls


async def test_who_waits_too_long_goes_back_to_the_store_and_is_not_charged(world: World) -> None:
    _, alerts = await with_a_line(world, 4, timeout_s=60.0)
    await world.pass_time(LONGEST_WAIT_S + 0.1)
    assert await states(world, alerts) == [State.SENDING] + [State.PENDING] * 3
    assert [await attempts(world, alert) for alert in alerts] == [1, 0, 0, 0]
    world.receiver.open()
    await world.settled()
    assert [sent.delivery_id for sent in world.receiver.sent] == [f"{alert}.soc" for alert in alerts]
    assert [await attempts(world, alert) for alert in alerts] == [1] * 4


async def test_a_line_that_moves_is_not_sent_back(world: World) -> None:
    faulty, _ = await with_a_line(world, 3)
    await world.pass_time(LONGEST_WAIT_S - 1)
    world.receiver.open()
    await world.settled()
    world.receiver.shut()
    for _ in range(3):
        await world.alert()
    await world.pass_time(2)
    assert "release" not in faulty.calls
    world.receiver.open()
    await world.settled()
    assert len(world.receiver.sent) == 6


async def test_a_receiver_that_asks_for_a_pause_gets_it_from_those_in_line_too(world: World) -> None:
    _, alerts = await with_a_line(world, 4)
    world.receiver.answers(BUSY, HttpAnswer(200))
    world.receiver.open()
    await world.settled()
    assert len(world.receiver.sent) == 1
    assert await states(world, alerts) == [State.PENDING] * 4
    await world.pass_time(61)
    assert await states(world, alerts) == [State.DELIVERED] * 4


async def test_a_route_that_stops_parks_its_line(world: World) -> None:
    _, alerts = await with_a_line(world, 4)
    world.receiver.answers(GONE)
    world.receiver.open()
    await world.settled()
    assert len(world.receiver.sent) == 1
    assert await states(world, alerts[1:]) == [State.PARKED] * 3
    assert [await attempts(world, alert) for alert in alerts[1:]] == [0] * 3


async def test_a_pause_by_an_operator_holds_the_line_and_a_resume_lets_it_go(world: World) -> None:
    _, alerts = await with_a_line(world, 3)
    await world.operations.pause("soc")
    await world.settled()
    assert await states(world, alerts[1:]) == [State.PARKED] * 2
    await world.operations.resume("soc")
    world.receiver.open()
    await world.settled()
    assert await states(world, alerts) == [State.DELIVERED] * 3


async def test_at_the_end_the_line_goes_back_untried(world: World) -> None:
    _, alerts = await with_a_line(world, 4)
    world.receiver.open()
    await world.stop()
    await world.start(a_route(concurrency=1))
    await world.settled()
    assert sorted(sent.delivery_id for sent in world.receiver.sent) == sorted(f"{alert}.soc" for alert in alerts)
    assert [await attempts(world, alert) for alert in alerts] == [1] * 4


async def test_a_crash_loses_nobody_in_line_and_sends_nobody_twice(world: World) -> None:
    _, alerts = await with_a_line(world, 4)
    await world.crash()
    sent_before = len(world.receiver.sent)
    world.receiver.open()
    await world.start(a_route(concurrency=1))
    await world.settled()
    assert await states(world, alerts) == [State.DELIVERED] * 4
    assert len(world.receiver.sent) - sent_before == 4


async def test_large_alerts_wait_in_the_store(world: World) -> None:
    _, alerts = await with_a_line(world, 1)
    large = await world.alert(alertDetails="x" * 20_000)
    small = await world.alert()
    assert await states(world, [*alerts, large, small]) == [State.SENDING, State.PENDING, State.PENDING]
    world.receiver.open()
    await world.settled()
    assert [sent.delivery_id for sent in world.receiver.sent] == [f"{alert}.soc" for alert in (*alerts, large, small)]


async def test_the_line_is_short_and_the_rest_waits_in_the_store_behind_it(world: World) -> None:
    _, alerts = await with_a_line(world, 30)
    assert await states(world, alerts) == [State.SENDING] * 17 + [State.PENDING] * 13
    world.receiver.open()
    await world.settled()
    assert [sent.delivery_id for sent in world.receiver.sent] == [f"{alert}.soc" for alert in alerts]


async def test_a_route_with_a_single_attempt_or_a_pace_has_no_line(world: World) -> None:
    await world.start(
        a_route("once", concurrency=1, retry=RetryPolicy((), 60.0)), a_route("slow", pace=Pace(0.001, burst=1))
    )
    world.receiver.shut()
    await world.receive(a_body())
    second = await world.alert()
    assert await world.state(second, "once") is State.PENDING
    assert await world.state(second, "slow") is State.PENDING
