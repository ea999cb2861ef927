"""How a gateway ends: nothing is lost, nothing is charged for it, nothing starts any more."""

from __future__ import annotations

import asyncio

from gateway.domain.delivery import State
from gateway.ports import StoreUnavailable
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.gateway_world import DOWN, OK, World, a_body, a_route


async def stored_states(world: World, alerts: list[str]) -> list[State]:
    """What a later process finds."""
    await world.start(a_route(enabled=False))
    rows = [await world.row(alert) for alert in alerts]
    assert all(row.state in {State.PARKED, State.DELIVERED} for row in rows)
    return [row.state for row in rows]


async def test_what_is_under_way_is_finished_within_the_grace_time(world: World) -> None:
    await world.start()
    world.receiver.shut()
    alert = await world.alert()
    await world.settled()
    ending = asyncio.create_task(world.stop(grace_s=10))
    await asyncio.sleep(0)
    world.receiver.open()
    await ending
    assert await stored_states(world, [alert]) == [State.DELIVERED]


async def test_what_outlasts_the_grace_time_is_given_back_uncharged(world: World) -> None:
    await world.start(a_route(concurrency=2))
    world.receiver.shut()
    alerts = [await world.alert() for _ in range(5)]
    await world.settled()
    await world.stop(grace_s=0.01)
    assert await stored_states(world, alerts) == [State.PARKED] * 5
    assert [(await world.row(alert)).attempts for alert in alerts] == [0] * 5


async def test_the_rest_waits_for_the_next_start_because_nothing_is_claimed_any_more(world: World) -> None:
    await world.start(a_route(concurrency=1))
    world.receiver.shut()
    alerts = [await world.alert() for _ in range(5)]
    await world.settled()
    ending = asyncio.create_task(world.stop(grace_s=10))
    await asyncio.sleep(0)
    world.receiver.open()
    await ending
    assert len(world.receiver.sent) == 1
    await world.start(*world.routes)
    await world.settled()
    assert [await world.state(alert) for alert in alerts] == [State.DELIVERED] * 5
    assert len(world.receiver.sent) == 5


async def test_a_claim_that_is_answered_during_the_end_is_given_back(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    world.receiver.answers(DOWN)
    alert = await world.alert()
    await world.settled()
    faulty.late = {"claim"}
    world.clock.move(10)
    world.clock.ring()
    await world.until(lambda: faulty.calls[-1] == "claim")
    world.receiver.answers(OK)
    ending = asyncio.create_task(world.stop(grace_s=10))
    await asyncio.sleep(0)
    faulty.gate.set()
    await ending
    world.wrap = lambda store: store
    assert await stored_states(world, [alert]) == [State.PARKED]
    assert len(world.receiver.sent) == 1
    assert (await world.row(alert)).attempts == 1


async def test_an_alert_that_is_being_stored_during_the_end_is_kept_for_the_next_start(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    faulty.late = {"put"}
    storing = asyncio.create_task(world.receive(a_body()))
    await world.until(lambda: "put" in faulty.calls)
    ending = asyncio.create_task(world.stop(grace_s=10))
    await asyncio.sleep(0)
    faulty.gate.set()
    reply = await storing
    await ending
    assert world.receiver.sent == []
    world.wrap = lambda store: store
    assert await stored_states(world, [reply.id]) == [State.PARKED]  # type: ignore[union-attr]
    assert (await world.row(reply.id)).attempts == 0  # type: ignore[union-attr]


async def test_the_grace_time_is_one_for_all_steps(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start(a_route("a"), a_route("b"), a_route("c"))
    world.receiver.shut()
    await world.alert()
    await world.settled()
    faulty.late = {"put"}
    storing = asyncio.create_task(world.receive(a_body()))
    await world.until(lambda: "put" in faulty.calls)
    began_s = asyncio.get_running_loop().time()
    await world.dispatcher.stop(0.1)
    assert asyncio.get_running_loop().time() - began_s < 5
    faulty.gate.set()
    await storing
    await world.settled()
    assert len(world.receiver.sent) == 3


async def test_results_that_cannot_be_written_do_not_hold_up_the_end(world: World) -> None:
    faulty = FaultyStore()
    world.wrap = faulty.around
    await world.start()
    faulty.fails = {"record", "release"}
    alert = await world.alert()
    await world.until(lambda: "record" in faulty.calls)
    try:
        await world.dispatcher.stop(0.05)
    except StoreUnavailable:
        pass
    else:
        raise AssertionError("who ends the gateway must hear that something was left")
    await world.crash()
    world.wrap = lambda store: store
    await world.start()
    await world.settled()
    assert await world.state(alert) is State.DELIVERED
    assert len(world.receiver.sent) == 2


async def test_an_end_without_anything_under_way_takes_no_time(world: World) -> None:
    await world.start()
    began_s = asyncio.get_running_loop().time()
    await world.stop(grace_s=30)
    assert asyncio.get_running_loop().time() - began_s < 10
