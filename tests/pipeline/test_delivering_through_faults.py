"""What becomes of deliveries when the store is away, a fault is ours, the process dies or a lease runs out."""

from __future__ import annotations

from structlog.testing import capture_logs

from gateway.domain.delivery import State
from gateway.domain.policy import RetryPolicy
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import World, a_route


async def test_a_result_is_written_once_the_store_is_there_again_and_nothing_is_sent_twice(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    faulty.fails = {"record"}
    alert = await world.alert()
    await world.until(lambda: faulty.calls.count("record") >= 2)
    faulty.fails = set()
    await world.until(lambda: bool(world.journal.attempts))
    assert await world.state(alert) is State.DELIVERED
    assert len(world.receiver.sent) == 1


async def test_a_store_out_of_reach_is_asked_again_a_second_later(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start(a_route(concurrency=1, retry=RetryPolicy((), 60.0)))
    faulty.fails = {"claim"}
    world.receiver.shut()
    alerts = [await world.alert() for _ in range(3)]
    world.receiver.open()
    await world.pass_time(3)
    assert len(world.receiver.sent) == 1
    assert faulty.calls.count("claim") <= 5
    faulty.fails = set()
    await world.pass_time(1)
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 3


async def test_a_fault_of_ours_while_claiming_is_told_and_does_not_silence_the_route(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start(a_route(concurrency=1, retry=RetryPolicy((), 60.0)))
    faulty.fails, faulty.error = {"claim"}, ZeroDivisionError()
    world.receiver.shut()
    alerts = [await world.alert() for _ in range(3)]
    world.receiver.open()
    with capture_logs() as lines:
        await world.settled()
    assert "route.stumbled" in [line["event"] for line in lines]
    faulty.fails = set()
    await world.pass_time(1)
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 3


async def test_a_result_that_can_never_be_written_is_told_and_frees_its_slot(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start(a_route(concurrency=1))
    faulty.fails, faulty.error = {"record"}, ZeroDivisionError()
    with capture_logs() as lines:
        await world.alert()
        await world.settled()
    assert [line["event"] for line in lines] == ["delivery.crashed"]
    faulty.fails = set()
    alert = await world.alert()
    await world.settled()
    assert await world.state(alert) is State.DELIVERED


async def test_a_delivery_that_takes_the_process_down_ends_dead_and_not_in_a_loop(world: World) -> None:
    await world.start(a_route(retry=RetryPolicy((0.05, 0.05), 4000.0)))
    world.receiver.shut()
    alert = await world.alert()
    for _ in range(3):
        await world.settled()
        await world.crash()
        await world.start(*world.routes)
    await world.settled()
    assert await world.state(alert) is State.DEAD
    assert len(world.receiver.sent) == 3
    _, attempts = await world.found(alert)
    assert [attempt.detail["outcome"] for attempt in attempts] == ["interrupted"] * 3 + ["rejected"]


async def test_a_lease_that_ran_out_is_taken_back_and_its_late_result_is_not_written(world: World) -> None:
    await world.start(a_route(timeout_s=5.0))
    world.receiver.shut()
    alert = await world.alert()
    await world.settled()
    world.clock.move(36)
    await world.housekeeping.take_back()
    await world.settled()
    assert world.journal.expired == ["soc"]
    assert len(world.receiver.sent) == 2
    world.receiver.open()
    await world.settled()
    assert [claim.token for claim in world.journal.lost] == [1]
    _, attempts = await world.found(alert)
    assert [attempt.detail["outcome"] for attempt in attempts] == ["interrupted", "ok"]


async def test_a_lease_is_renewed_as_long_as_the_attempt_is_under_way(world: World) -> None:
    await world.start(a_route(timeout_s=5.0))
    world.receiver.shut()
    await world.alert()
    await world.settled()
    for _ in range(4):
        world.clock.move(34)
        await world.dispatcher.renew()
        await world.housekeeping.take_back()
    assert world.journal.expired == []
    world.receiver.open()
    await world.settled()
    assert len(world.receiver.sent) == 1


async def test_a_lease_outlives_the_longest_attempt_by_far(world: World) -> None:
    await world.start(a_route(timeout_s=5.0))
    world.receiver.shut()
    await world.alert()
    await world.settled()
    world.clock.move(30)
    await world.housekeeping.take_back()
    assert world.journal.expired == []
